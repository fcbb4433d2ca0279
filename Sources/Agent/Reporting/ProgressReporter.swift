import DeploymentKinds
import ResourceClient
import ResourceModel
import Synchronization
import Timing

/// Shows in the status how far a deployment is. A step is announced before it begins, so that the status does not lag
/// behind what is done; what changes within a step is written at most about twice a second. All of it at best effort:
/// while the API server cannot be reached, nothing waits for it.
final class ProgressReporter: Sendable {
  private struct State {
    /// What the status is to say.
    var object: DesiredDeployment
    var isChanged = false
    /// Whether the last write got an answer.
    var isHeard = true
    /// Whether the step's object is gone, or another Agent's by now: nothing more is said about it.
    var isOver = false
  }

  static let interval = Duration.milliseconds(500)
  /// How long the beginning of a step waits to be written.
  static let announcementTimeout = Duration.seconds(2)

  private let source: any DeploymentSource
  private let clock: any Clock<Duration>
  private let state: Mutex<State>
  private let fence: StepFence
  private let writing = AsyncMutex()
  private let wakeups: AsyncStream<Void>
  private let signal: AsyncStream<Void>.Continuation

  init(
    _ object: DesiredDeployment, source: any DeploymentSource, clock: any Clock<Duration>, within fence: StepFence
  ) {
    self.source = source
    self.fence = fence
    self.clock = clock
    self.state = Mutex(State(object: object))
    (self.wakeups, self.signal) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
  }

  /// The object with the status as it stands, written or not.
  var object: DesiredDeployment { state.withLock { $0.object } }

  var isOver: Bool { state.withLock { $0.isOver } }

  func update(_ change: (inout DesiredDeploymentStatus) -> Void) {
    state.withLock { state in
      var status = state.object.status ?? DesiredDeploymentStatus()
      change(&status)
      guard status != state.object.status else { return }
      state.object.status = status
      state.isChanged = true
    }
    signal.yield()
  }

  /// Says how far it is; at the beginning of a step returns once that is written, or `announcementTimeout` is over.
  func announce(_ progress: DesiredDeploymentStatus.Progress) async {
    let (isNewStep, isHeard) = state.withLock { state in
      (state.object.status?.progress?.step != progress.step, state.isHeard)
    }
    update { $0.progress = progress }
    guard isNewStep && isHeard else { return }
    _ = try? await withTimeout(Self.announcementTimeout, clock: clock) { await self.writeChanges() }
  }

  /// Writes changes until the task is cancelled.
  func run() async {
    for await _ in wakeups {
      guard await writeChanges() else { continue }
      do { try await clock.sleep(for: Self.interval) } catch { return }
    }
  }

  /// - Returns: whether there was anything to write.
  @discardableResult
  private func writeChanges() async -> Bool {
    await writing.withLock {
      let changed: DesiredDeployment? = state.withLock { state in
        defer { state.isChanged = false }
        return state.isChanged && !state.isOver ? state.object : nil
      }
      guard let changed else { return false }
      await write(changed)
      return true
    } ?? false
  }

  /// Only the version is taken over from the answer: the step goes on for the spec it began with.
  private func write(_ object: DesiredDeployment) async {
    var version: String?
    do {
      version = try await source.replaceStatus(object).metadata.resourceVersion
      state.withLock { $0.isHeard = true }
    } catch  where error.isConflict {
      guard let fresh = try? await source.fetch(object.key) else { return }
      guard await fence.admits(fresh) else {
        state.withLock { $0.isOver = true }
        return
      }
      version = fresh.metadata.resourceVersion
      state.withLock { $0.isChanged = true }
      signal.yield()
    } catch {
      state.withLock { $0.isHeard = false }
      return
    }
    if let version { state.withLock { $0.object.metadata.resourceVersion = version } }
  }
}
