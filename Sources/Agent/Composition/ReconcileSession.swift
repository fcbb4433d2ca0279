import DeploymentKinds
import DeploymentPlanning
import Logging
import Reconciliation
import ResourceClient
import ResourceModel
import Timing

/// What an Agent does while it leads, from taking the lease to giving it back.
///
/// ```
/// informer.changes ──▶ EngineWatch ──▶ changes of an environment ──┐
///        │                                                         ▼
///        └──────────────────── keys ──────────────────▶ controller.queue ──▶ reconciler, which reads the informer's copy
/// ```
struct ReconcileSession: Sendable {
  private let reconciler: EnvironmentReconciler
  private let informer: Informer<DesiredDeployment>
  private let controller: Controller<NamespacedName>
  private let watch: EngineWatch
  private let namespace: String
  private let handover: Handover

  /// - Parameters:
  ///   - informer: of the namespace's deployments, and the one that the reconciler reads from.
  ///   - stopGrace: how long passes may run on after a stop.
  init(
    reconciler: EnvironmentReconciler, informer: Informer<DesiredDeployment>, namespace: String, stopGrace: Duration,
    handover: Handover, logger: Logger
  ) {
    self.reconciler = reconciler
    self.informer = informer
    self.namespace = namespace
    self.handover = handover
    let controller = Controller<NamespacedName>(
      ControllerConfiguration(
        name: "desireddeployment", workers: 4, stopGrace: stopGrace,
        backoff: Backoff(base: .seconds(1), maximum: .seconds(60))),
      logger: logger
    ) { key in
      try await reconciler.reconcile(ObjectKey(namespace: key.namespace ?? "", name: key.name))
    }
    self.controller = controller
    watch = EngineWatch(runtime: reconciler.runtime) { key in
      controller.queue.add(NamespacedName(namespace: key.namespace, name: key.name))
    }
  }

  /// Reconciles until the task is cancelled, and lets running passes end.
  func run() async {
    await reconciler.preparation.removeLeftovers()
    // Another Agent may have had the lease meanwhile.
    reconciler.memory.forgetCopy()
    handover.begin(stop: { controller.stop() })
    await withTaskGroup(of: Void.self) { group in
      group.addTask { await informer.run() }
      group.addTask { await wakeVanished() }
      group.addTask {
        for await key in informer.changes {
          watch.follow(key, informer.object(key).flatMap(RuntimeTarget.init))
          wake(key)
        }
      }
      await controller.run()
      group.cancelAll()
    }
    watch.stop()
  }

  /// Cancels the passes that run; no other begins.
  func cancel() { controller.cancel() }

  private func wake(_ key: ObjectKey) {
    controller.queue.add(NamespacedName(namespace: key.namespace, name: key.name))
  }

  /// Records that went while no Agent watched.
  private func wakeVanished() async {
    guard (try? await informer.waitForSync()) != nil else { return }
    for key in (try? await reconciler.memory.records()) ?? [] where key.namespace == namespace {
      if informer.object(key) == nil { wake(key) }
    }
  }
}

extension RuntimeTarget {
  /// Nil while nothing of the deployment is maintained.
  init?(_ object: DesiredDeployment) {
    guard object.metadata.deletionTimestamp == nil, !object.spec.suspend, let name = object.target?.name else {
      return nil
    }
    self.init(object, name: name)
  }
}
