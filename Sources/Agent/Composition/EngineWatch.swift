import DeploymentKinds
import Reconciliation
import ResourceModel
import Synchronization

/// Listens, for each deployment, to what may have changed in its environment.
final class EngineWatch: Sendable {
  private struct Listener {
    var target: RuntimeTarget
    var task: Task<Void, Never>
  }

  /// What a listener depends on: other settings of a target change nothing of what is listened to.
  private struct Place: Equatable {
    var name: String
    var namespace: String

    init(_ target: RuntimeTarget) {
      name = target.name
      namespace = target.namespace
    }
  }

  private let runtime: any DeploymentRuntime
  private let wake: @Sendable (ObjectKey) -> Void
  private let listeners = Mutex<[ObjectKey: Listener]>([:])

  /// - Parameter wake: called with the deployment whose environment may have changed; must return at once.
  init(runtime: any DeploymentRuntime, wake: @escaping @Sendable (ObjectKey) -> Void) {
    self.runtime = runtime
    self.wake = wake
  }

  /// Follows the target of a deployment: as it is now, nil where there is none any more.
  func follow(_ key: ObjectKey, _ target: RuntimeTarget?) {
    listeners.withLock { listeners in
      guard listeners[key].map({ Place($0.target) }) != target.map({ Place($0) }) else { return }
      listeners.removeValue(forKey: key)?.task.cancel()
      guard let target else { return }
      let task = Task { [runtime, wake] in
        for await _ in runtime.changes(target) { wake(key) }
      }
      listeners[key] = Listener(target: target, task: task)
    }
  }

  func stop() {
    listeners.withLock { listeners in
      for listener in listeners.values { listener.task.cancel() }
      listeners.removeAll()
    }
  }
}
