import FoundationEssentials
import Processes

/// Unpacks with the machine's own `gzip`, as a client would.
public enum Gunzip {
  public struct Damaged: Error { public var message: String }

  public static func unpacked(_ bytes: [UInt8]) async throws -> [UInt8] {
    let folder = try TemporaryFolder()
    try Data(bytes).write(to: URL(filePath: folder.file("packed.gz")))
    let result = try await ChildProcess.run(
      executable: "gzip", arguments: ["-d", folder.file("packed.gz")],
      environment: ["PATH": Testbed.variable("PATH") ?? "/usr/bin:/bin"])
    guard result.status.isSuccess else { throw Damaged(message: result.standardError.text) }
    return [UInt8](try Data(contentsOf: URL(filePath: folder.file("packed"))))
  }
}
