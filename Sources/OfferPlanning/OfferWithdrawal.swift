public import FleetProtocol
import ReleaseManifest
public import WireFormats

/// Which offers the vendor has taken back, such as those of a rollout that was halted.
///
/// The vendor offers the newest release that a customer may have. So what is newer than its answer is not offered any more; what is
/// older may be, and is left alone.
public enum OfferWithdrawal {
  /// A release that was offered, that nobody has begun to deploy, and whose offer no report of this program has ended.
  public struct Candidate: Sendable, Hashable {
    public var id: String
    public var releaseID: String
    public var version: String
    public var receivedAt: Timestamp

    public init(id: String, releaseID: String, version: String, receivedAt: Timestamp) {
      self.id = id
      self.releaseID = releaseID
      self.version = version
      self.receivedAt = receivedAt
    }
  }

  public struct Outcome: Sendable, Hashable {
    /// Ids of those that are taken back.
    public var withdrawn: [String] = []
    /// When to ask again: not all of the vendor's processes may know yet of what was offered just now.
    public var askAgain: Duration?
  }

  /// - Parameters:
  ///   - offer: what the vendor answered; nil where it offers nothing.
  ///   - askedAt: when it was asked.
  public static func decide(_ candidates: [Candidate], _ offer: ReleaseOffer?, askedAt: Timestamp) -> Outcome {
    let offered = offer.flatMap { SemanticVersion(plain($0.version)) }
    var outcome = Outcome()
    for candidate in candidates where candidate.releaseID != offer?.releaseID {
      if let offer {
        guard let offered, let version = SemanticVersion(candidate.version), offered < version else {
          // Another release of the same version has taken its place.
          if plain(offer.version) != candidate.version { continue }
          outcome.withdrawn.append(candidate.id)
          continue
        }
      }
      let wait = candidate.receivedAt + OfferIntake.settling - askedAt
      // Not where a clock was set back.
      if wait > .zero, wait <= OfferIntake.settling {
        outcome.askAgain = min(outcome.askAgain ?? wait, wait)
      } else {
        outcome.withdrawn.append(candidate.id)
      }
    }
    return outcome
  }

  private static func plain(_ version: String) -> String {
    version.hasPrefix("v") ? String(version.dropFirst()) : version
  }
}
