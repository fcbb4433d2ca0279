public import DeploymentKinds
public import FleetProtocol
import ReleaseManifest
public import WireFormats

/// What becomes of an offer, however often, late or out of order it comes.
///
/// The vendor offers a release until it has heard how it ended, so the same offer comes with every answer. Once the end was
/// reported, it comes only where the vendor wants it once more: after a retry, or to return to it.
public enum OfferIntake: Sendable, Hashable {
  /// A release that is known here by its id.
  public struct Known: Sendable, Hashable {
    public var status: LocalDeploymentStatus
    /// As it was offered last; nil where that cannot be read any more.
    public var offer: ReleaseOffer?
    /// When the vendor took the report of the present status; nil: not yet.
    public var reportedAt: Timestamp?

    public init(status: LocalDeploymentStatus, offer: ReleaseOffer?, reportedAt: Timestamp? = nil) {
      self.status = status
      self.offer = offer
      self.reportedAt = reportedAt
    }
  }

  /// Whether the vendor has heard of what runs.
  public enum Hearing: Sendable, Hashable {
    /// It came by no offer, or that is not known.
    case unknown
    /// Its report is on its way.
    case pending
    case since(Timestamp)
  }

  public struct Facts: Sendable, Hashable {
    public var runtime: DeploymentRuntimeKind
    /// What runs; nil where nothing does yet.
    public var currentVersion: String?
    /// Of its artifact; nil where nobody knows it.
    public var currentSha256: String?
    public var known: Known?
    /// Digests of the artifacts of other releases of that version that are here or ran here.
    public var otherDigests: Set<String>
    /// How many releases are offered and not ended.
    public var openCount: Int
    public var hearing = Hearing.unknown

    public init(
      runtime: DeploymentRuntimeKind, currentVersion: String? = nil, known: Known? = nil,
      otherDigests: Set<String> = [], openCount: Int = 0
    ) {
      self.runtime = runtime
      self.currentVersion = currentVersion
      self.known = known
      self.otherDigests = otherDigests
      self.openCount = openCount
    }
  }

  /// A new release.
  /// - Parameter isReturn: it is older than what runs: the vendor wants this customer to go back.
  case add(ArtifactDemand, isReturn: Bool)
  /// It runs already, though not by an offer: the vendor is told, and nobody else.
  case addRunning(ArtifactDemand)
  /// Nothing is new.
  /// - Parameter isDifferent: the vendor says something else by now, and it is not the time to take it in.
  case keep(isDifferent: Bool)
  /// The same release with another content, before anybody has begun with it.
  /// - Parameter isNewArtifact: what was downloaded is not it.
  case replace(ArtifactDemand, isNewArtifact: Bool, becomesForced: Bool)
  /// The vendor wants it once more.
  case again(ArtifactDemand, isReturn: Bool)
  /// The vendor has not understood that it runs.
  case runsStill
  /// Whether the vendor wants it once more shows after this time.
  case tooEarly(Duration)
  case refuse(OfferRefusal)

  /// How long the vendor's processes may go on offering what they were told has ended.
  public static let settling: Duration = .seconds(60)
  /// How many releases are offered at most and not ended.
  public static let maximumOpen = 100

  /// - Parameter askedAt: when the answer was asked for, which may have been made at any time since.
  public static func decide(_ offer: ReleaseOffer, _ facts: Facts, askedAt: Timestamp) -> OfferIntake {
    let demand: ArtifactDemand
    do throws(OfferRefusal) {
      demand = try ArtifactDemand(offer, runtime: facts.runtime)
    } catch {
      return .refuse(error)
    }
    let current = facts.currentVersion.flatMap { SemanticVersion($0) }
    let offered = SemanticVersion(demand.version)
    let isReturn = current.flatMap { current in offered.map { $0 < current } } ?? false
    let runs = current != nil && current == offered && (facts.currentSha256 ?? demand.sha256) == demand.sha256
    guard let known = facts.known else {
      guard facts.otherDigests.subtracting([demand.sha256]).isEmpty else {
        return .refuse(
          OfferRefusal(
            .versionReused,
            "another release \(demand.version) with another content came before: the vendor has to give it another version"
          ))
      }
      if runs { return .addRunning(demand) }
      guard facts.openCount < maximumOpen else {
        return .refuse(
          OfferRefusal(
            .tooManyOffers, "\(facts.openCount) releases are offered and not ended: deploy or cancel some of them first"
          ))
      }
      if isReturn, let wait = wait(facts.hearing, askedAt) { return .tooEarly(wait) }
      return .add(demand, isReturn: isReturn)
    }
    let isDifferent = known.offer != offer
    if known.status.isActive { return .keep(isDifferent: isDifferent) }
    // What could not be fetched is tried on by itself, and what the vendor has mended of it is taken in at once.
    if known.status.endsOffer, known.status != .downloadFailed || !isDifferent {
      guard let reportedAt = known.reportedAt else { return .keep(isDifferent: isDifferent) }
      if let wait = wait(.since(reportedAt), askedAt) { return .tooEarly(wait) }
      if isReturn, let wait = wait(facts.hearing, askedAt) { return .tooEarly(wait) }
      return known.status == .success && runs ? .runsStill : .again(demand, isReturn: isReturn)
    }
    guard isDifferent else { return .keep(isDifferent: false) }
    let before = known.offer.flatMap { try? ArtifactDemand($0, runtime: facts.runtime) }
    return .replace(
      demand, isNewArtifact: before?.sha256 != demand.sha256 || before?.version != demand.version,
      becomesForced: offer.isForced && known.offer?.isForced != true)
  }

  /// How long an answer may still come from what the vendor believed before; nil where that is over. Who offers something older than what
  /// runs wants it back only where it knows what runs.
  private static func wait(_ hearing: Hearing, _ askedAt: Timestamp) -> Duration? {
    switch hearing {
    case .unknown: return nil
    case .pending: return settling
    case .since(let reportedAt):
      let wait = reportedAt + settling - askedAt
      // The answer may have been asked for before it was reported, but not longer ago than a process may be at it: beyond that a
      // clock was set back.
      return wait > .zero && wait <= settling + VendorSchedule.lease ? wait : nil
    }
  }
}

extension LocalDeploymentStatus {
  /// Whether the vendor takes its offer back once it has heard of it.
  public var endsOffer: Bool { isFinal || self == .downloadFailed || self == .deadlineExceeded }
}
