public import FleetKinds
import ReleaseManifest
public import WireFormats

/// Whether and how a release is offered to an organization (spec §5.2, step 3).
///
/// It is made when a stage's members are fixed, so that a plan can say what becomes of whom, and once more when the offer is made:
/// a licence may have ended or been renewed in between.
public enum OfferDecision: Sendable, Hashable {
  public enum Channel: Sendable, Hashable {
    case webhook
    /// The organization has no webhook: it learns of the release when it polls.
    case poll
  }

  public struct Block: Sendable, Hashable {
    public var reason: BlockReason
    /// A sentence for people.
    public var message: String
  }

  case blocked(Block)
  /// It runs the release: there is nothing to offer, and it counts as succeeded.
  case alreadyThere
  /// - Parameter doubt: a sentence for people where something could not be checked, which blocks nothing.
  case offer(Channel, doubt: String?)

  public static func decide(
    _ release: ReleaseFacts, for organization: OrganizationFacts, now: Timestamp
  ) -> OfferDecision {
    let current = organization.currentVersion.flatMap { SemanticVersion($0) }
    if let current, current == SemanticVersion(release.version) { return .alreadyThere }
    if let expiry = organization.licenseExpiresAt, expiry <= now {
      return .blocked(
        Block(
          reason: .licenseExpired,
          message:
            "The licence of \(organization.name) ended at \(expiry.wholeSeconds): \(release.version) is offered once it is renewed."
        ))
    }
    if !release.deploymentTypes.contains(organization.deploymentType) {
      let artifact = organization.deploymentType == .kubernetes ? "Helm chart" : "Compose bundle"
      return .blocked(
        Block(
          reason: .artifactMissing,
          message: """
            \(organization.name) deploys with \(organization.deploymentType.rawValue), and \(release.version) has no \
            \(artifact): it is offered a release that has one.
            """))
    }
    if let current, let version = SemanticVersion(release.version), version < current, !release.isReturn {
      return .blocked(
        Block(
          reason: .newerVersion,
          message: """
            \(organization.name) runs \(organization.currentVersion ?? ""), which is newer than \(release.version): it is \
            offered once it runs an older one.
            """))
    }
    var doubt: String?
    if let text = release.minCurrentVersion {
      let minimum = SemanticVersion(text)
      if let minimum, let current, current < minimum {
        return .blocked(
          Block(
            reason: .minVersionBlocked,
            message: """
              \(organization.name) runs \(organization.currentVersion ?? ""), and \(release.version) can be reached from \
              \(text) on: it is offered once a version in between runs.
              """))
      }
      if minimum == nil || current == nil {
        let unknown =
          switch (minimum, organization.currentVersion) {
          case (nil, _): "the minimum version \"\(text)\" is not a semantic version"
          case (_, let reported?): "the version that it reported, \"\(reported.prefix(80))\", is not a semantic version"
          case (_, nil): "it never reported which version it runs"
          }
        doubt =
          "Whether \(organization.name) runs \(text) or newer, as \(release.version) needs, is not known: \(unknown)."
      }
    }
    return .offer(organization.hasWebhookEndpoint ? .webhook : .poll, doubt: doubt)
  }

  /// Whether what is offered has been overtaken by what runs now: nobody has begun with it, and it would be a step back.
  /// - Parameters:
  ///   - version: of the target's release.
  ///   - running: of which the organization has just reported success.
  public static func isOvertaken(_ target: TargetFacts, version: String, by running: String) -> Bool {
    guard let offered = SemanticVersion(version), let running = SemanticVersion(running), offered < running else {
      return false
    }
    switch target.phase {
    case .pending, .notified, .webhookFailed, .deadlineExceeded: return target.offeredAt != nil && target.blocked == nil
    case .scheduled, .inProgress, .downloadFailed, .success, .failed, .rolledBack, .cancelled: return false
    }
  }
}

extension BlockReason {
  /// What a person has to look after then; nil where nobody needs to: what would be offered is nothing for that customer.
  public var escalation: EscalationType? {
    switch self {
    case .licenseExpired: .licenseExpired
    case .minVersionBlocked: .minVersionBlocked
    case .newerVersion, .artifactMissing: nil
    }
  }
}
