import DeploymentKinds
import DeploymentPlanning
import ReleaseManifest
import ResourceModel
import Timing

/// How a release is looked at before anybody deploys it.
extension EnvironmentReconciler {
  typealias Check = DesiredDeploymentStatus.Preflight.Check

  /// - Returns: the object with what was found in its status; nil where the object is gone or another Agent's by now. Where
  ///   something else is asked of the record meanwhile nothing is recorded, and the object is as it is then.
  func preflight(
    _ plan: PreflightPlan, _ object: DesiredDeployment, within fence: StepFence
  ) async throws -> DesiredDeployment? {
    let checks = try await withThrowingTaskGroup(of: [Check]?.self) { group in
      group.addTask { try await self.checks(plan) }
      group.addTask {
        try await self.somethingElse(than: object)
        return nil
      }
      defer { group.cancelAll() }
      return try await group.next() ?? nil
    }
    guard let checks else { return try await source.fetch(object.key) }
    let (status, told) = DeploymentPlanner.record(checks, of: object, now: now())
    guard let written = try await StatusWriter(source: source, clock: clock).write(status, to: object, within: fence)
    else { return nil }
    report(told, about: written)
    return written
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

  private func checks(_ plan: PreflightPlan) async throws -> [Check] {
    let found = try await withTimeout(plan.limit, clock: clock) { try await self.found(plan) }
    return found ?? [Check("Preflight", .failed, "it had not ended after \(plan.limit)")]
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

extension DesiredDeploymentStatus.Preflight.Check {
  /// - Throws: where the failure is that the task was cancelled, which says nothing of a release.
  init(_ name: String, failed failure: RuntimeFailure) throws {
    guard let told = DeploymentFailure(failure) else { throw CancellationError() }
    self.init(name, .failed, "\(told.reason): \(told.message)")
  }
}
