public import WireFormats

/// A manifest whose signatures count.
public struct VerifiedManifest: Sendable, Hashable {
  public var manifest: Manifest
  /// Of its payload: 64 hexadecimal digits.
  public var digest: String
  public var signers: Set<KeyID>

  init(manifest: Manifest, digest: String, signers: Set<KeyID>) {
    self.manifest = manifest
    self.digest = digest
    self.signers = signers
  }

  /// - Parameter text: the manifest's envelope.
  /// - Throws: where the signatures do not count under the root, or the bytes under them are not a manifest.
  public init(checking text: String, under root: TrustRoot) throws(TrustError) {
    let envelope = try Envelope(parsing: Array(text.utf8), expecting: .release)
    signers = try root.checkSignatures(of: envelope, as: .release)
    manifest = try Manifest(payload: envelope.payload)
    digest = envelope.payloadSHA256
  }
}

/// Decides whether a release may be deployed: a function of what is remembered, what is offered and the time.
public struct ReleaseVerification: Sendable {
  /// What a manifest is wanted for.
  public enum Purpose: Sendable, Hashable {
    /// A release that comes from outside.
    case deployment
    /// A return to what was verified and ran here before.
    case rollback
  }

  /// Why new releases have to wait.
  public struct Staleness: Sendable, Hashable {
    /// CamelCase, for the condition.
    public var reason: String
    public var message: String
  }

  public let memory: TrustMemory
  public let root: TrustRoot
  public let now: Timestamp

  /// How far the vendor's clock and the customer's may be apart.
  public static let clockTolerance: Duration = .seconds(26 * 3600)

  public init(memory: TrustMemory, now: Timestamp) throws(TrustError) {
    self.memory = memory
    self.root = try memory.trustRoot()
    self.now = now
  }

  /// The signatures, and what the bytes under them say.
  public func verified(_ text: String) throws(TrustError) -> VerifiedManifest {
    try VerifiedManifest(checking: text, under: root)
  }

  /// - Parameters:
  ///   - text: the manifest's envelope, as the record carries it.
  ///   - target: where it is to go, such as `Compose/wrktalk`.
  /// - Throws: the first reason why it may not.
  public func check(_ text: String?, for target: String, _ purpose: Purpose) throws(TrustError) -> VerifiedManifest {
    guard let text else {
      throw TrustError(
        .releaseNotSigned,
        "the record carries no release manifest, and this Agent deploys only what the vendor signed: set spec.manifest")
    }
    let release = purpose == .rollback ? try recognized(text, for: target) : try verified(text)
    if let problem = problems(of: release, for: target, purpose).first { throw problem }
    return release
  }

  /// As `verified`, and also what was verified here before and has not been revoked since: it is known by its digest, whoever
  /// brings it, and stays what it was when a rotation replaces the key that signed it.
  private func recognized(_ text: String, for target: String) throws(TrustError) -> VerifiedManifest {
    let envelope = try Envelope(parsing: Array(text.utf8), expecting: .release)
    do throws(TrustError) {
      return try verified(text)
    } catch {
      guard let signers = memory.standingSigners(of: envelope.payloadSHA256, for: target, under: root) else {
        throw error
      }
      return VerifiedManifest(
        manifest: try Manifest(payload: envelope.payload), digest: envelope.payloadSHA256, signers: signers)
    }
  }

  /// All that speaks against a manifest whose signatures count; empty where it may be deployed.
  public func problems(of release: VerifiedManifest, for target: String, _ purpose: Purpose) -> [TrustError] {
    let manifest = release.manifest
    let title = "the manifest of \(manifest.product) \(manifest.version)"
    var problems: [TrustError] = []
    func refuse(_ isRefused: Bool, _ reason: TrustError.Reason, _ message: @autoclosure () -> String) {
      if isRefused { problems.append(TrustError(reason, message())) }
    }
    refuse(
      manifest.product != root.product, .otherProduct,
      "\(title) is for another product than the trust root's, \(root.product)")
    refuse(
      root.revokedReleases.contains(release.digest), .revoked,
      "\(title) is revoked by version \(root.version) of the trust root: take a newer release")
    let minimum = memory.minimumSequence(for: target, under: root)
    refuse(
      manifest.sequence < minimum, .sequenceTooLow,
      "\(title) has the sequence \(manifest.sequence), and the vendor has withdrawn everything below \(minimum): take a newer release"
    )
    guard purpose == .deployment else { return problems }
    let highest = memory.highest(for: target, under: root)
    refuse(
      manifest.sequence >= minimum
        && highest.map { $0.manifest != release.digest && manifest.sequence <= $0.sequence } == true,
      .sequenceTooLow,
      "\(title) has the sequence \(manifest.sequence), and \(highest?.sequence ?? 0) was accepted here before: take a newer release, or return to one that ran here with spec.rollbackTo"
    )
    let highestOfAll = memory.highestOfAll(under: root)
    refuse(
      manifest.sequence >= minimum && highest == nil && manifest.sequence < highestOfAll, .sequenceTooLow,
      "\(title) has the sequence \(manifest.sequence), and this Agent has accepted \(highestOfAll) for another deployment: a new one begins with that or a newer release"
    )
    refuse(
      !memory.hasRoom(for: target), .tooManyTargets,
      "this Agent remembers the releases of \(TrustMemory.maximumTargetCount) deployments already, and none may be forgotten: let another Agent deploy \(target)"
    )
    refuse(
      now >= root.expires, .rootExpired,
      "version \(root.version) of the trust root has expired on \(root.expires), and it is \(now): the vendor has to issue the next one. What runs goes on running"
    )
    refuse(
      now >= manifest.expires, .expired,
      "\(title) has expired on \(manifest.expires), and it is \(now) by this machine's clock: take a newer release, or have it signed anew"
    )
    refuse(
      manifest.issuedAt > now + Self.clockTolerance, .notYetValid,
      "\(title) was issued on \(manifest.issuedAt), and it is \(now) by this machine's clock: set the clock")
    return problems
  }

  /// Why nothing new may be deployed now; nil where it may.
  public func staleness() throws(TrustError) -> Staleness? {
    let latest = memory.latestSignedAt(under: root)
    if now + Self.clockTolerance < latest {
      return Staleness(
        reason: "ClockBehind",
        message: "It is \(now) by this machine's clock, but something was signed on \(latest): set the clock")
    }
    guard root.roles[.timestamp] != nil else { return nil }
    guard let statement = memory.timestampStatement(under: root) else {
      return Staleness(
        reason: "TimestampMissing",
        message: "The trust root demands a timestamp statement, and none has come: new releases wait for it")
    }
    guard now < statement.expires else {
      return Staleness(
        reason: "TimestampExpired",
        message:
          "The last timestamp statement has expired on \(statement.expires), and it is \(now): new releases wait for the next one"
      )
    }
    guard statement.rootVersion <= root.version else {
      return Staleness(
        reason: "TrustRootBehind",
        message:
          "The vendor has version \(statement.rootVersion) of the trust root, and this Agent \(root.version): new releases wait for it"
      )
    }
    return nil
  }
}
