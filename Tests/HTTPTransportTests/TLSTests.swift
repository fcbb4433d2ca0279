import HTTPTransport
import TestSupport
import Testing

/// Against `openssl s_server` with a certificate that no authority knows.
@Suite struct TLSTests {
  @Test func certificateIsCheckedUnlessTheUserSaysOtherwise() async throws {
    let folder = try TemporaryFolder()
    let making = try await RunningProgram.start(
      "/usr/bin/openssl",
      arguments: [
        "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
        "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", folder.file("key.pem"), "-out",
        folder.file("certificate.pem"),
      ])
    _ = await making.termination()
    let server = try await RunningProgram.start(
      "/usr/bin/openssl",
      arguments: [
        "s_server", "-accept", "127.0.0.1:0", "-cert", folder.file("certificate.pem"), "-key", folder.file("key.pem"),
        "-www",
      ])
    let port = try #require(try await server.line(containing: "ACCEPT").split(separator: ":").last)
    let client = HTTPClient(userAgent: "wrktalk-test/1")
    let own = TLSSettings(certificateAuthorityFile: folder.file("certificate.pem"))

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
    await server.kill()
  }
}
