import Cryptography
import Database
import HTTPTransport
import ObjectStorage
import Synchronization
import TestSupport
import Testing
import WireFormats

@testable import ControlCenter

@Suite(.timeLimit(.minutes(5))) struct ArtifactDownloadTests {
  private func get(
    _ server: ControlCenterTestServer, _ path: String, _ method: String = "GET", token: String? = "customer-of-acme",
    _ headers: [(name: String, value: String)] = []
  ) async throws -> ControlCenterTestServer.Answer {
    try await server.send(method, "/api/artifacts/charts/\(path)", token: token, headers: headers)
  }

  /// Larger than a piece, and not to be compressed.
  private func chart() throws -> [UInt8] {
    try TestArchive.chart("2.3.0", payload: Hexadecimal.encode(SecureRandom.bytes(count: 700_000)))
  }

  @Test func customersGetWhatWasPublishedWholeOrInParts() async throws {
    try await ArtifactFixture.with { fixture, server in
      let (chart, bundle) = (try chart(), try TestArchive.bundle())
      _ = try await server.publish("2.3.0", chart: chart, bundle: bundle)
      let sha256 = SHA256.digest(of: chart).hexadecimal
      let etag = "\"\(sha256)\""
      let whole = try await get(server, "2.3.0?type=helm")
      #expect(whole.status == 200)
      #expect(whole.body == chart)
      #expect(whole.headers["X-Sha256"] == sha256)
      #expect(whole.headers["ETag"] == etag)
      #expect(whole.headers["Content-Type"] == "application/gzip")
      #expect(whole.headers["Content-Length"] == "\(chart.count)")
      #expect(whole.headers["Accept-Ranges"] == "bytes")
      #expect(try await get(server, "v2.3.0?type=compose").body == bundle)

      let head = try await get(server, "2.3.0?type=helm", "HEAD", [("Range", "bytes=0-9")])
      #expect(head.status == 200 && head.body.isEmpty)
      #expect(head.headers["Content-Length"] == "\(chart.count)" && head.headers["X-Sha256"] == sha256)

      for (range, expected) in [
        ("bytes=0-9", 0..<10), ("bytes=300000-700000", 300_000..<700_001), ("bytes=500000-", 500_000..<chart.count),
        ("bytes=-7", (chart.count - 7)..<chart.count),
      ] {
        let part = try await get(server, "2.3.0?type=helm", "GET", [("Range", range)])
        #expect(part.status == 206)
        #expect(part.body == Array(chart[expected]))
        #expect(
          part.headers["Content-Range"] == "bytes \(expected.lowerBound)-\(expected.upperBound - 1)/\(chart.count)")
        #expect(part.headers["ETag"] == etag)
      }
      let behind = try await get(server, "2.3.0?type=helm", "GET", [("Range", "bytes=\(chart.count)-")])
      #expect(behind.status == 416)
      #expect(behind.headers["Content-Range"] == "bytes */\(chart.count)")
      #expect(!behind.error.isEmpty)
      #expect(
        try await get(server, "2.3.0?type=helm", "GET", [("Range", "bytes=0-1"), ("If-Range", etag)]).status == 206)
      #expect(
        try await get(server, "2.3.0?type=helm", "GET", [("Range", "bytes=0-1"), ("If-Range", "\"x\"")]).body == chart)
      for tags in [etag, "W/\(etag)", "\"x\", \(etag)", "*"] {
        let known = try await get(server, "2.3.0?type=helm", "GET", [("If-None-Match", tags)])
        #expect(known.status == 304 && known.body.isEmpty)
        #expect(known.headers["ETag"] == etag)
      }
      #expect(try await get(server, "2.3.0?type=helm", "GET", [("If-None-Match", "\"x\"")]).status == 200)
    }
  }

  @Test func onlyWhatIsPublishedIsGiven() async throws {
    try await ArtifactFixture.with { fixture, server in
      _ = try await server.upload(TestArchive.chart("1.0.0"), version: "1.0.0")
      #expect(try await get(server, "1.0.0?type=helm").status == 404)
      _ = try await server.send("POST", "/api/internal/releases", ControlCenterTestServer.release("1.0.0"))
      #expect(try await get(server, "1.0.0?type=helm").status == 404)
      _ = try await server.send("POST", "/api/internal/releases/1.0.0/publish")
      #expect(try await get(server, "1.0.0?type=helm").status == 200)
      let none = try await get(server, "1.0.0?type=compose")
      #expect(none.status == 404 && none.error.contains("has no Compose bundle"))
      // It is needed for a return to it.
      _ = try await server.send("POST", "/api/internal/releases/1.0.0/deprecate")
      #expect(try await get(server, "1.0.0?type=helm").status == 200)
      _ = try await server.send("POST", "/api/internal/releases/1.0.0/withdraw")
      let withdrawn = try await get(server, "1.0.0?type=helm")
      #expect(withdrawn.status == 410)
      #expect(withdrawn.error.contains("withdrawn by the vendor"))

      for path in [
        "9.9.9", "..%2f..%2fetc%2fpasswd", "1.0.0%00", "%2e%2e", "1.0.0+x", String(repeating: "1", count: 300),
      ] {
        #expect(try await get(server, "\(path)?type=helm").status == 404, "\(path)")
      }
      for query in ["", "?type=", "?type=rpm", "?type=../x"] {
        #expect(try await get(server, "1.0.0\(query)").status == 400, "\(query)")
      }
      #expect(try await get(server, "1.0.0?type=helm", token: nil).status == 401)
      #expect(try await get(server, "1.0.0?type=helm", token: "ci").status == 403)
      #expect(try await get(server, "1.0.0?type=helm", "POST").status == 405)
    }
  }

  @Test func whatIsNotAsItWasPublishedIsNotGiven() async throws {
    try await ArtifactFixture.with { fixture, server in
      let chart = try TestArchive.chart("1.0.0")
      _ = try await server.publish("1.0.0", chart: chart)
      let bucket = FileBucket(path: fixture.bucketFolder.path)
      try await bucket.put("charts/helm/wrktalk-1.0.0.tgz", .bytes([1, 2, 3]))
      #expect(try await get(server, "1.0.0?type=helm").status == 500)
      try await bucket.delete("charts/helm/wrktalk-1.0.0.tgz")
      #expect(try await get(server, "1.0.0?type=helm").status == 503)
      // The same bytes may come back.
      try await fixture.execute("DELETE FROM gcc_artifact")
      let gone = try await get(server, "1.0.0?type=helm")
      #expect(gone.status == 410 && gone.error.contains("no longer kept"))
      #expect(try await server.upload(TestArchive.chart("1.0.0", payload: "x"), version: "1.0.0").status == 409)
      #expect(try await server.upload(chart, version: "1.0.0").status == 200)
      #expect(try await get(server, "1.0.0?type=helm").status == 200)
    }
  }

  /// What takes long keeps few places, and others are told when to come again.
  @Test func slowDownloadsLeaveRoomForOthersAndForEverythingElse() async throws {
    try await ArtifactFixture.with { fixture, server in
      let chart = try TestArchive.chart("2.3.0")
      _ = try await server.publish("2.3.0", chart: chart)
      fixture.reads.withLock { $0 = (0, true) }
      func begin(_ organization: String, place: Int) async throws -> Task<Int, any Error> {
        let download = Task {
          try await get(server, "2.3.0?type=helm", token: "customer-of-\(organization)").status
        }
        while fixture.reads.withLock({ $0.count }) < place { try await Task.sleep(for: .milliseconds(5)) }
        return download
      }
      var downloads = [try await begin("slow", place: 1), try await begin("slow", place: 2)]
      let refused = try await get(server, "2.3.0?type=helm", token: "customer-of-slow")
      #expect(refused.status == 503 && refused.headers["Retry-After"] != nil, "\(refused.error)")
      downloads.append(try await begin("third", place: 3))
      #expect(try await get(server, "2.3.0?type=helm").status == 503)
      // What has no body needs no place.
      #expect(try await get(server, "2.3.0?type=helm", "HEAD").status == 200)
      #expect(try await server.send("GET", "/api/internal/artifacts", token: "ci").status == 200)
      fixture.reads.withLock { $0.areHeld = false }
      for download in downloads { #expect(try await download.value == 200) }
      for _ in 0..<4 {
        // A place is free when the last byte has left, which the client may see first.
        while try await get(server, "2.3.0?type=helm").status == 503 { await Task.yield() }
      }
    }
  }
}
