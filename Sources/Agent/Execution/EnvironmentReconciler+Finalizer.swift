import DeploymentKinds
import DeploymentPlanning
import ResourceClient
import ResourceModel

extension EnvironmentReconciler {
  /// Adds or removes the Agent's finalizer; those of others stay.
  /// - Returns: the object to decide about next, as it is after this write or after one that came in between; nil where
  ///   it is gone, also where another object has its name by now.
  func setFinalizer(
    _ isWanted: Bool, _ object: DesiredDeployment, telling told: [DeploymentEvent]
  ) async throws -> DesiredDeployment? {
    let others = (object.metadata.finalizers ?? []).filter { $0 != DesiredDeploymentKind.finalizer }
    let finalizers = isWanted ? others + [DesiredDeploymentKind.finalizer] : others
    do throws(ResourceClientError) {
      let written = try await source.setFinalizers(finalizers, of: object)
      for event in told { events.report(event, about: written) }
      return written
    } catch {
      if error.isNotFound { return nil }
      if error.isConflict {
        let fresh = try await source.fetch(object.key)
        return fresh?.metadata.uid == object.metadata.uid ? fresh : nil
      }
      if case .status = error, !error.isTransient {
        let text =
          "The finalizer \(DesiredDeploymentKind.finalizer) could not be \(isWanted ? "set" : "removed"): \(error)"
        events.report(DeploymentEvent(.warning, "FinalizerNotWritten", text), about: object)
      }
      throw error
    }
  }
}
