import Database
import TestSupport
import Testing

@testable import ControlCenter

struct UnsignedReleaseTests {
  /// Its customers have the trust root too, would all refuse it, and its version would be used up.
  @Test func underATrustRootNothingUnsignedIsPublished() async throws {
    let signer = ReleaseSigner(now: ArtifactFixture.start)
    let chart = try TestArchive.chart("1.0.0")
    try await ArtifactFixture.with(trustRoot: signer.root) { fixture, server in
      _ = try await server.upload(chart, version: "1.0.0")
      _ = try await server.send("POST", "/api/internal/releases", ControlCenterTestServer.release("1.0.0"))
      let refused = try await server.send("POST", "/api/internal/releases/1.0.0/publish")
      #expect(refused.status == 409 && refused.error.contains("carries no signed manifest"), "\(refused.error)")
      #expect(try await fixture.rows("SELECT status FROM gcc_release").first?[0] == .text("draft"))
    }
  }

  @Test func withoutOneItIs() async throws {
    let chart = try TestArchive.chart("1.0.0")
    try await ArtifactFixture.with { _, server in
      _ = try await server.upload(chart, version: "1.0.0")
      _ = try await server.send("POST", "/api/internal/releases", ControlCenterTestServer.release("1.0.0"))
      #expect(try await server.send("POST", "/api/internal/releases/1.0.0/publish").status == 200)
    }
  }
}
