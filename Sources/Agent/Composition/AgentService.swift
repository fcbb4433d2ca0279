import CoreKinds
import DeploymentKinds
import DeploymentPlanning
public import HTTPTransport
public import Logging
import Reconciliation
import ResourceClient
import ResourceModel
public import ServiceLifecycle
import Synchronization
import Timing
public import WireFormats

/// The Agent: waits for its lease, then keeps every environment of its namespace as its record wants it.
public struct AgentService: Service {
  private let configuration: AgentConfiguration
  private let runtime: any DeploymentRuntime
  private let preparation: any ReleasePreparing
  private let handover: Handover
  private let memory: AgentMemory
  private let client: ResourceClient
  private let identity: String
  private let now: @Sendable () -> Timestamp
  private let logger: Logger

  /// The Lease that one Agent of a namespace holds.
  static let leaseName = "wrktalk-agent"
  /// How long the last Events get to be written when the Agent ends.
  private static let eventsTimeout = Duration.seconds(5)

  /// - Parameters:
  ///   - handover: through which the runtime leaves the work to a successor.
  ///   - identity: names this process among the Agents of the environment.
  public init(
    configuration: AgentConfiguration, runtime: any DeploymentRuntime, preparation: any ReleasePreparing,
    memory: AgentMemory, http: HTTPClient, handover: Handover = Handover(), identity: String,
    now: @escaping @Sendable () -> Timestamp,
    logger: Logger
  ) {
    self.configuration = configuration
    self.runtime = runtime
    self.preparation = preparation
    self.handover = handover
    self.memory = memory
    self.client = ResourceClient(
      endpoint: configuration.source.endpoint, http: http, timeout: configuration.backendTimeout)
    self.identity = identity
    self.now = now
    self.logger = logger
  }

  /// Runs until a graceful shutdown. An upgrade that is running then may end within
  /// `AgentConfiguration.shutdownTimeout`; what is cut short, the next Agent continues.
  public func run() async throws {
    let events = EventRecorder(
      client: client, component: "wrktalk-agent", host: identity, now: now, logger: logger)
    // Events of the last pass are told after the passes have been stopped.
    let recording = Task { await events.run() }
    let heartbeat = Heartbeat(
      file: HealthFile(path: configuration.healthFile), limit: configuration.stuckAfter, now: now, logger: logger)
    let beating = Task { await heartbeat.run() }
    let elector = LeaseElector(
      client: client, lease: ObjectKey(namespace: configuration.namespace, name: Self.leaseName), identity: identity,
      timing: configuration.leaseTiming, now: now, onTry: { heartbeat.turned() }, logger: logger)
    await cancelWhenGracefulShutdown {
      while (try? await elector.acquire()) != nil {
        let passes = Passes()
        // Another Agent may work from then on, so nothing is let end in peace.
        switch await elector.hold(whenLost: { passes.cancel() }, { await lead(passes, elector, telling: events) }) {
        case .finished:
          guard handover.end() else { return }
          logger.notice("The lease was left to another Agent, standing by")
          // An Agent that stood by asks for it at once, and so has it before this one asks again.
          do { try await Task.sleep(for: configuration.leaseDuration) } catch { return }
        case .lost: logger.warning("Lease lost, standing by")
        }
      }
    }
    events.finish()
    // Not for longer than this: what ends the program sets a limit of its own.
    let limit = Task {
      try await Task.sleep(for: Self.eventsTimeout)
      recording.cancel()
    }
    await recording.value
    limit.cancel()
    beating.cancel()
    await beating.value
  }

