import DeploymentKinds
import ResourceClient
import ResourceModel
import Synchronization

/// Shows in the status how far a step is, at most about twice a second and at best effort: the step itself never waits
/// for it.
final class ProgressReporter: Sendable {
  private struct State {
    /// What the status is to say.
    var object: DesiredDeployment
    var isChanged = false
  }

  static let interval = Duration.milliseconds(500)

  private let source: any DeploymentSource
  private let clock: any Clock<Duration>
  private let state: Mutex<State>
  private let doorbell: AsyncStream<Void>
  private let bell: AsyncStream<Void>.Continuation

  init(_ object: DesiredDeployment, source: any DeploymentSource, clock: any Clock<Duration>) {
    self.source = source
    self.clock = clock
    self.state = Mutex(State(object: object))
    (self.doorbell, self.bell) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
  }

  /// The object with the status as it stands, written or not.
  var object: DesiredDeployment { state.withLock { $0.object } }

  func update(_ change: (inout DesiredDeploymentStatus) -> Void) {
    state.withLock { state in
      var status = state.object.status ?? DesiredDeploymentStatus()
      change(&status)
      guard status != state.object.status else { return }
      state.object.status = status
      state.isChanged = true
    }
    bell.yield()
  }

  /// Writes changes until the task is cancelled.
  func run() async {
    for await _ in doorbell {
      let changed: DesiredDeployment? = state.withLock { state in
        defer { state.isChanged = false }
        return state.isChanged ? state.object : nil
      }
      guard let changed else { continue }
      await write(changed)
      do { try await clock.sleep(for: Self.interval) } catch { return }
    }
  }

  /// Only the version is taken over from the answer: the step goes on for the spec it began with.
  private func write(_ object: DesiredDeployment) async {
    var version: String?
    do {
      version = try await source.replaceStatus(object).metadata.resourceVersion
    } catch  where error.isConflict {
      version = try? await source.fetch(object.key)?.metadata.resourceVersion
      state.withLock { $0.isChanged = true }
      bell.yield()
    } catch {
      return
    }
    if let version { state.withLock { $0.object.metadata.resourceVersion = version } }
  }
}
