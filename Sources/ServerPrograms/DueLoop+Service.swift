public import Reconciliation
import ServiceLifecycle

extension DueLoop {
  /// Repeats passes as a service does: until the program is asked to stop, which lets the pass that runs come to its end.
  public func runUntilShutdown(_ pass: @Sendable () async throws -> Next) async {
    await withGracefulShutdownHandler {
      await run(pass)
    } onGracefulShutdown: {
      self.stop()
    }
  }

  /// The same, and each of these wakes it before its time.
  public func runUntilShutdown(
    wokenBy wakeups: AsyncStream<String>, _ pass: @Sendable () async throws -> Next
  ) async {
    let listener = Task { for await _ in wakeups { self.wake() } }
    await runUntilShutdown(pass)
    listener.cancel()
  }
}
