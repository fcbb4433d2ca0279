public import Cryptography
public import WireFormats

/// Whose signatures count: the keys of the vendor, and how many of them each thing needs.
///
/// A root is replaced only by its successor, which bears the signatures of both.
public struct TrustRoot: Sendable, Hashable {
  /// What a key may sign. Each has keys of its own, though one key may stand in several.
  public enum Role: String, Sendable, Hashable, CaseIterable {
    /// Signs the root's successor.
    case root
    /// Signs release manifests.
    case release
    /// Signs statements that tell how fresh the news is.
    case timestamp
  }

  public struct Authority: Sendable, Hashable {
    public var keys: Set<KeyID>
    /// How many different keys have to sign.
    public var threshold: Int

    public init(keys: Set<KeyID>, threshold: Int = 1) {
      self.keys = keys
      self.threshold = threshold
    }
  }

  public var product: String
  /// Grows by one with each root.
  public var version: Int64
  public var issuedAt: Timestamp
  /// After this moment no new release is accepted. What runs goes on running.
  public var expires: Timestamp
  public var keys: [KeyID: Ed25519.PublicKey]
  public var roles: [Role: Authority]
  /// Keys that must never count again.
  public var revokedKeys: Set<KeyID>
  /// Manifests that are withdrawn, by the digest of their payload.
  public var revokedReleases: Set<String>
  /// Releases below are withdrawn: nobody returns to them.
  public var minimumSequence: Int64

  public static let maximumKeyCount = 64

  public init(
    product: String, version: Int64, issuedAt: Timestamp, expires: Timestamp, keys: [Ed25519.PublicKey],
    roles: [Role: Authority], revokedKeys: Set<KeyID> = [], revokedReleases: Set<String> = [],
    minimumSequence: Int64 = 0
  ) {
    self.product = product
    self.version = version
    self.issuedAt = issuedAt
    self.expires = expires
    self.keys = Dictionary(keys.map { ($0.id, $0) }) { first, _ in first }
    self.roles = roles
    self.revokedKeys = revokedKeys
    self.revokedReleases = revokedReleases
    self.minimumSequence = minimumSequence
  }

