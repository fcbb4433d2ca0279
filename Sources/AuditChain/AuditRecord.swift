import Cryptography
public import WireFormats

/// An entry of the audit as it is kept and exported, with its place in the chain.
public struct AuditRecord: Sendable, Hashable {
  /// From 1, without a gap.
  public var sequence: Int64
  /// RFC 3339 in UTC, with six digits of fraction.
  public var at: String
  public var actor: String
  public var roles: String
  public var address: String
  public var action: String
  public var object: String
  public var detail: JSONValue
  /// The digest of the entry before; of the first one, `beginning`.
  public var previous: String
  /// Over everything above, in hexadecimal digits.
  public var digest: String

  /// What the first entry follows.
  public static let beginning = String(repeating: "0", count: 64)

  /// - Parameter digest: as it was kept; nil for the right one.
  public init(
    sequence: Int64, at: String, actor: String, roles: String, address: String, action: String, object: String,
    detail: JSONValue, previous: String, digest: String? = nil
  ) {
    self.sequence = sequence
    self.at = at
    self.actor = actor
    self.roles = roles
    self.address = address
    self.action = action
    self.object = object
    self.detail = detail
    self.previous = previous
    self.digest = digest ?? ""
    if digest == nil { self.digest = computedDigest }
  }

  /// SHA-256 over a name of this encoding and then every field in the order above as UTF-8, the number in decimal digits and the
  /// detail as JSON without white space and with sorted keys; each with its length in bytes before it (64 bits, highest byte first),
  /// so that no two entries have one encoding.
  public var computedDigest: String {
    var hash = SHA256()
    let fields = [
      "wrktalk-audit-entry-v1", String(sequence), at, actor, roles, address, action, object, detail.text, previous,
    ]
    for field in fields {
      let bytes = Array(field.utf8)
      hash.update((0..<8).map { UInt8(truncatingIfNeeded: bytes.count >> (56 - 8 * $0)) })
      hash.update(bytes)
    }
    return hash.finalize().hexadecimal
  }

  private static let names: Set = [
    "sequence", "at", "actor", "roles", "address", "action", "object", "detail", "previous", "digest",
  ]

  /// Nil unless `json` has exactly what `json` writes.
  public init?(json: JSONValue) {
    guard let members = json.object, Set(members.keys) == Self.names, let sequence = members["sequence"]?.integer,
      let at = members["at"]?.string, let actor = members["actor"]?.string, let roles = members["roles"]?.string,
      let address = members["address"]?.string, let action = members["action"]?.string,
      let object = members["object"]?.string, let detail = members["detail"],
      let previous = members["previous"]?.string, let digest = members["digest"]?.string
    else { return nil }
    self.init(
      sequence: sequence, at: at, actor: actor, roles: roles, address: address, action: action, object: object,
      detail: detail, previous: previous, digest: digest)
  }

  public var json: JSONValue {
    [
      "sequence": .integer(sequence), "at": .string(at), "actor": .string(actor), "roles": .string(roles),
      "address": .string(address), "action": .string(action), "object": .string(object), "detail": detail,
      "previous": .string(previous), "digest": .string(digest),
    ]
  }
}
