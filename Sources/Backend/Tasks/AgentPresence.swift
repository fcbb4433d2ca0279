import CoreKinds
import Database
import OfferPlanning
import ResourceModel
import ResourceStorage
import WireFormats

/// The Lease of the Agent that watches.
struct AgentLease: Sendable, Hashable {
  var revision: Int64
  var isHeld: Bool

  /// Nil where there is none, or it cannot be read.
  static func read(_ context: DeploymentContext, _ connection: any SQLConnection, now: Timestamp) throws -> AgentLease?
  {
    guard let stored = try context.store.get(LeaseKind.definition, context.leaseKey, in: connection),
      let lease = try? stored.value().decoded(as: Lease.self)
    else { return nil }
    let end = lease.spec.renewTime.map { $0.timestamp + .seconds(max(lease.spec.leaseDurationSeconds ?? 0, 0)) }
    return AgentLease(
      revision: stored.revision,
      isHeld: lease.spec.holderIdentity?.isEmpty == false && end.map { now < $0 } == true)
  }
}

/// Whether an Agent is there (spec §11.2): its polls, or the renewals of its Lease.
extension DeploymentTransaction {
  private static let offlineFact = "agent"
  /// `lastAgentPoll` is not written more often for renewals, which come every few seconds.
  static let presenceInterval: Duration = .seconds(60)

  /// An Agent was heard of just now.
  mutating func noteAgent() throws {
    let before = state.lastAgentPoll
    state.lastAgentPoll = now
    // One that was never there may have been missed.
    guard before.map({ now - $0 > TaskRule.absence }) ?? true else { return }
    if try context.notices.resolve(.agentOffline, fact: Self.offlineFact, in: connection) {
      tell(AdminNotice(.agentBack, fact: now.description, time: before))
    }
  }

  /// Counts a renewal of the Lease as a sign of life, by our clock and not by the Agent's.
  /// - Returns: whether there was one.
  mutating func noteRenewal(_ lease: AgentLease?) throws -> Bool {
    guard let lease, lease.revision != state.leaseRevision else { return false }
    // What was left by an Agent that is gone is no renewal.
    let isNews = state.leaseRevision != nil || lease.isHeld
    if let last = state.lastAgentPoll, now - last < Self.presenceInterval { return isNews }
    state.leaseRevision = lease.revision
    if isNews { try noteAgent() }
    return isNews
  }

  /// Tells once where no Agent was heard of for long, or never.
  /// - Parameter start: since when it could have been heard of.
  mutating func noteAbsence(since start: Timestamp) {
    guard now - (state.lastAgentPoll ?? start) > TaskRule.absence else { return }
    tell(AdminNotice(.agentOffline, fact: Self.offlineFact, time: state.lastAgentPoll))
  }
}
