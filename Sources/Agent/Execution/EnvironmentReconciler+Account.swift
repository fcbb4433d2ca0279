import DeploymentKinds
import DeploymentPlanning
import Logging
import Reconciliation
import ReleaseManifest
import ResourceModel

/// What the Agent knows for itself of a record, beside what the server says.
extension EnvironmentReconciler {
  /// What cannot be kept now is taken in later, and holds nothing up meanwhile.
  func takeInTrust(of object: DesiredDeployment) async throws {
    do throws(RuntimeFailure) {
      for event in try await memory.takeInTrust(of: object) { events.report(event, about: object) }
    } catch {
      guard let failure = DeploymentFailure(error) else { throw CancellationError() }
      logger.warning(
        "Trust roots and timestamps were not taken in",
        metadata: ["reason": .string(failure.reason), "error": .string(failure.message)])
    }
  }

  /// The record with what this Agent deployed in place of what its status says, and the facts of trust.
  func trusted(
    _ object: DesiredDeployment, _ facts: inout DeploymentFacts
  ) async throws(RuntimeFailure) -> TrustedRecord {
    let isConsidered = facts.trust != .notConsidered
    if !isConsidered { try await considerTrust(&facts) }
    let mayAdopt = facts.trust == .unsigned
    let record: TrustedRecord
    switch try await memory.account(of: object) {
    case .none: record = TrustedRecord(object, kept: nil, mayAdopt: mayAdopt)
    case .kept(let kept): record = TrustedRecord(object, kept: kept, mayAdopt: mayAdopt)
    case .damaged(let message):
      facts.account = .damaged(message: message)
      record = TrustedRecord(object, kept: nil, mayAdopt: true)
    }
    if !isConsidered {
      facts.revocation = try await gate.revocation(
        of: record.object.status?.current?.release.releaseManifestSha256, for: object)
    }
    return record
  }

  private func considerTrust(_ facts: inout DeploymentFacts) async throws(RuntimeFailure) {
    facts.staleness = nil
    switch try await memory.trust() {
    case .unsigned: facts.trust = .unsigned
    case .damaged(let message): facts.trust = .damaged(message: message)
    case .root(let known, let root):
      facts.trust = .root(product: root.product, version: root.version)
      do throws(TrustError) {
        facts.staleness = try ReleaseVerification(memory: known, now: facts.now).staleness()
          .map { .init(reason: $0.reason, message: $0.message) }
      } catch {
        facts.trust = .damaged(message: error.message)
      }
    }
  }

  /// Keeps what a status is about to show of what was deployed.
  /// - Returns: why that could not be done, so that nothing may be; nil where it was.
  func kept(
    _ decision: Decision, for object: DesiredDeployment, _ facts: DeploymentFacts
  ) async throws -> DeploymentFailure? {
    guard facts.account == .usable, decision.step.writesStatus else { return nil }
    do {
      try await keep(decision.status, for: object)
      return nil
    } catch let error as RuntimeFailure {
      guard let failure = DeploymentFailure(error) else { throw CancellationError() }
      return failure
    }
  }

  /// An Agent that has lost its lease keeps nothing: the one that has it may share its folder.
  func keep(_ status: DesiredDeploymentStatus, for object: DesiredDeployment) async throws {
    if try await memory.isKept(status, for: object) { return }
    guard await leadership.isHeld() else { throw CancellationError() }
    do throws(RuntimeFailure) {
      try await memory.keep(status, for: object)
    } catch {
      throw error.kind == .cancelled ? CancellationError() : error
    }
  }

  /// The record went without a pass over it: while no Agent looked, or without a finalizer.
  func vanished(_ key: ObjectKey) async throws -> ReconcileOutcome {
    // Only where something is kept is it worth a request.
    guard try await memory.records().contains(key), try await source.fetch(key) == nil else { return .done }
    if await leadership.isHeld() { try await memory.forget(key) }
    return .done
  }

  /// The record is gone, or nobody looks after what it deployed any more.
  func forgotten(_ object: DesiredDeployment) async throws -> ReconcileOutcome {
    if await leadership.isHeld() { try await memory.forget(object) }
    return .done
  }
}

extension Decision.Step {
  /// False for what leaves the status as it is.
  fileprivate var writesStatus: Bool {
    switch self {
    case .deploy, .restore, .uninstall, .preflight, .retry, .settled: true
    case .forget, .observe, .checkLicense, .addFinalizer, .removeFinalizer: false
    }
  }
}
