public import WireFormats

/// What an Agent remembers of all that it has believed: the root, how high the sequence has come, and the latest time that a
/// signature told. It is kept where nothing from the network can write.
public struct TrustMemory: Sendable, Hashable, Codable {
  /// A release that was accepted for one target.
  public struct Accepted: Sendable, Hashable, Codable {
    public var sequence: Int64
    /// Releases below were withdrawn by it.
    public var minimumSequence: Int64
    /// The digest of the manifest's payload.
    public var manifest: String
    /// Of the keys that had signed it. Where those are revoked since, it counts no more: a stolen key cannot lift the
    /// sequence for ever.
    public var signers: [String]

    public init(sequence: Int64, minimumSequence: Int64 = 0, manifest: String, signers: [String]) {
      self.sequence = sequence
      self.minimumSequence = minimumSequence
      self.manifest = manifest
      self.signers = signers
    }
  }

  /// The present root's envelope.
  public var root: String
  /// The digests of the payloads of all roots since the first, the present one last.
  public var rootDigests: [String]
  /// The newest timestamp statement's envelope.
  public var timestamp: String?
  /// The latest time at which something was signed that was believed. A clock before that is wrong.
  public var latestSignedAt: Timestamp
  /// By target, such as `Compose/wrktalk`: the highest release for each set of keys.
  public var accepted: [String: [Accepted]]

  public static let maximumRootCount = 1000
  static let maximumAcceptedCount = 32

  /// - Parameter text: the envelope of the root that the customer begins with.
  /// - Throws: where it is no root that its own keys have signed.
  public init(firstRoot text: String) throws(TrustError) {
    let root = try TrustRoot.first(Array(text.utf8))
    self.root = text
    rootDigests = [try Self.digest(ofRoot: text)]
    latestSignedAt = root.issuedAt
    accepted = [:]
  }

  /// The present root.
  /// - Throws: where the memory was damaged.
  public func trustRoot() throws(TrustError) -> TrustRoot {
    // Its signatures were checked when it was taken in; they are checked again, since a file may have been damaged.
    try TrustRoot.first(Array(root.utf8))
  }

  /// Takes in the roots that follow the present one, in whatever order they come; what is known already is passed over.
  /// - Returns: true where a newer root was taken in.
  /// - Throws: the first that does not follow; those before it are taken in all the same.
  public mutating func takeIn(roots texts: [String]) throws(TrustError) -> Bool {
    var present = try trustRoot()
    var hasChanged = false
    var waiting: [(version: Int64, text: String)] = []
    for text in texts.prefix(Self.maximumRootCount) {
      let envelope = try Envelope(parsing: Array(text.utf8), expecting: .root)
      let version = try TrustRoot(payload: envelope.payload).version
      if version <= present.version {
        guard rootDigests.contains(envelope.payloadSHA256) || version < present.version - Int64(rootDigests.count) + 1
        else {
          throw TrustError(.rootRefused, "version \(version) of the trust root is another one than this Agent knows")
        }
        continue
      }
      waiting.append((version, text))
    }
    for (_, text) in waiting.sorted(by: { $0.version < $1.version }) {
      present = try present.successor(Array(text.utf8))
      root = text
      rootDigests = Array((rootDigests + [try Self.digest(ofRoot: text)]).suffix(Self.maximumRootCount))
      latestSignedAt = max(latestSignedAt, present.issuedAt)
      hasChanged = true
    }
    return hasChanged
  }

  /// True where the root is the present one or one of those before it.
  public func knows(root text: String) throws(TrustError) -> Bool {
    rootDigests.contains(try Self.digest(ofRoot: text))
  }

  private static func digest(ofRoot text: String) throws(TrustError) -> String {
    try Envelope(parsing: Array(text.utf8), expecting: .root).payloadSHA256
  }

  // MARK: Timestamps

  /// The statement that was taken in last; nil where there is none.
  public func timestampStatement() throws(TrustError) -> TimestampStatement? {
    guard let timestamp else { return nil }
    return try TimestampStatement(payload: Envelope(parsing: Array(timestamp.utf8), expecting: .timestamp).payload)
  }

  /// Takes in a timestamp statement that is newer than the one before; an older one is passed over.
  /// - Returns: true where it was taken in.
  /// - Throws: where its signatures do not count, or it is for another product.
  public mutating func takeIn(timestamp text: String) throws(TrustError) -> Bool {
    let root = try trustRoot()
    let envelope = try Envelope(parsing: Array(text.utf8), expecting: .timestamp)
    try root.checkSignatures(of: envelope, as: .timestamp)
    let statement = try TimestampStatement(payload: envelope.payload)
    guard statement.product == root.product else {
      throw TrustError(
        .otherProduct, "the timestamp statement is for the product \(statement.product), not \(root.product)")
    }
    if let known = try timestampStatement(), statement.issuedAt <= known.issuedAt { return false }
    timestamp = text
    latestSignedAt = max(latestSignedAt, statement.issuedAt)
    return true
  }

  // MARK: Releases

  /// The highest sequence that was accepted for a target under keys that still count; nil where there is none.
  public func highest(for target: String, under root: TrustRoot) -> Accepted? {
    counting(for: target, under: root).max { $0.sequence < $1.sequence }
  }

  /// The sequence below which every release is withdrawn.
  public func minimumSequence(for target: String, under root: TrustRoot) throws(TrustError) -> Int64 {
    let accepted = counting(for: target, under: root).map(\.minimumSequence).max() ?? 0
    return max(root.minimumSequence, accepted, try timestampStatement()?.minimumSequence ?? 0)
  }

  private func counting(for target: String, under root: TrustRoot) -> [Accepted] {
    let keys = Set(root.keys(of: .release).map(\.id.text))
    let threshold = root.roles[.release]?.threshold ?? 1
    return (accepted[target] ?? []).filter {
      !root.revokedReleases.contains($0.manifest) && keys.intersection($0.signers).count >= threshold
    }
  }

  /// Remembers a release that is about to be deployed.
  public mutating func accept(_ release: VerifiedManifest, for target: String) {
    let entry = Accepted(
      sequence: release.manifest.sequence, minimumSequence: release.manifest.minimumSequence, manifest: release.digest,
      signers: release.signers.map(\.text).sorted())
    var entries = accepted[target] ?? []
    entries.removeAll { $0.signers == entry.signers && $0.sequence <= entry.sequence }
    if !entries.contains(where: { $0.signers == entry.signers }) { entries.append(entry) }
    accepted[target] = Array(entries.suffix(Self.maximumAcceptedCount))
    latestSignedAt = max(latestSignedAt, release.manifest.issuedAt)
  }
}
