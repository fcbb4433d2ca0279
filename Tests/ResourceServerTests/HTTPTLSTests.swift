import FoundationEssentials
import HTTPTransport
import Logging
import ProgramConfiguration
import TestSupport
import Testing

@testable import HTTPService
@testable import ResourceServer

/// The listener with TLS, asked by libcurl.
@Suite(.timeLimit(.minutes(5))) struct HTTPTLSTests {
  private let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })

  private func credentials(_ certificate: TestCertificate) throws -> TLSCredentials {
    try TLSCredentials(
      certificateFile: certificate.certificateFile, keyFile: certificate.keyFile, interval: .milliseconds(10),
      logger: logger)
  }

  private func get(
    _ server: HTTPTestServer, _ path: String, trusting certificate: String, scheme: String = "https"
  ) async throws(HTTPTransportError) -> HTTPTransport.HTTPResponse {
    try await server.http.send(
      HTTPRequest(
        url: "\(scheme)://localhost:\(server.port)\(path)", headers: [("Authorization", "Bearer admin")],
        tls: TLSSettings(certificateAuthorityFile: certificate)))
  }

  @Test func objectsListsAndWatchesTravelEncrypted() async throws {
    let folder = try TemporaryFolder()
    let certificate = try await TestCertificate.make(in: folder)
    let other = try await TestCertificate.make(in: folder, name: "other")
    try await HTTPTestServer.run(credentials: credentials(certificate)) { server in
      try await server.fill(count: 40, bytes: 20_000)
      let list = try await get(server, HTTPTestServer.collection, trusting: certificate.certificateFile)
      #expect(list.status == 200)
      #expect(list.body.count > 800_000)
      var watch = HTTPRequest(
        url: "https://localhost:\(server.port)\(HTTPTestServer.collection)?watch=1",
        headers: [("Authorization", "Bearer admin")],
        tls: TLSSettings(certificateAuthorityFile: certificate.certificateFile))
      watch.timeout = nil
      let stream = try await server.http.stream(watch)
      var lines = WatchLines(status: stream.status, body: stream.body)
      #expect(try await lines.nextSummary() == "ADDED d0")
      // Nobody else's certificate is taken for the server's, and without TLS nothing is served.
      let wrong = await #expect(throws: HTTPTransportError.self) {
        try await get(server, "/version", trusting: other.certificateFile)
      }
      #expect(wrong?.code == .tls)
      await #expect(throws: HTTPTransportError.self) {
        try await get(server, "/version", trusting: certificate.certificateFile, scheme: "http")
      }
    }
  }

  @Test func aRenewedCertificateIsUsedWithoutARestart() async throws {
    let folder = try TemporaryFolder()
    let first = try await TestCertificate.make(in: folder)
    let old = folder.file("old.crt")
    try FileManager.default.copyItem(atPath: first.certificateFile, toPath: old)
    let credentials = try credentials(first)
    try await HTTPTestServer.run(credentials: credentials) { server in
      #expect(try await get(server, "/version", trusting: old).status == 200)
      let second = try await TestCertificate.make(in: folder, name: "second")
      // The key first: until its certificate is there too, what was read before stays.
      try Data(contentsOf: URL(filePath: second.keyFile)).write(to: URL(filePath: first.keyFile))
      #expect(!credentials.reload())
      #expect(try await HTTPClient.fresh { try await get($0, server, trusting: old) } == 200)
      try Data(contentsOf: URL(filePath: second.certificateFile)).write(to: URL(filePath: first.certificateFile))
      #expect(credentials.reload())
      #expect(try await HTTPClient.fresh { try await get($0, server, trusting: second.certificateFile) } == 200)
      await #expect(throws: HTTPTransportError.self) {
        try await HTTPClient.fresh { try await get($0, server, trusting: old) }
      }
      // Who is connected stays connected.
      #expect(try await get(server, "/version", trusting: old).status == 200)
    }
  }

  private func get(_ client: HTTPClient, _ server: HTTPTestServer, trusting certificate: String) async throws -> Int {
    try await client.send(
      HTTPRequest(
        url: "https://localhost:\(server.port)/healthz", tls: TLSSettings(certificateAuthorityFile: certificate))
    ).status
  }

  @Test func changedFilesAreNoticed() async throws {
    let folder = try TemporaryFolder()
    let first = try await TestCertificate.make(in: folder)
    let credentials = try credentials(first)
    let before = ObjectIdentifier(credentials.context)
    let watching = Task { try await credentials.run() }
    let second = try await TestCertificate.make(in: folder, name: "second")
    for (from, to) in [(second.keyFile, first.keyFile), (second.certificateFile, first.certificateFile)] {
      try Data(contentsOf: URL(filePath: from)).write(to: URL(filePath: to))
    }
    while ObjectIdentifier(credentials.context) == before { try await Task.sleep(for: .milliseconds(5)) }
    watching.cancel()
    _ = try? await watching.value
  }

  @Test func whatCannotBeUsedIsNamedAndTheKeyIsNotShown() async throws {
    let folder = try TemporaryFolder()
    let certificate = try await TestCertificate.make(in: folder)
    let other = try await TestCertificate.make(in: folder, name: "other")
    let text = folder.file("text.pem")
    try Data("SECRET".utf8).write(to: URL(filePath: text))
    let missing = folder.file("missing.pem")
    for (certificateFile, keyFile, problem) in [
      (missing, certificate.keyFile, "the TLS certificate \(missing) cannot be read"),
      (certificate.certificateFile, missing, "the TLS private key \(missing) cannot be read"),
      (text, certificate.keyFile, "\(text) holds no certificates as PEM"),
      (certificate.certificateFile, text, "\(text) holds no private key as PEM, or one with a passphrase"),
      (
        certificate.certificateFile, other.keyFile,
        "\(other.keyFile) is not that of the first certificate in \(certificate.certificateFile)"
      ),
    ] {
      let error = #expect(throws: ConfigurationError.self) {
        try TLSCredentials(certificateFile: certificateFile, keyFile: keyFile, logger: logger)
      }
      #expect(error?.message.contains(problem) == true, "\(error?.message ?? "")")
      #expect(error?.message.contains("SECRET") == false)
    }
  }
}

extension HTTPClient {
  /// With connections of its own.
  fileprivate static func fresh<Value>(_ body: (HTTPClient) async throws -> Value) async throws -> Value {
    let client = HTTPClient(userAgent: "test")
    do {
      let value = try await body(client)
      await client.shutdown()
      return value
    } catch {
      await client.shutdown()
      throw error
    }
  }
}
