import Cryptography
import WireFormats

/// The keys that an identity provider signs with (RFC 7517): those of them that this server can check.
struct JSONWebKeySet: Sendable, Hashable {
  struct Key: Sendable, Hashable {
    var id: String?
    var key: TokenSignature.PublicKey
  }

  static let maximumCount = 100

  var keys: [Key]

  /// Nil where `json` is not a set of keys. Keys of other kinds and uses are passed over.
  init?(_ json: JSONValue) {
    guard let list = json["keys"]?.array, list.count <= Self.maximumCount else { return nil }
    keys = list.compactMap(Self.key)
  }

  private static func key(_ json: JSONValue) -> Key? {
    guard json["use"]?.string ?? "sig" == "sig" else { return nil }
    func number(_ name: String) -> [UInt8] {
      json[name]?.string.flatMap { Base64.decode($0, alphabet: .urlSafe) } ?? []
    }
    let key: TokenSignature.PublicKey? =
      switch json["kty"]?.string {
      case "RSA": TokenSignature.PublicKey(rsaModulus: number("n"), exponent: number("e"))
      case "EC" where json["crv"]?.string == "P-256": TokenSignature.PublicKey(p256X: number("x"), y: number("y"))
      default: nil
      }
    guard let key, json["alg"]?.string ?? key.algorithm.rawValue == key.algorithm.rawValue else { return nil }
    return Key(id: json["kid"]?.string, key: key)
  }

  /// The one that a token names; of a token that names none, the only one of its algorithm.
  func key(id: String?, _ algorithm: TokenSignature.Algorithm) -> TokenSignature.PublicKey? {
    let fitting = keys.filter { $0.key.algorithm == algorithm && (id == nil || $0.id == id) }
    return fitting.count == 1 ? fitting[0].key : nil
  }
}
