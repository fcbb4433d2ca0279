import FoundationEssentials

/// A certificate that signs itself, made by `openssl`, with its private key.
public struct TestCertificate: Sendable {
  public let certificateFile: String
  public let keyFile: String

  /// - Parameters:
  ///   - name: of the files, without their endings.
  ///   - hosts: names that it is for, and addresses.
  public static func make(
    in folder: TemporaryFolder, name: String = "server", for hosts: [String] = ["DNS:localhost", "IP:127.0.0.1"]
  ) async throws -> TestCertificate {
    let made = TestCertificate(certificateFile: folder.file("\(name).crt"), keyFile: folder.file("\(name).key"))
    let making = try await RunningProgram.start(
      "/usr/bin/openssl",
      arguments: [
        "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
        "-subj", "/CN=\(name)", "-addext", "subjectAltName=\(hosts.joined(separator: ","))", "-keyout", made.keyFile,
        "-out", made.certificateFile,
      ])
    _ = await making.termination()
    return made
  }
}