  /// Reconciles until the task is cancelled, and lets running passes end.
  private func lead(_ passes: Passes, _ elector: LeaseElector, telling events: EventRecorder) async {
    let leadership = Leadership(
      mark: .init(identity: identity, term: await elector.term), isHeld: { await elector.isHeld() })
    await preparation.removeLeftovers()
    // Another Agent may have had the lease meanwhile.
    memory.forgetCopy()
    let controller = Controller<NamespacedName>(
      ControllerConfiguration(
        name: "desireddeployment", workers: 4, stopGrace: configuration.shutdownTimeout,
        backoff: Backoff(base: .seconds(1), maximum: .seconds(60))),
      logger: logger
    ) { key in
      try await passes.reconcile(ObjectKey(namespace: key.namespace ?? "", name: key.name))
    }
    let wake: @Sendable (ObjectKey) -> Void = { key in
      controller.queue.add(NamespacedName(namespace: key.namespace, name: key.name))
    }
    let watch = EngineWatch(runtime: runtime, wake: wake)
    let (changes, changed) = AsyncStream.makeStream(of: ObjectKey.self)
    let informer = Informer<DesiredDeployment>(
      DesiredDeploymentKind.names, client: client, namespace: configuration.namespace,
      decode: DeploymentReceipt.reader(logger), logger: logger
    ) { key in
      changed.yield(key)
      wake(key)
    }
    passes.begin(
      EnvironmentReconciler(
        source: WatchedDeployments(client: client, informer: informer), runtime: runtime,
        runtimeKind: configuration.deploymentType.runtime, preparation: preparation, backend: backend, events: events,
        leadership: leadership, memory: memory, now: now, logger: logger),
      cancel: { controller.cancel() })
    handover.begin(stop: { controller.stop() })
    await withTaskGroup(of: Void.self) { group in
      group.addTask { await informer.run() }
      // Records that went while no Agent looked.
      group.addTask { [memory, configuration] in
        guard (try? await informer.waitForSync()) != nil else { return }
        for key in (try? await memory.records()) ?? [] where key.namespace == configuration.namespace {
          if informer.object(key) == nil { wake(key) }
        }
      }
      group.addTask {
        for await key in changes { watch.follow(key, informer.object(key).flatMap(RuntimeTarget.init)) }
      }
      await controller.run()
      group.cancelAll()
    }
    watch.stop()
    passes.end()
  }

  private var backend: any BackendServices {
    switch configuration.source {
    case .backend: client
    case .kubernetes: NoBackendServices()
    }
  }
}

/// Ties the controller, which the informer wakes, to the reconciler, which reads from the informer.
private final class Passes: Sendable {
  private struct Work {
    var reconciler: EnvironmentReconciler
    var cancel: @Sendable () -> Void
  }

  private let work = Mutex<Work?>(nil)

  func begin(_ reconciler: EnvironmentReconciler, cancel: @escaping @Sendable () -> Void) {
    work.withLock { $0 = Work(reconciler: reconciler, cancel: cancel) }
  }

  /// Lets go of the reconciler, which through the informer holds the controller that holds this.
  func end() { work.withLock { $0 = nil } }

  func cancel() { work.withLock { $0 }?.cancel() }

  func reconcile(_ key: ObjectKey) async throws -> ReconcileOutcome {
    guard let work = work.withLock({ $0 }) else { return .done }
    return try await work.reconciler.reconcile(key)
  }
}

extension RuntimeTarget {
  /// Nil while nothing of the deployment is looked after.
  init?(_ object: DesiredDeployment) {
    guard object.metadata.deletionTimestamp == nil, !object.spec.suspend, let name = object.target?.name else {
      return nil
    }
    self.init(object, name: name)
  }
}

extension AgentConfiguration {
  /// The proportions of client-go: 15, 10 and 2 seconds.
  var leaseTiming: LeaseElector.Timing {
    LeaseElector.Timing(
      leaseDuration: leaseDuration, renewDeadline: leaseDuration * 2 / 3, retryPeriod: leaseDuration * 2 / 15)
  }

  /// What a child process gets to end in after the lease was lost: less than is left until another Agent may take it.
  var terminationGrace: Duration { (leaseTiming.leaseDuration - leaseTiming.latestNotice) * 4 / 5 }

  /// After which a lease whose loop has not turned shows that the Agent is stuck. One try takes at most the renewal's
  /// deadline, and the pause after it less than a fifth of that.
  var stuckAfter: Duration { max(.seconds(60), leaseDuration * 2) }
}
