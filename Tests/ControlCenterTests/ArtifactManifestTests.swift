import Cryptography
import Database
import ReleaseManifest
import TestSupport
import Testing
import WireFormats

@testable import ControlCenter

/// Uploads and releases that come with the vendor's signed manifest.
@Suite(.postgreSQLServer, .timeLimit(.minutes(5))) struct ArtifactManifestTests {
  private func manifest(_ version: String, chart: [UInt8], change: (inout Manifest) -> Void = { _ in }) -> Manifest {
    var manifest = Manifest(
      product: "wrktalk", version: version, sequence: 7, issuedAt: ArtifactFixture.start,
      expires: ArtifactFixture.start + .seconds(86_400 * 30),
      artifacts: [
        .init(runtime: .helm, sha256: SHA256.digest(of: chart).hexadecimal, size: Int64(chart.count))
      ])
    change(&manifest)
    return manifest
  }

  @Test func aManifestIsCheckedAndKeptAsItCame() async throws {
    let signer = ReleaseSigner(now: ArtifactFixture.start)
    let other = ReleaseSigner(now: ArtifactFixture.start)
    let chart = try TestArchive.chart("1.0.0")
    let good = signer.sign(manifest("1.0.0", chart: chart))
    let bad: [(String, String)] = [
      (other.sign(manifest("1.0.0", chart: chart)), "sign"),
      (signer.sign(manifest("1.0.1", chart: chart)), "1.0.1"),
      (signer.sign(manifest("1.0.0", chart: [1, 2, 3])), "it names the Helm chart"),
      (signer.sign(manifest("1.0.0", chart: chart) { $0.artifacts[0].runtime = .compose }), "names no Helm chart"),
      (signer.sign(manifest("1.0.0", chart: chart) { $0.artifacts[0].size += 1 }), "bytes"),
      (signer.sign(manifest("1.0.0", chart: chart) { $0.product = "other" }), "product"),
      (
        signer.sign(
          manifest("1.0.0", chart: chart) {
            $0.expires = ArtifactFixture.start + .seconds(-1)
            $0.issuedAt = $0.expires + .seconds(-1)
          }), "expired"
      ),
      ("{}", "payloadType"), ("not JSON", "JSON"),
    ]
    try await ArtifactFixture.with(trustRoot: signer.root) { fixture, server in
      for (text, reason) in bad {
        let answer = try await server.upload(chart, version: "1.0.0", manifest: text)
        #expect(answer.status == 422)
        #expect(answer.error.hasPrefix("manifest: ") && answer.error.contains(reason), "\(reason): \(answer.error)")
      }
      try await fixture.expectNothing()
      #expect(try await server.upload(chart, version: "1.0.0", manifest: good).status == 200)
      _ = try await server.send("POST", "/api/internal/releases", ControlCenterTestServer.release("1.0.0"))
      #expect(try await server.send("POST", "/api/internal/releases/1.0.0/publish").status == 200)
      #expect(try await fixture.rows("SELECT manifest FROM gcc_release").first?[0] == .text(good))
    }
    // Without a trust root only what it says counts.
    try await ArtifactFixture.with { fixture, server in
      let others = try await server.upload(chart, version: "1.0.0", manifest: bad[0].0)
      #expect(others.status == 200)
      for (text, _) in bad[1...4] {
        #expect(try await server.upload(chart, version: "1.0.0", manifest: text).status == 422)
      }
    }
  }

  @Test func aReleaseIsNotPublishedAgainstItsManifest() async throws {
    let signer = ReleaseSigner(now: ArtifactFixture.start)
    let chart = try TestArchive.chart("1.0.0")
    try await ArtifactFixture.with(trustRoot: signer.root) { fixture, server in
      let text = signer.sign(manifest("1.0.0", chart: chart))
      _ = try await server.upload(chart, version: "1.0.0")
      let release = ControlCenterTestServer.release("1.0.0") { $0["manifest"] = .string(text) }
      #expect(try await server.send("POST", "/api/internal/releases", release).status == 200)
      // The bundle is not in it.
      _ = try await server.upload(TestArchive.bundle(), type: "compose", version: "1.0.0")
      let refused = try await server.send("POST", "/api/internal/releases/1.0.0/publish")
      #expect(refused.status == 409)
      #expect(refused.error.contains("names no Compose bundle"), "\(refused.error)")
      let wrong = ControlCenterTestServer.release("1.0.1") { $0["manifest"] = .string(text) }
      #expect(try await server.send("POST", "/api/internal/releases", wrong).status == 422)
    }
  }
}
