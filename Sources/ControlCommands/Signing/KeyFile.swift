import Cryptography
import Glibc

/// Keys in files: private ones as PKCS #8, public ones as `openssl pkey -pubout` writes them.
enum KeyFile {
  /// - Parameter passphrase: asked for only where the file is encrypted.
  static func readPrivate(
    _ path: String, passphrase: () throws(CommandFailure) -> [UInt8], console: Console
  ) throws(CommandFailure) -> Ed25519.PrivateKey {
    let pem = String(decoding: try FileText.read(path), as: UTF8.self)
    var status = stat()
    if unsafe stat(path, &status) == 0, status.st_mode & 0o077 != 0 {
      console.note("Warning: others may read the private key \(printable(path)): chmod 600 it.")
    }
    do {
      guard Ed25519.PrivateKey.isEncrypted(pem: pem) else { return try Ed25519.PrivateKey(pem: pem) }
      return try Ed25519.PrivateKey(encryptedPEM: pem, passphrase: try passphrase())
    } catch let failure as CommandFailure {
      throw failure
    } catch {
      throw CommandFailure("\(printable(path)): \(error)")
    }
  }

  /// Reads a public key, or the public part of a private one that is not encrypted.
  static func readPublic(_ path: String) throws(CommandFailure) -> Ed25519.PublicKey {
    let text = String(decoding: try FileText.read(path), as: UTF8.self)
    do throws(CryptographyError) {
      if text.contains("PRIVATE KEY-----"), !Ed25519.PrivateKey.isEncrypted(pem: text) {
        return try Ed25519.PrivateKey(pem: text).publicKey
      }
      return try Ed25519.PublicKey(text: text)
    } catch {
      throw CommandFailure(
        "\(printable(path)): \(error)", hint: "openssl pkey -in KEY -pubout writes the public key of a private one.")
    }
  }

  static func create(_ key: Ed25519.PrivateKey, at path: String, passphrase: [UInt8]?) throws(CommandFailure) {
    try NewFile.create(
      passphrase.map { key.encryptedPEM(passphrase: $0) } ?? key.pem, at: path, isSecret: true)
  }
}
