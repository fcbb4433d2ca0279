/// Runs transactions on the connections of a pool and repeats those that the database asks to be repeated.
struct TransactionRunner: Sendable {
  let pool: ConnectionPool
  let options: DatabaseOptions

  func run<Value: Sendable>(
    _ mode: TransactionMode, _ body: @escaping @Sendable (any SQLConnection) throws -> Value
  ) async throws -> (Value, [DatabaseNotification]) {
    var number = 1
    while true {
      // The connection is given back before the pause, so that others may use it.
      let attempt = try await pool.withConnection { await $0.attempt(mode, body) }
      switch attempt {
      case .committed(let value, let notifications): return (value, notifications)
      case .failed(let error): throw error
      case .again(let error):
        guard number < options.maximumAttempts else { throw error }
        try await options.clock.sleep(for: Self.pause(afterAttempt: number, jitter: options.jitter()))
        number += 1
      }
    }
  }

  /// Doubles from 2 ms up to 250 ms; `jitter` in 0...1 takes away up to half, so that rivals do not meet again.
  static func pause(afterAttempt number: Int, jitter: Double) -> Duration {
    let milliseconds = min(250, 1 << min(number, 10))
    return .milliseconds(milliseconds) * (1 - 0.5 * min(max(jitter, 0), 1))
  }
}
