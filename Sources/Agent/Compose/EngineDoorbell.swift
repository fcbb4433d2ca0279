import HTTPTransport

/// Turns the engine's event stream into wake-ups. It reconnects for ever, and rings after each connection: what happened
/// in between was not heard.
struct EngineDoorbell: Sendable {
  let engine: DockerEngine
  let clock: any Clock<Duration>
  /// The pause after a connection that failed, or ended at once, grows from the first to the second.
  var backoff: ClosedRange<Duration> = .milliseconds(200)...(.seconds(30))

  private static let echo = Duration.milliseconds(300)

  /// Ends when its consumer does.
  func rings(project: String) -> AsyncStream<Void> {
    let (stream, bell) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    let listener = Task { await listen(project: project, bell: bell) }
    bell.onTermination = { _ in listener.cancel() }
    return stream
  }

  private func listen(project: String, bell: AsyncStream<Void>.Continuation) async {
    var pause = backoff.lowerBound
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
      if held >= .seconds(1) { pause = backoff.lowerBound }
      // Half of the pause is random, so that agents do not return to a restarted engine all at once.
      try? await clock.sleep(for: pause * Double.random(in: 0.5...1))
      pause = min(pause * 2, backoff.upperBound)
    }
    echo?.cancel()
    bell.finish()
  }
}
