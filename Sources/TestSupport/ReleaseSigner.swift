public import Cryptography
public import ReleaseManifest
public import WireFormats

/// A vendor: its keys, its trust root, and what it signs.
public struct ReleaseSigner: Sendable {
  public var rootKey: Ed25519.PrivateKey
  public var releaseKey: Ed25519.PrivateKey
  public var timestampKey: Ed25519.PrivateKey
  public private(set) var root: TrustRoot
  public private(set) var rootText: String

  /// - Parameter demandsTimestamp: whether releases wait for a timestamp statement.
  public init(product: String = "wrktalk", now: Timestamp, demandsTimestamp: Bool = false) {
    (rootKey, releaseKey, timestampKey) = (Ed25519.PrivateKey(), Ed25519.PrivateKey(), Ed25519.PrivateKey())
    var roles: [TrustRoot.Role: TrustRoot.Authority] = [
      .root: .init(keys: [rootKey.publicKey.id]), .release: .init(keys: [releaseKey.publicKey.id]),
    ]
    if demandsTimestamp { roles[.timestamp] = .init(keys: [timestampKey.publicKey.id]) }
    root = TrustRoot(
      product: product, version: 1, issuedAt: now, expires: now + .seconds(365 * 86_400),
      keys: [rootKey.publicKey, releaseKey.publicKey, timestampKey.publicKey], roles: roles)
    rootText = Self.text(.root, root.payload, [rootKey])
  }

  /// The root that follows, with a change; by then it is the present one.
  public mutating func rotate(_ change: (inout TrustRoot) -> Void) -> String {
    root.version += 1
    change(&root)
    rootText = Self.text(.root, root.payload, [rootKey])
    return rootText
  }

  /// - Parameter keys: nil for the vendor's own.
  public func sign(_ manifest: Manifest, keys: [Ed25519.PrivateKey]? = nil) -> String {
    Self.text(.release, manifest.payload, keys ?? [releaseKey])
  }

  public func timestamp(
    issuedAt: Timestamp, expires: Timestamp, sequence: Int64 = 1, minimumSequence: Int64 = 0
  ) -> String {
    let statement = TimestampStatement(
      product: root.product, issuedAt: issuedAt, expires: expires, rootVersion: root.version, sequence: sequence,
      minimumSequence: minimumSequence)
    return Self.text(.timestamp, statement.payload, [timestampKey])
  }

  private static func text(_ type: Envelope.PayloadType, _ payload: [UInt8], _ keys: [Ed25519.PrivateKey]) -> String {
    var envelope = Envelope(payloadType: type, payload: payload)
    for key in keys { envelope.sign(with: key) }
    return envelope.text
  }
}
