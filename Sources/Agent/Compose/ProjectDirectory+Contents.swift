import Cryptography
import FoundationEssentials
import WireFormats

extension ProjectDirectory {
  /// Writes a further Compose file.
  /// - Returns: its path.
  func write(_ file: JSONValue, as name: String) throws(RuntimeFailure) -> String {
    let path = "\(path)/\(name)"
    do { try Data(file.serialized()).write(to: URL(filePath: path), options: .atomic) } catch {
      throw WorkingDirectory.failure(error, "write \(path)")
    }
    return path
  }

  /// The key under which the contents of configs and secrets are digested: made once for a project. Where it is lost,
  /// containers with configs or secrets are made anew once more.
  func contentKey() throws(RuntimeFailure) -> [UInt8] {
    let file = "\(path)/content.key"
    if let key = FileManager.default.contents(atPath: file), key.count == Self.keyLength { return Array(key) }
    let key = SecureRandom.bytes(count: Self.keyLength)
    try? FileManager.default.removeItem(atPath: file)
    try SecretFile.write(key, to: file)
    return key
  }

  private static let keyLength = 32
}
