import HTTPTransport
import Timing

/// Turns the engine's event stream into wake-ups. It reconnects for ever, and wakes after each connection: what happened
/// in between was missed.
struct EngineWakeups: Sendable {
  let engine: DockerEngine
  let clock: any Clock<Duration>
  /// After connections that failed, or ended at once.
  var backoff = Backoff(base: .milliseconds(200), maximum: .seconds(30), jitter: 0.5)
  /// From 0 to below 1, for the jitter.
  var random: @Sendable () -> Double = randomFraction

  private static let echo = Duration.milliseconds(300)

  /// Ends when its consumer does.
  func stream(project: String) -> AsyncStream<Void> {
    let (stream, signal) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    let listener = Task { await listen(project: project, signal: signal) }
    signal.onTermination = { _ in listener.cancel() }
    return stream
  }

  private func listen(project: String, signal: AsyncStream<Void>.Continuation) async {
    var failures = 0
    var echo: Task<Void, Never>?
    while !Task.isCancelled {
      let held = await clock.measure {
        do {
          let response = try await engine.events(project: project)
          signal.yield()
          for try await _ in response.body {
            signal.yield()
            // The engine says that a container has ended before its list shows it.
            echo?.cancel()
            echo = Task {
              if (try? await clock.sleep(for: Self.echo)) != nil { signal.yield() }
            }
          }
        } catch {
          // The engine is away; whoever needs it sees that itself.
        }
      }
      failures = held >= .seconds(1) ? 1 : failures + 1
      try? await clock.sleep(for: backoff.delay(failures: failures, random: random()))
    }
    echo?.cancel()
    signal.finish()
  }
}
