import FoundationEssentials

/// A certificate that signs itself, made by `openssl`, and its private key, as files in PEM.
public struct TestCertificate: Sendable {
  public let folder: TemporaryFolder
  /// Such as `certificate.pem` for the name `certificate`.
  public let certificateFile: String
  public let keyFile: String

  /// - Parameters:
  ///   - folder: nil for one of its own.
  ///   - name: of the certificate's file; its key is in `key.pem` beside it, or for other names in `NAME.key.pem`.
  ///   - hosts: names that it is for, and addresses.
  public static func make(
    in folder: TemporaryFolder? = nil, name: String = "certificate", for hosts: [String] = ["DNS:localhost"]
  ) async throws -> TestCertificate {
    let folder = try folder ?? TemporaryFolder()
    let made = TestCertificate(
      folder: folder, certificateFile: folder.file("\(name).pem"),
      keyFile: folder.file(name == "certificate" ? "key.pem" : "\(name).key.pem"))
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
