import Cryptography
import Glibc
import KeyFiles

/// Keys in files: private ones as PKCS #8, public ones as `openssl pkey -pubout` writes them.
enum KeyFile {
  /// The passphrase is asked for only where the file is encrypted.
  static func readPrivate(
    _ path: String, passphrase: PassphraseOptions, console: Console
  ) throws(CommandFailure) -> Ed25519.PrivateKey {
    do throws(KeyFileError) {
      let key = try PrivateKeyFile.read(path) { () throws(KeyFileError) in
        try passphrase.passphrase(of: printable(path))
      }
      if PrivateKeyFile.isReadableByOthers(path) {
        console.note("Warning: others may read the private key \(printable(path)): chmod 600 it.")
      }
      return key
    } catch {
      throw CommandFailure(error)
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
    do throws(KeyFileError) {
      try PrivateKeyFile.create(key, at: path, passphrase: passphrase)
    } catch {
      throw CommandFailure(error)
    }
  }
}

extension PassphraseOptions {
  /// - Parameter isNew: asks twice at a terminal, so that nobody locks himself out by a slip.
  func read(for what: String, isNew: Bool = false) throws(CommandFailure) -> [UInt8] {
    do throws(KeyFileError) {
      return try passphrase(of: what, isNew: isNew)
    } catch {
      throw CommandFailure(error)
    }
  }
}

extension CommandFailure {
  init(_ error: KeyFileError) {
    switch error.kind {
    case .failure: self.init(printable(error.message), hint: error.hint)
    case .usage: self.init(printable(error.message), hint: error.hint, exitCode: Self.usageExitCode)
    case .interrupted: self = .interruption(by: SIGINT)
    }
  }
}
