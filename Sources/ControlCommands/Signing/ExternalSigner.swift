import Cryptography
import FoundationEssentials
import Processes
import SystemPackage

/// A command that signs, for a key that never leaves its hardware or its service: it reads the bytes to sign from standard
/// input, and answers with the signature, 64 bytes or their base 64, on standard output.
struct ExternalSigner {
  var command: String
  var environment: [String: String] = ProcessInfo.processInfo.environment

  static let timeout: Duration = .seconds(300)

  func signature(of message: [UInt8]) async throws(CommandFailure) -> [UInt8] {
    let title = "the command of --sign-with"
    let input: FileDescriptor
    do {
      input = try Self.file(holding: message)
    } catch {
      throw CommandFailure("\(title) could not be run: \(error)")
    }
    defer { try? input.close() }
    let result = try await ForegroundProcess.run(
      title, executable: "/bin/sh", arguments: ["-c", command], environment: environment, standardInput: input,
      timeout: Self.timeout)
    guard result.status.isSuccess else {
      let words = result.standardError.lastLine.map { ": \(printable($0))" } ?? ""
      throw CommandFailure("\(title) failed, \(result.status)\(words)")
    }
    guard let signature = Self.signature(in: result.standardOutput.bytes) else {
      throw CommandFailure(
        "\(title) answered \(result.standardOutput.bytes.count) bytes that are no signature",
        hint: "It has to write the 64 bytes of an Ed25519 signature, or their base 64, to standard output.")
    }
    return signature
  }

  static func signature(in answer: [UInt8]) -> [UInt8]? {
    if answer.count == Ed25519.signatureByteCount { return answer }
    let text = String(decoding: answer, as: UTF8.self).filter { !$0.isWhitespace }
    let bytes = Base64.decode(text) ?? Base64.decode(text, alphabet: .urlSafe)
    return bytes?.count == Ed25519.signatureByteCount ? bytes : nil
  }

  /// Not a pipe, which holds less than a message may have.
  private static func file(holding bytes: [UInt8]) throws -> FileDescriptor {
    let path = FileManager.default.temporaryDirectory.appending(path: "wrktalkctl-\(UInt64.random(in: 0 ... .max))")
      .path
    let file = try FileDescriptor.open(
      FilePath(path), .readWrite, options: [.create, .exclusiveCreate], permissions: [.ownerReadWrite])
    try? FileManager.default.removeItem(atPath: path)
    do {
      try file.writeAll(bytes)
      try file.seek(offset: 0, from: FileDescriptor.SeekOrigin.start)
    } catch {
      try? file.close()
      throw error
    }
    return file
  }
}
