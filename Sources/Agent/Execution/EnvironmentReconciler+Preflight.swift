import DeploymentKinds
import DeploymentPlanning
import ReleaseManifest
import ResourceModel
import Timing

/// How a release is looked at before anybody deploys it.
extension EnvironmentReconciler {
  typealias Check = DesiredDeploymentStatus.Preflight.Check

  private enum PreflightOutcome: Sendable {
    case found([Check])
    case unavailable(PreflightUnavailable)
    /// Something else is to be done.
    case interrupted
  }

  /// - Returns: the object with what was found in its status; nil where the object is gone or another Agent's by now. Where
  ///   something else is to be done meanwhile nothing is found, and the object is as it is then.
  /// - Throws: also `DeploymentFailure`, where what it takes cannot be had now: to be tried again after a while.
  func preflight(
    _ plan: PreflightPlan, _ object: DesiredDeployment, within fence: StepFence
  ) async throws -> DesiredDeployment? {
    let outcome = try await withThrowingTaskGroup(of: PreflightOutcome.self) { group in
      group.addTask { try await self.outcome(of: plan) }
      group.addTask {
        try await self.somethingElse(than: object)
        return .interrupted
      }
      group.addTask {
        try await self.environmentChange(of: object)
        return .interrupted
      }
      defer { group.cancelAll() }
      return try await group.next() ?? .interrupted
    }
    let writer = StatusWriter(source: source, clock: clock)
    switch outcome {
    case .interrupted:
      return try await writer.write(DeploymentPlanner.withoutPreflight(object), to: object, within: fence)
    case .found(let checks):
      let (status, told) = DeploymentPlanner.record(checks, of: object, now: now())
      guard let written = try await writer.write(status, to: object, within: fence) else { return nil }
      report(told, about: written)
      return written
    case .unavailable(let unavailable):
      let (status, told) = DeploymentPlanner.recordUnavailable(unavailable.check, of: object, now: now())
      guard let written = try await writer.write(status, to: object, within: fence) else { return nil }
      guard status.preflight?.completedAt != nil else { throw unavailable.failure }
      report(told, about: written)
      return written
    }
  }

  /// Returns once a deployment, a retry or the end of the record is asked for.
  private func somethingElse(than object: DesiredDeployment) async throws {
    while true {
      try await clock.sleep(for: .milliseconds(250))
      guard let present = source.cached(object.key), present.metadata.uid == object.metadata.uid else { continue }
      let isAsked =
        (present.metadata.generation ?? 1) > (object.metadata.generation ?? 1)
        || present.metadata.deletionTimestamp != object.metadata.deletionTimestamp
        || present.metadata.annotations?[DesiredDeploymentKind.retryAnnotation]
          != object.metadata.annotations?[DesiredDeploymentKind.retryAnnotation]
      if isAsked { return }
    }
  }

  /// Returns once what runs here is to be put right, or its state reported.
  private func environmentChange(of object: DesiredDeployment) async throws {
    for await _ in runtime.changes(target(of: object)) {
      var facts = DeploymentFacts(now: now(), runtime: runtimeKind, retry: retry)
      let decision = try await decide(object, &facts)
      var (before, after) = (object.status ?? DesiredDeploymentStatus(), decision.status)
      (before.preflight, after.preflight) = (nil, nil)
      guard case .preflight = decision.step, before == after else { return }
    }
    // Nobody tells of changes here.
    while true { try await clock.sleep(for: .seconds(86_400)) }
  }

  private func outcome(of plan: PreflightPlan) async throws -> PreflightOutcome {
    do {
      let found = try await withTimeout(plan.limit, clock: clock) { try await self.found(plan) }
      return .found(found ?? [Check("Preflight", .failed, "it had not ended after \(plan.limit)")])
    } catch let unavailable as PreflightUnavailable {
      return .unavailable(unavailable)
    }
  }

  private func found(_ plan: PreflightPlan) async throws -> [Check] {
    var checks: [Check] = []
    let admitted: AdmittedRelease
    do throws(RuntimeFailure) {
      admitted = try await gate.admit(plan.release, for: plan.asked)
      switch admitted.assurance {
      case .signed(let keys):
        checks.append(
          Check(
            "Release", .passed,
            "\(plan.release.release.version) is what the vendor signed (\(keys.joined(separator: ", ")))"))
      case .unsigned:
        checks.append(Check("Release", .warning, "This Agent was told to deploy what nobody signed"))
      }
      if let verified = admitted.verified { try await gate.checkIsNotRevoked(verified, for: plan.asked) }
    } catch {
      // What the vendor did not sign is not even unpacked.
      return [try Check("Release", failed: error)]
    }
    do throws(RuntimeFailure) {
      let prepared = try await preparation.prepare(plan.release, manifest: admitted.verified?.manifest) { _ in }
      checks.append(
        Check("Artifact", .passed, "\(plan.release.release.artifact.path) is there, and is what it should be"))
      return try await discarding(prepared) { () throws(RuntimeFailure) in
        checks + (try await runtime.preflight(target(of: plan.asked), of: prepared.release))
      }
    } catch {
      return checks + [try Check("Artifact", failed: error)]
    }
  }
}

/// What a preflight takes cannot be had now, which says nothing of the release.
private struct PreflightUnavailable: Error {
  /// As it stands where it stays so.
  var check: DesiredDeploymentStatus.Preflight.Check
  var failure: DeploymentFailure
}

extension DesiredDeploymentStatus.Preflight.Check {
  /// - Throws: where the failure says nothing of a release: the task was cancelled, or it may pass.
  fileprivate init(_ name: String, failed failure: RuntimeFailure) throws {
    guard let told = DeploymentFailure(failure) else { throw CancellationError() }
    self.init(name, .failed, "\(told.reason): \(told.message)")
    if told.isTransient { throw PreflightUnavailable(check: self, failure: told) }
  }
}
