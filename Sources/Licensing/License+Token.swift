public import Cryptography
public import WireFormats

/// The token: `BASE64URL(JSON) "." BASE64URL(SIGNATURE)`, where the signature is Ed25519 over the first part as ASCII and JSON is
/// `{"id", "organization", "installation", "issuedAt", "notBefore", "expiresAt", "edition", "limits", "keyId"}`, of which
/// `organization` alone must be there. Members of other names decide nothing.
extension License {
  public static let maximumTokenByteCount = 8 << 10
  public static let maximumNameByteCount = 256
  private static let maximumLimitCount = 32
  private static let maximumDepth = 8
  private static let maximumNodeCount = 256

  /// Nothing of the token is understood before its signature is found to be the vendor's, except which key is to be tried.
  /// - Throws: where the token is damaged, not the vendor's, or says something that cannot be understood.
  public init(token: String, keys: LicenseKeys) throws(LicenseError) {
    guard token.utf8.count <= Self.maximumTokenByteCount else {
      throw LicenseError(
        "the licence is longer than \(Self.maximumTokenByteCount >> 10) KB, which none of the vendor's is")
    }
    let parts = LicenseKeys.trimmed(token).split(separator: ".", omittingEmptySubsequences: false).map { String($0) }
    guard parts.count == 2, let payload = Base64.decode(parts[0], alphabet: .urlSafe), !payload.isEmpty,
      let signature = Base64.decode(parts[1], alphabet: .urlSafe)
    else {
      throw LicenseError(
        "the licence is not a token of the form PAYLOAD.SIGNATURE in base64url: copy it whole, as the vendor sent it")
    }
    let json = try? JSONValue(
      parsing: payload, maximumDepth: Self.maximumDepth, maximumNodeCount: Self.maximumNodeCount)
    let keyID = json?["keyId"]?.string
    try Self.checkSignature(signature, of: parts[0], keyID: keyID, keys)
    guard let members = json?.object else {
      throw LicenseError(
        "the licence is signed, but holds no JSON object that can be read: ask the vendor for a new one")
    }
    let reader = LicenseReader(members: members)
    guard let organization = try reader.text("organization") else {
      throw LicenseError("the licence names no organization: ask the vendor for a new one")
    }
    self.init(
      id: try reader.text("id") ?? "sha256-" + SHA256.digest(of: parts[0]).hexadecimal.prefix(16),
      organization: organization, installation: try reader.text("installation"), issuedAt: try reader.time("issuedAt"),
      notBefore: try reader.time("notBefore"), expiresAt: try reader.time("expiresAt"),
      edition: try? reader.text("edition"), limits: Self.limits(members["limits"]), keyID: keyID)
    if let notBefore, let expiresAt, expiresAt <= notBefore {
      throw LicenseError(
        "the licence ends (\(expiresAt)) before it begins (\(notBefore)): ask the vendor for a new one")
    }
  }

  private static func checkSignature(
    _ signature: [UInt8], of payload: String, keyID: String?, _ keys: LicenseKeys
  ) throws(LicenseError) {
    let candidates: [Ed25519.PublicKey]
    if let keyID {
      guard let key = keys[keyID] else {
        let name = keyID.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F } ? String(keyID.prefix(32)) : "?"
        throw LicenseError(
          "the licence is signed with the key \(name), and the vendor's keys here are \(keys.ids.joined(separator: ", ")): "
            + "add the vendor's new public key to the file of its keys")
      }
      candidates = [key]
    } else {
      candidates = keys.all
    }
    let message = Array(payload.utf8)
    guard candidates.contains(where: { $0.isValidSignature(signature, for: message) }) else {
      throw LicenseError(
        "the licence is not signed with the vendor's key: copy it whole, as the vendor sent it, and see that the key is this "
          + "vendor's")
    }
  }

  /// What is said there for people; what has another form is not shown, and decides nothing either way.
  private static func limits(_ json: JSONValue?) -> [String: JSONValue] {
    guard let members = json?.object, members.count <= maximumLimitCount else { return [:] }
    return members.filter { name, value in
      guard LicenseReader.isName(name) else { return false }
      switch value {
      case .string(let text): return LicenseReader.isName(text)
      case .integer, .bool: return true
      case .null, .number, .array, .object: return false
      }
    }
  }

  /// The token; `keyID` becomes the key's.
  /// - Throws: where a token of it could not be read again.
  public func token(signedWith key: Ed25519.PrivateKey) throws(LicenseError) -> String {
    var license = self
    license.keyID = LicenseKeys.id(of: key.publicKey)
    let payload = Base64.encode(license.json.serialized(), alphabet: .urlSafe)
    let signature = Base64.encode(key.signature(for: Array(payload.utf8)), alphabet: .urlSafe)
    let token = "\(payload).\(signature)"
    guard try License(token: token, keys: LicenseKeys([key.publicKey])) == license else {
      throw LicenseError(
        "limits: at most \(Self.maximumLimitCount), of text without control characters, whole numbers and truth values; "
          + "times from 1970 to 9999; edition: text of 1 to \(Self.maximumNameByteCount) bytes")
    }
    return token
  }

  /// What the token says; also for people.
  public var json: JSONValue {
    var json: JSONValue = ["id": .string(id), "organization": .string(organization)]
    json["installation"] = installation.map { .string($0) }
    json["issuedAt"] = issuedAt.map { .string($0.description) }
    json["notBefore"] = notBefore.map { .string($0.description) }
    json["expiresAt"] = expiresAt.map { .string($0.description) }
    json["edition"] = edition.map { .string($0) }
    json["limits"] = limits.isEmpty ? nil : .object(limits)
    json["keyId"] = keyID.map { .string($0) }
    return json
  }
}

/// Reads what decisions are made from: of the right form, or refused.
private struct LicenseReader {
  let members: [String: JSONValue]

  /// What every database can keep.
  private static let times = Timestamp(seconds: 0)...Timestamp(seconds: 253_402_300_799)

  static func isName(_ text: String) -> Bool {
    (1...License.maximumNameByteCount).contains(text.utf8.count)
      && text.unicodeScalars.allSatisfy { $0.value >= 0x20 && !(0x7F...0x9F).contains($0.value) }
  }

  func text(_ name: String) throws(LicenseError) -> String? {
    switch members[name] ?? .null {
    case .null: return nil
    case .string(let text) where Self.isName(text): return text
    default:
      throw LicenseError(
        "the licence's \(name) is not text of 1 to \(License.maximumNameByteCount) bytes: ask the vendor for a new one")
    }
  }

  func time(_ name: String) throws(LicenseError) -> Timestamp? {
    switch members[name] ?? .null {
    case .null: return nil
    case .string(let text):
      if let time = Timestamp(text), Self.times.contains(time) { return time }
    default: break
    }
    throw LicenseError("the licence's \(name) is not a time such as 2027-01-31T00:00:00Z: ask the vendor for a new one")
  }
}
