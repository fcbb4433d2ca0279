import HTTPTransport
import Timing

/// Turns the engine's event stream into wake-ups. It reconnects for ever, and rings after each connection: what happened
/// in between was not heard.
struct EngineDoorbell: Sendable {
  let engine: DockerEngine
  let clock: any Clock<Duration>
  /// After connections that failed, or ended at once.
  var backoff = Backoff(base: .milliseconds(200), maximum: .seconds(30), jitter: 0.5)
  /// From 0 to below 1, for the jitter.
  var random: @Sendable () -> Double = randomFraction

  private static let echo = Duration.milliseconds(300)

  /// Ends when its consumer does.
  func rings(project: String) -> AsyncStream<Void> {
    let (stream, bell) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    let listener = Task { await listen(project: project, bell: bell) }
    bell.onTermination = { _ in listener.cancel() }
    return stream
  }

  private func listen(project: String, bell: AsyncStream<Void>.Continuation) async {
    var failures = 0
    var echo: Task<Void, Never>?
    while !Task.isCancelled {
      let held = await clock.measure {
        do {
          let response = try await engine.events(project: project)
          bell.yield()
          for try await _ in response.body {
            bell.yield()
            // The engine says that a container has ended before its list shows it.
            echo?.cancel()
            echo = Task {
              if (try? await clock.sleep(for: Self.echo)) != nil { bell.yield() }
            }
          }
        } catch {
          // The engine is away; whoever needs it sees that for himself.
        }
      }
      failures = held >= .seconds(1) ? 1 : failures + 1
      try? await clock.sleep(for: backoff.delay(failures: failures, random: random()))
    }
    echo?.cancel()
    bell.finish()
  }
}
