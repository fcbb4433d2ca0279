import FoundationEssentials

/// A certificate for `localhost` that no authority knows, and its key, as files in PEM.
public struct TestCertificate: Sendable {
  public let folder: TemporaryFolder

  public var certificate: String { folder.file("certificate.pem") }
  public var key: String { folder.file("key.pem") }

  public static func make() async throws -> TestCertificate {
    let result = TestCertificate(folder: try TemporaryFolder())
    let making = try await RunningProgram.start(
      "/usr/bin/openssl",
      arguments: [
        "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
        "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", result.key, "-out",
        result.certificate,
      ])
    _ = await making.termination()
    return result
  }
}
