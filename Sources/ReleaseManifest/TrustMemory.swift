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
    /// By the manifest.
    public var issuedAt: Timestamp?

    public init(
      sequence: Int64, minimumSequence: Int64 = 0, manifest: String, signers: [String], issuedAt: Timestamp? = nil
    ) {
      self.sequence = sequence
      self.minimumSequence = minimumSequence
      self.manifest = manifest
      self.signers = signers
      self.issuedAt = issuedAt
    }
  }

  /// The present root's envelope.
  public var root: String
  /// The digests of the payloads of all roots since the first, the present one last.
  public var rootDigests: [String]
  /// The newest timestamp statement's envelope.
  public var timestamp: String?
  /// Of the keys that had signed it; nil where an earlier version of this program took it in.
  public var timestampSigners: [String]?
  /// By target, such as `Compose/wrktalk`: the latest releases.
  public var accepted: [String: [Accepted]]

  public static let maximumRootCount = 1000
  static let maximumAcceptedCount = 32
  public static let maximumTargetCount = 256

  /// - Parameter text: the envelope of the root that the customer begins with.
  /// - Throws: where it is no root that its own keys have signed.
  public init(firstRoot text: String) throws(TrustError) {
    _ = try TrustRoot.first(Array(text.utf8))
    self.root = text
    rootDigests = [try Self.digest(ofRoot: text)]
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
  /// - Throws: the first fault. The roots that do follow were taken in all the same, so whoever keeps the memory compares
  ///   it with what it was: one bad root among good ones must not hold those up.
  public mutating func takeIn(roots texts: [String]) throws(TrustError) -> Bool {
    var present = try trustRoot()
    noteTimestampSigners(under: present)
    var fault: TrustError?
    var candidates: [(version: Int64, digest: String, text: String)] = []
    for text in texts.prefix(Self.maximumRootCount) {
      do throws(TrustError) {
        let envelope = try Envelope(parsing: Array(text.utf8), expecting: .root)
        candidates.append((try TrustRoot(payload: envelope.payload).version, envelope.payloadSHA256, text))
      } catch {
        fault = fault ?? error
      }
    }
    var hasChanged = false
    for candidate in candidates.sorted(by: { $0.version < $1.version }) {
      do throws(TrustError) {
        guard candidate.version > present.version else {
          try checkIsKnown(candidate.version, candidate.digest, present)
          continue
        }
        present = try present.successor(Array(candidate.text.utf8))
        root = candidate.text
        rootDigests = Array((rootDigests + [candidate.digest]).suffix(Self.maximumRootCount))
        hasChanged = true
      } catch {
        fault = fault ?? error
      }
    }
    if let fault { throw fault }
    return hasChanged
  }

  /// Of each version there is one root. Which one a version was that lies too far back is not remembered.
  private func checkIsKnown(_ version: Int64, _ digest: String, _ present: TrustRoot) throws(TrustError) {
    guard version > present.version - Int64(rootDigests.count), !rootDigests.contains(digest) else { return }
    throw TrustError(.rootRefused, "version \(version) of the trust root is another one than this Agent knows")
  }

  /// True where the root is the present one or one of those before it.
  public func knows(root text: String) throws(TrustError) -> Bool {
    rootDigests.contains(try Self.digest(ofRoot: text))
  }

  private static func digest(ofRoot text: String) throws(TrustError) -> String {
    try Envelope(parsing: Array(text.utf8), expecting: .root).payloadSHA256
  }

  // MARK: Timestamps

  /// The statement that was taken in last, where the present root's keys have signed it; nil where there is none that counts.
  ///
  /// A key that was stolen may have signed one that lies years ahead or withdraws everything: with the key, it goes.
  public func timestampStatement() throws(TrustError) -> TimestampStatement? {
    timestampStatement(under: try trustRoot())
  }

  public func timestampStatement(under root: TrustRoot) -> TimestampStatement? {
    guard let timestamp else { return nil }
    return try? Self.statement(timestamp, under: root)
  }

  private static func statement(_ text: String, under root: TrustRoot) throws(TrustError) -> TimestampStatement {
    let envelope = try Envelope(parsing: Array(text.utf8), expecting: .timestamp)
    try root.checkSignatures(of: envelope, as: .timestamp)
    let statement = try TimestampStatement(payload: envelope.payload)
    guard statement.product == root.product else {
      throw TrustError(
        .otherProduct, "the timestamp statement is for the product \(statement.product), not \(root.product)")
    }
    return statement
  }

  /// Takes in a timestamp statement that is newer than the one before; an older one is passed over.
  /// - Returns: true where it was taken in.
  /// - Throws: where its signatures do not count, or it is for another product.
  public mutating func takeIn(timestamp text: String) throws(TrustError) -> Bool {
    let root = try trustRoot()
    let statement = try Self.statement(text, under: root)
    if let known = standingTimestamp(under: root), statement.issuedAt < known.issuedAt { return false }
    if text == timestamp || timestampStatement(under: root)?.issuedAt == statement.issuedAt { return false }
    timestamp = text
    timestampSigners = Self.timestampSigners(text, under: root)
    return true
  }

  // MARK: Releases

  /// The latest time at which something was signed that still counts. A clock before that is wrong.
  public func latestSignedAt(under root: TrustRoot) -> Timestamp {
    let releases = accepted.values.joined().filter { counts($0, under: root) }.compactMap(\.issuedAt)
    let statement = timestampStatement(under: root).map { [$0.issuedAt] } ?? []
    return (releases + statement).reduce(root.issuedAt, max)
  }

  /// The highest sequence that was accepted for a target under keys that still count; nil where there is none.
  public func highest(for target: String, under root: TrustRoot) -> Accepted? {
    counting(for: target, under: root).max { $0.sequence < $1.sequence }
  }

  /// The highest sequence that was accepted for any target under keys that still count: where another target begins. Under
  /// a new name nobody gets an older release than this Agent has seen.
  public func highestOfAll(under root: TrustRoot) -> Int64 {
    accepted.values.joined().filter { counts($0, under: root) }.map(\.sequence).max() ?? 0
  }

  /// The sequence below which every release is withdrawn.
  public func minimumSequence(for target: String, under root: TrustRoot) -> Int64 {
    let accepted = counting(for: target, under: root).map(\.minimumSequence).max() ?? 0
    return max(root.minimumSequence, accepted, standingTimestamp(under: root)?.minimumSequence ?? 0)
  }

  /// The newest statement also where a rotation has replaced the key that signed it: what it withdraws stays withdrawn, and no
  /// older one takes its place. Only its freshness is gone.
  private func standingTimestamp(under root: TrustRoot) -> TimestampStatement? {
    if let statement = timestampStatement(under: root) { return statement }
    guard let timestamp, Self.standing(timestampSigners ?? [], as: .timestamp, under: root) != nil,
      let envelope = try? Envelope(parsing: Array(timestamp.utf8), expecting: .timestamp)
    else { return nil }
    return try? TimestampStatement(payload: envelope.payload)
  }

  /// A memory of an earlier version of this program does not say who had signed its statement.
  private mutating func noteTimestampSigners(under root: TrustRoot) {
    guard timestampSigners == nil, let timestamp, timestampStatement(under: root) != nil else { return }
    timestampSigners = Self.timestampSigners(timestamp, under: root)
  }

  private static func timestampSigners(_ text: String, under root: TrustRoot) -> [String]? {
    (try? Envelope(parsing: Array(text.utf8), expecting: .timestamp))
      .map { $0.signers(among: root.keys(of: .timestamp)).map(\.text).sorted() }
  }

  private func counting(for target: String, under root: TrustRoot) -> [Accepted] {
    (accepted[target] ?? []).filter { counts($0, under: root) }
  }

  /// A rotation takes nothing back of what was reached: only what is revoked, or signed by what is, counts no more.
  private func counts(_ release: Accepted, under root: TrustRoot) -> Bool {
    !root.revokedReleases.contains(release.manifest) && Self.standing(release.signers, as: .release, under: root) != nil
  }

  /// Of those who had signed something when it was taken in, who is not revoked since; nil where too few are left.
  private static func standing(_ signers: [String], as role: TrustRoot.Role, under root: TrustRoot) -> Set<KeyID>? {
    let standing = Set(signers.compactMap { KeyID($0) }).subtracting(root.revokedKeys)
    let threshold = min(root.roles[role]?.threshold ?? 1, signers.count)
    return signers.isEmpty || standing.count < threshold ? nil : standing
  }

  /// Of a release that was accepted for a target: those who had signed it and are not revoked since. A key that left the
  /// root in a rotation still speaks for what it signed and what ran here; a new release it can sign no more.
  /// - Returns: nil where it was not accepted, is not remembered, or too few of its signers are left.
  public func standingSigners(of manifest: String, for target: String, under root: TrustRoot) -> Set<KeyID>? {
    (accepted[target] ?? []).filter { $0.manifest == manifest }
      .compactMap { Self.standing($0.signers, as: .release, under: root) }.max { $0.count < $1.count }
  }

  /// Whether it is known who had signed a release that was accepted for a target.
  public func remembers(_ manifest: String, for target: String) -> Bool {
    accepted[target]?.contains { $0.manifest == manifest } ?? false
  }

  /// Why a release that was accepted for a target is revoked; nil where it is not.
  public func revocation(of manifest: String, for target: String, under root: TrustRoot) -> String? {
    let place = "version \(root.version) of the trust root"
    if root.revokedReleases.contains(manifest) { return "it is revoked by \(place)" }
    let signers = Set((accepted[target] ?? []).filter { $0.manifest == manifest }.flatMap(\.signers))
    guard let key = signers.compactMap({ KeyID($0) }).filter(root.revokedKeys.contains).min(),
      standingSigners(of: manifest, for: target, under: root) == nil
    else { return nil }
    return "the key \(key) that signed it is revoked by \(place)"
  }

  /// False where so many targets are remembered that none can be added: forgetting one would let old releases return.
  public func hasRoom(for target: String) -> Bool {
    accepted[target] != nil || accepted.count < Self.maximumTargetCount
  }

  /// Remembers a release that is about to be deployed.
  ///
  /// Not only the highest: where that one is revoked, or its key is, those before it count again.
  /// - Parameter needed: digests of manifests whose entries are never given up: those of what runs.
  public mutating func accept(_ release: VerifiedManifest, for target: String, keeping needed: Set<String> = []) {
    guard hasRoom(for: target) else { return }
    let entry = Accepted(
      sequence: release.manifest.sequence, minimumSequence: release.manifest.minimumSequence, manifest: release.digest,
      signers: release.signers.map(\.text).sorted(), issuedAt: release.manifest.issuedAt)
    var entries = (accepted[target] ?? []).filter { $0.manifest != entry.manifest || $0.signers != entry.signers }
    entries.append(entry)
    if entries.count > Self.maximumAcceptedCount { Self.forgetOne(&entries, but: needed.union([entry.manifest])) }
    accepted[target] = entries
  }

  /// Gives up the lowest release of those signers that have the most, so that nobody can push out what others signed. What
  /// it had withdrawn stays withdrawn.
  private static func forgetOne(_ entries: inout [Accepted], but needed: Set<String>) {
    let groups = Dictionary(grouping: entries.filter { !needed.contains($0.manifest) }, by: \.signers)
    guard let largest = groups.values.max(by: { ($0.count, $1[0].sequence) < ($1.count, $0[0].sequence) }),
      let lowest = largest.min(by: { $0.sequence < $1.sequence }),
      let index = entries.firstIndex(of: lowest)
    else { return }
    entries.remove(at: index)
    let next = entries.indices.filter { entries[$0].signers == lowest.signers }
      .min { entries[$0].sequence < entries[$1].sequence }
    if let next { entries[next].minimumSequence = max(entries[next].minimumSequence, lowest.minimumSequence) }
  }
}
