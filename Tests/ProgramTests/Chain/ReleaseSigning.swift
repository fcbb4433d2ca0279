import FoundationEssentials
import Synchronization
import TestSupport
import WireFormats

/// The vendor's keys, and what its pipeline signs with them, by the commands that a vendor's pipeline runs.
final class ReleaseSigning: Sendable {
  /// The trust root's file.
  let root: String
  private let key: String
  private let sequence = Mutex(0)

  init(_ folder: TemporaryFolder) async throws {
    let trust = folder.file("trust")
    (root, key) = ("\(trust)/root.json", "\(trust)/release.key")
    try await Self.run("trust", "init", "--product", "wrktalk", "--dir", trust)
  }

  /// Signs a release once, however often it is published.
  /// - Returns: the file of its manifest.
  func manifest(
    of version: String, tag: String, _ settings: JSONValue, _ artifact: String, _ place: any ChainPlace,
    _ folder: TemporaryFolder
  ) async throws -> String {
    let signed = folder.file("\(version).manifest.json")
    guard !FileManager.default.fileExists(atPath: signed) else { return signed }
    let number = sequence.withLock { sequence in
      sequence += 1
      return sequence
    }
    let unsigned = folder.file("\(version).json")
    let brought = (settings.array ?? []).flatMap {
      ["--setting", "\($0["key"]?.string ?? "")=\($0["value"]?.string ?? "")"]
    }
    try await Self.run(
      [
        "release", "manifest", "--product", "wrktalk", "--version", version, "--sequence", "\(number)",
        "--image-tag", "backend=\(tag)", "--image-tag", "media=\(tag)", "-o", unsigned,
      ] + brought + (try place.manifestOptions(folder)) + [artifact])
    try await Self.run("release", "sign", unsigned, "--key", key, "-o", signed)
    return signed
  }

  private static func run(_ words: String...) async throws { try await run(words) }

  private static func run(_ words: [String]) async throws {
    try await CustomerEnvironment.command([Testbed.program("wrktalkctl")] + words)
  }
}
