public import Cryptography
import WireFormats

/// Bytes with signatures over them and over what they mean: DSSE, the Dead Simple Signing Envelope, version 1.
///
/// Signatures are checked over the exact bytes before anything in them is read.
public struct Envelope: Sendable, Hashable {
  /// What the bytes mean. It is signed with them, so that nothing signed for one purpose passes for another.
  public enum PayloadType: String, Sendable, Hashable, CaseIterable {
    case release = "application/vnd.wrktalk.release.v1+json"
    case root = "application/vnd.wrktalk.root.v1+json"
    case timestamp = "application/vnd.wrktalk.timestamp.v1+json"
  }

  public struct Signature: Sendable, Hashable {
    /// A hint only: signatures count by the key that they are valid for.
    public var keyID: String
    public var bytes: [UInt8]

    public init(keyID: String, bytes: [UInt8]) {
      self.keyID = keyID
      self.bytes = bytes
    }
  }

  public var payloadType: PayloadType
  public var payload: [UInt8]
  public var signatures: [Signature]

  /// Bytes of an envelope's text.
  public static let maximumByteCount = 256 << 10
  public static let maximumSignatureCount = 16

  public init(payloadType: PayloadType, payload: [UInt8], signatures: [Signature] = []) {
    self.payloadType = payloadType
    self.payload = payload
    self.signatures = signatures
  }

  /// - Throws: `malformed`, naming the field.
  public init(parsing text: some Collection<UInt8>, expecting type: PayloadType) throws(TrustError) {
    guard text.count <= Self.maximumByteCount else {
      throw TrustError(
        .malformed, "the envelope has \(text.count) bytes, and at most \(Self.maximumByteCount) are read")
    }
    let value: JSONValue
    do throws(JSONParseError) {
      value = try JSONValue(parsing: text, maximumDepth: 8, maximumNodeCount: 256)
    } catch {
      throw TrustError(.malformed, "the envelope is not valid JSON: \(error)")
    }
    var reader = PayloadReader(value)
    let found = reader.string("payloadType", 1...200)
    let payload = reader.base64("payload", 1...Self.maximumByteCount)
    let signatures = reader.objects("signatures", 0...Self.maximumSignatureCount) { signature in
      Signature(
        keyID: signature.optionalString("keyid", 0...200) ?? "",
        bytes: signature.base64("sig", Ed25519.signatureByteCount...Ed25519.signatureByteCount))
    }
    try reader.finish("the envelope")
    guard found == type.rawValue else {
      throw TrustError(
        .malformed, "the envelope's payloadType is \"\(found.prefix(100))\", and \(type.rawValue) is expected here")
    }
    self.init(payloadType: type, payload: payload, signatures: signatures)
  }

  /// JSON, in one line; equal envelopes have equal texts.
  public var text: String {
    JSONValue.object([
      "payload": .string(Base64.encode(payload)), "payloadType": .string(payloadType.rawValue),
      "signatures": .array(
        signatures.map { ["keyid": .string($0.keyID), "sig": .string(Base64.encode($0.bytes))] }),
    ]).text
  }

  /// Names what was signed, whoever signed it: 64 hexadecimal digits.
  public var payloadSHA256: String { SHA256.digest(of: payload).hexadecimal }

  /// What is signed: DSSE's pre-authentication encoding.
  public var signedBytes: [UInt8] {
    let type = Array(payloadType.rawValue.utf8)
    return Array("DSSEv1 \(type.count) ".utf8) + type + Array(" \(payload.count) ".utf8) + payload
  }

  /// Adds a signature, in place of one that the same key made before.
  public mutating func sign(with key: Ed25519.PrivateKey) {
    add(Signature(keyID: key.publicKey.id.text, bytes: key.signature(for: signedBytes)))
  }

  /// Adds a signature that something else made, such as a hardware key, in place of one of the same name.
  public mutating func add(_ signature: Signature) {
    if !signature.keyID.isEmpty { signatures.removeAll { $0.keyID == signature.keyID } }
    signatures.append(signature)
  }

  /// Those of the keys that have signed exactly these bytes. However often a key has signed, it is one signer.
  public func signers(among keys: [Ed25519.PublicKey]) -> Set<KeyID> {
    let message = signedBytes
    let named = Dictionary(keys.map { ($0.id, $0) }) { first, _ in first }
    var found: Set<KeyID> = []
    for signature in signatures.prefix(Self.maximumSignatureCount) {
      // The name only says where to look first: it is not signed, and others name keys in other ways.
      let hint = KeyID(signature.keyID)
      if let hint, let key = named[hint], key.isValidSignature(signature.bytes, for: message) {
        found.insert(hint)
        continue
      }
      for (id, key) in named where id != hint && !found.contains(id) {
        guard key.isValidSignature(signature.bytes, for: message) else { continue }
        found.insert(id)
        break
      }
    }
    return found
  }
}

/// Names a key: the SHA-256 digest of its 32 bytes, as 64 hexadecimal digits.
public struct KeyID: Sendable, Hashable, Comparable, CustomStringConvertible {
  public let text: String

  /// Nil for anything but 64 lower-case hexadecimal digits.
  public init?(_ text: String) {
    guard Hexadecimal.isDigest(text) else { return nil }
    self.text = text
  }

  init(of key: Ed25519.PublicKey) { text = SHA256.digest(of: key.rawRepresentation).hexadecimal }

  /// Enough of it for a person.
  public var short: String { String(text.prefix(12)) }
  public var description: String { short }
  public static func < (left: KeyID, right: KeyID) -> Bool { left.text < right.text }
}

extension Ed25519.PublicKey {
  public var id: KeyID { KeyID(of: self) }
}
