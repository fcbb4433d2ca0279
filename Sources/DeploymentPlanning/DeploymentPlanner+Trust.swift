import DeploymentKinds
import ReleaseManifest
import ResourceModel

/// Which releases are believed, and how new the vendor's news is.
extension DeploymentPlanner {
  /// Stands at the end of what `Ready` says, so that nobody overlooks it.
  var trustTag: String {
    switch facts.trust {
    case .notConsidered: ""
    case .unsigned: " [UNSIGNED releases are deployed]"
    case .root(let product, let version):
      " [trust root \(product) \(version)\(facts.revocation == nil ? "" : "; what runs is REVOKED")]"
    case .damaged: " [trust root unreadable]"
    }
  }

  mutating func setTrusted() {
    switch facts.trust {
    case .notConsidered: break
    case .unsigned:
      set(
        DeploymentCondition.trusted, .isFalse, .unsignedAllowed,
        "This Agent was told to deploy what nobody signed: whoever can write this record, the bucket or the registry decides "
          + "what runs here")
    case .root(let product, let version):
      if let revocation = facts.revocation, let current = status.current {
        let message =
          "\(current.title) was deployed, and \(revocation). What of it runs goes on, but nothing of it is started "
          + "any more, neither to put it right nor when another release fails: deploy a newer one"
        set(DeploymentCondition.trusted, .isFalse, .releaseRevoked, message)
        announce(.warning, DeploymentCondition.trusted, .releaseRevoked, message)
      } else {
        set(
          DeploymentCondition.trusted, .isTrue, .trustRoot,
          "Only releases signed under version \(version) of the trust root of \(product) are deployed")
      }
    case .damaged(let message): set(DeploymentCondition.trusted, .isFalse, .trustMemoryDamaged, message)
    }
    guard let staleness = facts.staleness else { return unset(DeploymentCondition.stale) }
    // The message names the time, which would make each pass another status.
    let before = original?.conditions?[DeploymentCondition.stale]
    set(
      DeploymentCondition.stale, .isTrue, reason: staleness.reason,
      before?.reason == staleness.reason ? before?.message ?? staleness.message : staleness.message)
    if before?.reason != staleness.reason {
      events.append(DeploymentEvent(.warning, staleness.reason, staleness.message))
    }
  }

  /// New releases wait while it is not known what the vendor has said last; a return to what ran here does not.
  mutating func waitForTrust(_ plan: ReleasePlan) -> Decision.Step? {
    if case .damaged(let message) = facts.trust {
      return waitForTrust(.trustMemoryDamaged, "\(plan.release.version) is not deployed: \(message)")
    }
    guard plan.revision == nil, let staleness = facts.staleness else { return nil }
    let message = status.conditions?[DeploymentCondition.stale]?.message ?? staleness.message
    return waitForTrust(.stale, "\(plan.release.version) waits: \(message)")
  }

  private mutating func waitForTrust(_ reason: ConditionReason, _ message: String) -> Decision.Step {
    unset(DeploymentCondition.stalled)
    return block(reason: reason, message: message)
  }

  /// Whether what was refused may be believed now: a root has come since that names other keys.
  func isTrustRenewed(since failure: DesiredDeploymentStatus.Failure) -> Bool {
    guard TrustError.Reason(rawValue: failure.reason) != nil, case .root(_, let version) = facts.trust,
      let before = status.trustRootVersion
    else { return false }
    return version > before
  }
}
