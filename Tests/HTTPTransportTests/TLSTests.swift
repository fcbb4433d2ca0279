import FoundationEssentials
import HTTPTransport
import TestSupport
import Testing

/// Against `openssl s_server` with a certificate that no authority knows.
@Suite struct TLSTests {
  private struct Server {
    let folder: TemporaryFolder
    let program: RunningProgram
    let port: Substring

    /// - Parameter arguments: beside those that make it serve; they may name `certificate.pem`.
    static func start(_ arguments: String...) async throws -> Server {
      let folder = try await TestCertificate.make().folder
      let program = try await RunningProgram.start(
        "/usr/bin/openssl",
        arguments: [
          "s_server", "-accept", "127.0.0.1:0", "-cert", "certificate.pem", "-key", "key.pem", "-www",
        ] + arguments, workingDirectory: folder.path)
      let port = try #require(try await program.line(containing: "ACCEPT").split(separator: ":").last)
      return Server(folder: folder, program: program, port: port)
    }

    func text(_ name: String) throws -> String { try String(contentsOfFile: folder.file(name), encoding: .utf8) }
  }

  private let client = HTTPClient(userAgent: "wrktalk-test/1")

  @Test func certificateIsCheckedUnlessTheUserSaysOtherwise() async throws {
    let server = try await Server.start()
    let port = server.port
    let own = TLSSettings(certificateAuthorityFile: server.folder.file("certificate.pem"))

    let unknown = await #expect(throws: HTTPTransportError.self) {
      try await client.send(HTTPRequest(url: "https://localhost:\(port)/"))
    }
    #expect(unknown?.code == .tls)
    #expect(unknown?.message.contains("localhost:\(port)") == true)
    #expect(try await client.send(HTTPRequest(url: "https://localhost:\(port)/", tls: own)).status == 200)
    let otherName = await #expect(throws: HTTPTransportError.self) {
      try await client.send(HTTPRequest(url: "https://127.0.0.1:\(port)/", tls: own))
    }
    #expect(otherName?.code == .tls)
    let unchecked = TLSSettings(isVerificationDisabled: true)
    #expect(try await client.send(HTTPRequest(url: "https://127.0.0.1:\(port)/", tls: unchecked)).status == 200)
    // A connection that was not checked is not used again for a request that wants the check.
    let again = await #expect(throws: HTTPTransportError.self) {
      try await client.send(HTTPRequest(url: "https://127.0.0.1:\(port)/"))
    }
    #expect(again?.code == .tls)
    let missing = await #expect(throws: HTTPTransportError.self) {
      try await client.send(
        HTTPRequest(
          url: "https://localhost:\(port)/", tls: TLSSettings(certificateAuthorityFile: "/nonexistent/ca.pem")))
    }
    #expect(missing?.code == .tls)
    await server.program.kill()
  }

  @Test func anAuthorityMayBeGivenAsText() async throws {
    let server = try await Server.start()
    let url = "https://localhost:\(server.port)/"
    let own = TLSSettings(
      certificateAuthorityFile: "/nonexistent/ca.pem", certificateAuthorityPEM: try server.text("certificate.pem"))
    #expect(try await client.send(HTTPRequest(url: url, tls: own)).status == 200)
    let none = await #expect(throws: HTTPTransportError.self) {
      try await client.send(HTTPRequest(url: url, tls: TLSSettings(certificateAuthorityPEM: "no certificate")))
    }
    #expect(none?.code == .tls)
    await server.program.kill()
  }

  @Test(arguments: [true, false])
  func aClientProvesItselfByItsCertificate(isGivenAsText: Bool) async throws {
    let server = try await Server.start("-Verify", "1", "-verify_return_error", "-CAfile", "certificate.pem")
    let url = "https://localhost:\(server.port)/"
    let folder = server.folder
    var tls = TLSSettings(certificateAuthorityFile: folder.file("certificate.pem"))
    let refused = await #expect(throws: HTTPTransportError.self) {
      try await client.send(HTTPRequest(url: url, tls: tls))
    }
    #expect(refused != nil)
    if isGivenAsText {
      tls.clientCertificatePEM = try server.text("certificate.pem")
      tls.clientKeyPEM = try server.text("key.pem")
    } else {
      tls.clientCertificateFile = folder.file("certificate.pem")
      tls.clientKeyFile = folder.file("key.pem")
    }
    #expect(try await client.send(HTTPRequest(url: url, tls: tls)).status == 200)
    await server.program.kill()
  }
}
