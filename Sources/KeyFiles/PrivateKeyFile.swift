public import Cryptography
import Glibc

/// Private keys in files: PKCS #8, encrypted with a passphrase or their owner's alone to read.
public enum PrivateKeyFile {
  /// - Parameter passphrase: asked for only where the file is encrypted.
  public static func read(
    _ path: String, passphrase: () throws(KeyFileError) -> [UInt8]
  ) throws(KeyFileError) -> Ed25519.PrivateKey {
    let pem = String(decoding: try SmallFile.read(path), as: UTF8.self)
    do {
      guard Ed25519.PrivateKey.isEncrypted(pem: pem) else { return try Ed25519.PrivateKey(pem: pem) }
      return try Ed25519.PrivateKey(encryptedPEM: pem, passphrase: try passphrase())
    } catch let error as KeyFileError {
      throw error
    } catch {
      throw KeyFileError("\(path): \(error)")
    }
  }

  /// Whether others than its owner may read the file.
  public static func isReadableByOthers(_ path: String) -> Bool {
    var status = stat()
    return unsafe stat(path, &status) == 0 && status.st_mode & 0o077 != 0
  }

  /// Makes the file whole or not at all; one that is there already stays as it is.
  /// - Parameter passphrase: nil leaves the key readable for whoever may read the file, which is its owner.
  public static func create(_ key: Ed25519.PrivateKey, at path: String, passphrase: [UInt8]?) throws(KeyFileError) {
    try SmallFile.create(passphrase.map { key.encryptedPEM(passphrase: $0) } ?? key.pem, at: path, isSecret: true)
  }
}
