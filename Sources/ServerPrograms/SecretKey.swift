import Cryptography
import FoundationEssentials
public import ProgramConfiguration

/// The key that seals secrets in the database.
public enum SecretKey {
  /// `SECRET_KEY` or `SECRET_KEY_FILE` with the prefix; nil where neither is set.
  public static func inEnvironment(
    _ environment: [String: String], prefix: String
  ) throws(ConfigurationError) -> [UInt8]? {
    let (name, fileName) = ("\(prefix)SECRET_KEY", "\(prefix)SECRET_KEY_FILE")
    let (text, file) = (environment[name] ?? "", environment[fileName] ?? "")
    if text.isEmpty, file.isEmpty { return nil }
    guard text.isEmpty || file.isEmpty else { throw ConfigurationError("set \(name) or \(fileName), not both") }
    if !text.isEmpty { return try parse(text, setting: name) }
    guard let data = FileManager.default.contents(atPath: file), data.count < 4096 else {
      throw ConfigurationError("\(file) cannot be read", setting: fileName)
    }
    return try parse(String(decoding: data, as: UTF8.self), setting: fileName)
  }

  /// 64 hexadecimal digits, or 32 bytes as Base64.
  public static func parse(_ text: String, setting: String) throws(ConfigurationError) -> [UInt8] {
    let trimmed = text.filter { !$0.isWhitespace }
    if let bytes = Hexadecimal.decode(trimmed) ?? Base64.decode(trimmed, alphabet: .standard),
      bytes.count == AES256GCM.keyByteCount
    {
      return bytes
    }
    throw ConfigurationError(
      "must be 32 random bytes as 64 hexadecimal digits or Base64; make one with: openssl rand -hex 32",
      setting: setting)
  }

  /// The key of an embedded installation; nil where it was not made yet.
  public static func presentInDataFolder(_ folder: String) throws(ConfigurationError) -> [UInt8]? {
    let path = "\(folder)/secret.key"
    guard let data = FileManager.default.contents(atPath: path) else { return nil }
    return try parse(String(decoding: data, as: UTF8.self), setting: path)
  }

  /// The key of an embedded installation: made once, readable by its owner only.
  public static func inDataFolder(_ folder: String) throws(ConfigurationError) -> [UInt8] {
    let path = "\(folder)/secret.key"
    if let key = try presentInDataFolder(folder) { return key }
    let key = SecureRandom.bytes(count: AES256GCM.keyByteCount)
    let content = Data((Hexadecimal.encode(key) + "\n").utf8)
    // Of several that begin at once, the first to write wins, and nobody sees half of it.
    let temporary = "\(path).\(Hexadecimal.encode(SecureRandom.bytes(count: 8)))"
    guard
      FileManager.default.createFile(atPath: temporary, contents: content, attributes: [.posixPermissions: 0o600])
    else { throw ConfigurationError("the key \(path) cannot be written") }
    defer { try? FileManager.default.removeItem(atPath: temporary) }
    do {
      try FileManager.default.linkItem(atPath: temporary, toPath: path)
      return key
    } catch {
      guard let data = FileManager.default.contents(atPath: path) else {
        throw ConfigurationError("the key \(path) cannot be written: \(error)")
      }
      return try parse(String(decoding: data, as: UTF8.self), setting: path)
    }
  }
}
