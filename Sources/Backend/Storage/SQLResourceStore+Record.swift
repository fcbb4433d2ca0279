import DeploymentKinds
import ResourceModel
import ResourceStorage

extension SQLResourceStore {
  /// Says whenever a DesiredDeployment of the namespace may have changed, until the task is cancelled.
  /// - Parameter changed: must return at once.
  func followRecord(
    in namespace: String, clock: any Clock<Duration>, changed: @escaping @Sendable () -> Void
  ) async {
    while !Task.isCancelled {
      do {
        let changes = try await watch(
          DesiredDeploymentKind.definition, namespace: namespace, selector: .everything,
          after: try await currentRevision())
        changed()
        for try await change in changes where change.kind != .bookmark { changed() }
      } catch {
        if Task.isCancelled { return }
      }
      try? await clock.sleep(for: .seconds(1))
    }
  }
}
