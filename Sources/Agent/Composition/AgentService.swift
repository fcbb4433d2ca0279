import CoreKinds
import DeploymentKinds
import DeploymentPlanning
public import HTTPTransport
public import Logging
import ResourceClient
import ResourceModel
public import ServiceLifecycle
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
    // Events of the last pass are written after the passes have been stopped.
    let recording = Task { await events.run() }
    let heartbeat = Heartbeat(
      file: HealthFile(path: configuration.healthFile), limit: configuration.stuckAfter, now: now, logger: logger)
    let beating = Task { await heartbeat.run() }
    let elector = LeaseElector(
      client: client, lease: ObjectKey(namespace: configuration.namespace, name: Self.leaseName), identity: identity,
      periods: configuration.leasePeriods, now: now, onTry: { heartbeat.turned() }, logger: logger)
    await cancelWhenGracefulShutdown {
      while (try? await elector.acquire()) != nil {
        let session = session(
          events: events,
          leadership: Leadership(
            mark: .init(identity: identity, term: await elector.term), isHeld: { await elector.isHeld() }))
        // Another Agent may work once the lease is lost, so nothing may run on until then.
        switch await elector.hold(whenLost: { session.cancel() }, { await session.run() }) {
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

  /// What this Agent does as long as it leads.
  private func session(events: EventRecorder, leadership: Leadership) -> ReconcileSession {
    let informer = Informer<DesiredDeployment>(
      DesiredDeploymentKind.names, client: client, namespace: configuration.namespace,
      decode: DeploymentReceipt.reader(logger), logger: logger)
    let reconciler = EnvironmentReconciler(
      source: WatchedDeployments(client: client, informer: informer), runtime: runtime,
      runtimeKind: configuration.deploymentType.runtime, preparation: preparation, backend: backend, events: events,
      leadership: leadership, memory: memory, now: now, logger: logger)
    return ReconcileSession(
      reconciler: reconciler, informer: informer, namespace: configuration.namespace,
      stopGrace: configuration.shutdownTimeout, handover: handover, logger: logger)
  }

  private var backend: any BackendServices {
    let (services, statement): (any BackendServices, @Sendable () async -> LicenseStatement) =
      switch configuration.source {
      case .backend: (client, { [client] in await client.licenseStatement() })
      case .kubernetes: (NoBackendServices(), { LicenseStatement(claim: .notOffered) })
      }
    guard let check = configuration.license else { return services }
    return LicensedBackend(services: services, check: check, statement: statement, now: now)
  }
}

extension AgentConfiguration {
  /// The proportions of client-go: 15, 10 and 2 seconds.
  var leasePeriods: LeaseElector.Periods {
    LeaseElector.Periods(
      leaseDuration: leaseDuration, renewDeadline: leaseDuration * 2 / 3, retryPeriod: leaseDuration * 2 / 15)
  }

  /// What a child process gets to end in after the lease was lost: less than is left until another Agent may take it.
  var terminationGrace: Duration { (leasePeriods.leaseDuration - leasePeriods.latestNotice) * 4 / 5 }

  /// After which a lease whose loop has not turned shows that the Agent is stuck. One try takes at most the renewal's
  /// deadline, and the pause after it less than a fifth of that.
  var stuckAfter: Duration { max(.seconds(60), leaseDuration * 2) }
}