  /// Reads a payload. Whoever calls this has checked its signatures, or is about to.
  /// - Throws: `malformed`, naming the field.
  public init(payload: [UInt8]) throws(TrustError) {
    let value: JSONValue
    do throws(JSONParseError) {
      value = try JSONValue(parsing: payload, maximumDepth: 8, maximumNodeCount: 50_000)
    } catch {
      throw TrustError(.malformed, "the trust root is not valid JSON: \(error)")
    }
    var reader = PayloadReader(value)
    product = reader.string("product", 1...100)
    version = reader.integer("version", 1...(1 << 31))
    issuedAt = reader.time("issuedAt")
    expires = reader.time("expires")
    let read = reader.members("keys", 1...Self.maximumKeyCount) { id, key -> Ed25519.PublicKey? in
      let publicKey = try? Ed25519.PublicKey(rawRepresentation: key.base64("publicKey", 32...32))
      if let publicKey, publicKey.id.text != id { key.refuse("publicKey", "is not the key that its name says") }
      return publicKey
    }
    keys = Dictionary(read.compactMap(\.self).map { ($0.id, $0) }) { first, _ in first }
    var roles: [Role: Authority] = [:]
    // More than are known here: a newer program may know more.
    _ = reader.members("roles", 1...16) { name, role in
      guard let known = Role(rawValue: name) else { return }
      let names = role.strings("keys", 1...Self.maximumKeyCount, .sha256)
      let ids = Set(names.compactMap { KeyID($0) })
      if ids.count != names.count { role.refuse("keys", "must name different keys by 64 hexadecimal digits each") }
      roles[known] = Authority(keys: ids, threshold: Int(role.integer("threshold", 1...Int64(max(ids.count, 1)))))
    }
    self.roles = roles
    revokedKeys = Set(reader.strings("revokedKeys", 0...1000, .sha256).compactMap { KeyID($0) })
    revokedReleases = Set(reader.strings("revokedReleases", 0...1000, .sha256))
    minimumSequence = reader.integer("minimumSequence", 0...Manifest.maximumSequence, default: 0)
    if expires <= issuedAt { reader.refuse("expires", "must be after issuedAt") }
    for role in [Role.root, .release] where roles[role] == nil { reader.refuse("roles.\(role.rawValue)", "is missing") }
    for (role, authority) in roles.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
      if let unknown = authority.keys.first(where: { keys[$0] == nil }) {
        reader.refuse("roles.\(role.rawValue).keys", "names \(unknown), which is not among keys")
      }
      if authority.keys.subtracting(revokedKeys).count < authority.threshold {
        reader.refuse("roles.\(role.rawValue)", "has fewer keys that are not revoked than its threshold")
      }
    }
    try reader.finish("the trust root")
  }

  /// What is signed: JSON with sorted keys, for people indented.
  public var payload: [UInt8] {
    var value: JSONValue = [
      "product": .string(product), "version": .integer(version), "issuedAt": .string(issuedAt.description),
      "expires": .string(expires.description), "keys": .object([:]), "roles": .object([:]),
      "revokedKeys": .array(revokedKeys.sorted().map { .string($0.text) }),
      "revokedReleases": .array(revokedReleases.sorted().map { .string($0) }),
      "minimumSequence": .integer(minimumSequence),
    ]
    for (id, key) in keys {
      value["keys"]?[id.text] = ["publicKey": .string(Base64.encode(key.rawRepresentation))]
    }
    for (role, authority) in roles {
      value["roles"]?[role.rawValue] = [
        "keys": .array(authority.keys.sorted().map { .string($0.text) }),
        "threshold": .integer(Int64(authority.threshold)),
      ]
    }
    return value.serialized(indented: true)
  }

  // MARK: Who has signed

  /// The keys of a role that count.
  public func keys(of role: Role) -> [Ed25519.PublicKey] {
    guard let authority = roles[role] else { return [] }
    return authority.keys.subtracting(revokedKeys).sorted().compactMap { keys[$0] }
  }

  /// - Throws: `revoked` where only withdrawn keys are missing to the threshold, or else `signatureInvalid`.
  /// - Returns: the keys that have signed.
  @discardableResult
  public func checkSignatures(of envelope: Envelope, as role: Role) throws(TrustError) -> Set<KeyID> {
    guard let authority = roles[role] else {
      throw TrustError(.signatureInvalid, "the trust root names no keys for \(role.rawValue)")
    }
    let signers = envelope.signers(among: keys(of: role))
    guard signers.count < authority.threshold else { return signers }
    let revoked = envelope.signers(among: revokedKeys.sorted().compactMap { keys[$0] })
      .union(envelope.signatures.compactMap { KeyID($0.keyID) }.filter(revokedKeys.contains))
    if let key = revoked.sorted().first {
      throw TrustError(
        .revoked,
        "the key \(key) that signed it is revoked by version \(version) of the trust root: have it signed anew")
    }
    let named = envelope.signatures.map { $0.keyID.isEmpty ? "an unnamed key" : String($0.keyID.prefix(12)) }
    let found = named.isEmpty ? "it bears none" : "it bears those of \(named.joined(separator: ", "))"
    throw TrustError(
      .signatureInvalid,
      "it needs valid signatures of \(authority.threshold) of the keys "
        + "\(authority.keys.sorted().map(\.short).joined(separator: ", ")) (\(role.rawValue)), "
        + "\(signers.count) \(signers.count == 1 ? "is" : "are") valid, and \(found)")
  }

  // MARK: The chain

  /// The root that somebody begins with. It bears its own signatures, so that it was not changed since.
  public static func first(_ text: some Collection<UInt8>) throws(TrustError) -> TrustRoot {
    let envelope = try Envelope(parsing: text, expecting: .root)
    let root = try TrustRoot(payload: envelope.payload)
    do throws(TrustError) {
      try root.checkSignatures(of: envelope, as: .root)
    } catch {
      throw TrustError(
        .rootRefused, "version \(root.version) of the trust root is not signed by its own keys: \(error.message)")
    }
    return root
  }

  /// The root that follows this one: of the next version, signed under the thresholds of both.
  public func successor(_ text: some Collection<UInt8>) throws(TrustError) -> TrustRoot {
    let envelope = try Envelope(parsing: text, expecting: .root)
    let title = "the trust root that is to follow version \(version)"
    do throws(TrustError) {
      try checkSignatures(of: envelope, as: .root)
    } catch {
      throw TrustError(.rootRefused, "\(title) is not signed by the present root's keys: \(error.message)")
    }
    let next = try TrustRoot(payload: envelope.payload)
    do throws(TrustError) {
      try next.checkSignatures(of: envelope, as: .root)
    } catch {
      throw TrustError(.rootRefused, "\(title) is not signed by its own keys: \(error.message)")
    }
    guard next.version == version + 1 else {
      throw TrustError(
        .rootRefused,
        "\(title) is version \(next.version): roots follow each other one by one, so version \(version + 1) comes first"
      )
    }
    guard next.product == product else {
      throw TrustError(.rootRefused, "\(title) is for the product \(next.product), not \(product)")
    }
    // Also where it is not among the keys: the root after it could bring it back.
    if let returned = revokedKeys.subtracting(next.revokedKeys).min() {
      throw TrustError(
        .rootRefused, "\(title) no longer revokes the key \(returned): a key that was revoked cannot return")
    }
    if let returned = revokedReleases.subtracting(next.revokedReleases).min() {
      throw TrustError(
        .rootRefused,
        "\(title) no longer revokes the release \(returned.prefix(12)): what was withdrawn stays withdrawn")
    }
    guard next.minimumSequence >= minimumSequence else {
      throw TrustError(
        .rootRefused,
        "\(title) has the minimumSequence \(next.minimumSequence), below \(minimumSequence): what was withdrawn stays withdrawn"
      )
    }
    return next
  }
}
