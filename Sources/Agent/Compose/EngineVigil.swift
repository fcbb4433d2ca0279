import DeploymentKinds
import DeploymentPlanning
import HTTPTransport
import ServiceLifecycle
import Synchronization
import Timing
import WireFormats

/// Knows whether the engine was there all the time: it holds a stream of events, which ends with the engine.
final class EngineVigil: Sendable {
  /// Shared with the listener, which must not keep the vigil alive.
  private final class Flag: Sendable {
    let isRaised = Mutex(false)
  }

  private let engine: DockerEngine
  private let wentAway: Flag
  private let listener: Task<Void, Never>

  init(engine: DockerEngine, project: String) {
    let wentAway = Flag()
    self.engine = engine
    self.wentAway = wentAway
    listener = Task {
      do {
        for try await _ in try await engine.events(project: project).body {}
      } catch {
        // It cannot be reached, or is gone.
      }
      if !Task.isCancelled { wentAway.isRaised.withLock { $0 = true } }
    }
  }

  deinit { listener.cancel() }

  /// Whether the engine is away, or was since the vigil began.
  func hasMissedEngine() async -> Bool {
    guard await engine.isAnswering() else { return true }
    return wentAway.isRaised.withLock { $0 }
  }
}

/// Waits for an engine that is away in the midst of a deployment.
struct EngineAbsences: Sendable {
  let engine: DockerEngine
  let clock: any Clock<Duration>
  /// How long it may be away each time.
  let limit: Duration
  private var count = 0

  /// An engine that goes again and again is not waited for longer.
  private static let countLimit = 3
  private static let pollInterval = Duration.seconds(1)

  init(engine: DockerEngine, clock: any Clock<Duration>, limit: Duration) {
    self.engine = engine
    self.clock = clock
    self.limit = limit
  }

  /// - Parameter failure: what failed when it went.
  /// - Returns: how long it was waited for.
  /// - Throws: where it does not come back in time, or has gone too often.
  mutating func wait(
    after failure: RuntimeFailure, progress: @Sendable (DesiredDeploymentStatus.Progress) async -> Void
  ) async throws(RuntimeFailure) -> Duration {
    count += 1
    let wait = Deadline(limit, clock: clock)
    var isAnnounced = false
    while !(await engine.isAnswering()) {
      // An Agent that is to end has nothing to finish here; the next one goes on waiting.
      if Task.isCancelled || Task.isShuttingDownGracefully { throw .stopped }
      guard wait.remaining() > .zero else {
        throw RuntimeFailure(
          kind: .transient, reason: "EngineUnreachable",
          message: """
            The Docker engine at \(engine.endpoint) did not come back within \(DurationText(limit)). Start it. What \
            failed when it went: \(failure.message)
            """)
      }
      if !isAnnounced {
        let message = """
          waiting up to \(DurationText(limit)) for the Docker engine at \(engine.endpoint), which does not answer: check that \
          it runs and that the Agent may open its socket
          """
        await progress(.init(step: .preparing, done: 0, total: 0, message: message))
      }
      isAnnounced = true
      do { try await clock.sleep(for: Self.pollInterval) } catch { throw .stopped }
    }
    guard count <= Self.countLimit else {
      throw RuntimeFailure(
        kind: .transient, reason: "EngineUnreachable",
        message: """
          The Docker engine at \(engine.endpoint) went away \(count) times during the deployment: its log says why. What \
          failed the last time: \(failure.message)
          """)
    }
    return limit - wait.remaining()
  }
}
