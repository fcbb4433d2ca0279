/// Why a key or a file cannot be used. Never holds key material.
public enum CryptographyError: Error, Sendable, Hashable, CustomStringConvertible {
  case invalidPublicKey(reason: String)
  case invalidPrivateKey(reason: String)
  case unreadableFile(path: String, reason: String)

  public var description: String {
    switch self {
    case .invalidPublicKey(let reason): "the public key cannot be used: \(reason)"
    case .invalidPrivateKey(let reason): "the private key cannot be used: \(reason)"
    case .unreadableFile(let path, let reason): "cannot read \(path): \(reason)"
    }
  }
}
