import Synchronization

/// A bounded set of connections, each with its own thread, opened as they are needed and handed out first come, first
/// served.
final class ConnectionPool: Sendable {
  private enum Grant: Sendable {
    case use(ConnectionThread)
    case open
  }
  private typealias Waiter = CheckedContinuation<Grant, any Error>

  private let name: String
  private let size: Int
  private let waitLimit: Duration
  private let clock: any Clock<Duration>
  private let open: @Sendable () throws(DatabaseError) -> any DatabaseSession
  private let state: Mutex<PoolState<ConnectionThread, Waiter>>
  private let drained: Mutex<[CheckedContinuation<Void, Never>]> = Mutex([])

  /// - Parameters:
  ///   - name: names the pool in messages: `PostgreSQL`.
  ///   - waitLimit: how long a caller waits for a connection to become free before it is turned away.
  init(
    name: String, size: Int, waitLimit: Duration, clock: any Clock<Duration>,
    open: @escaping @Sendable () throws(DatabaseError) -> any DatabaseSession
  ) {
    self.name = name
    self.size = size
    self.waitLimit = waitLimit
    self.clock = clock
    self.open = open
    state = Mutex(PoolState(size: size))
  }

  /// Callers that wait for a connection at this moment.
  var waiterCount: Int { state.withLock(\.waiterCount) }

  /// Lends a connection to `body`.
  /// - Throws: what `body` throws; `DatabaseError` where none became free in time or the pool is closed;
  ///   `CancellationError` where the task was cancelled while it waited.
  func withConnection<Value: Sendable>(
    _ body: (ConnectionThread) async throws -> Value
  ) async throws -> Value {
    let connection = try await acquire()
    do {
      let value = try await body(connection)
      await release(connection)
      return value
    } catch {
      await release(connection)
      throw error
    }
  }

  /// Turns waiters away, waits for connections in use and closes all.
  func close() async {
    let (idle, waiters) = state.withLock { $0.close() }
    for waiter in waiters { waiter.resume(throwing: closedError) }
    for connection in idle { await connection.close() }
    await withCheckedContinuation { continuation in
      drained.withLock { $0.append(continuation) }
      resumeIfDrained()
    }
  }

  private func acquire() async throws -> ConnectionThread {
    let (request, ticket) = state.withLock { state in
      let request = state.request()
      if case .wait = request { return (request, state.ticket()) }
      return (request, 0)
    }
    switch request {
    case .use(let connection): return connection
    case .open: return try openThread()
    case .closed: throw closedError
    case .wait: break
    }
    let timer = Task { [clock, waitLimit] in
      try await clock.sleep(for: waitLimit)
      self.withdraw(ticket, throwing: self.exhaustedError)
    }
    defer { timer.cancel() }
    let grant = try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { (waiter: Waiter) in
        self.wait(ticket, waiter)
      }
    } onCancel: {
      self.withdraw(ticket, throwing: CancellationError())
    }
    switch grant {
    case .use(let connection): return connection
    case .open: return try openThread()
    }
  }

  private func wait(_ ticket: Int, _ waiter: Waiter) {
    switch state.withLock({ $0.wait(ticket, waiter) }) {
    case .queued: break
    case .withdrawn: waiter.resume(throwing: CancellationError())
    case .answered(.use(let connection)): waiter.resume(returning: .use(connection))
    case .answered(.open): waiter.resume(returning: .open)
    case .answered(.closed), .answered(.wait): waiter.resume(throwing: closedError)
    }
  }

  private func withdraw(_ ticket: Int, throwing error: any Error) {
    state.withLock { $0.withdraw(ticket) }?.resume(throwing: error)
  }

  private func openThread() throws -> ConnectionThread {
    do {
      return try ConnectionThread(open: open)
    } catch {
      state.withLock { $0.openingFailed() }?.resume(returning: .open)
      resumeIfDrained()
      throw error
    }
  }

  private func release(_ connection: ConnectionThread) async {
    switch state.withLock({ $0.release(connection) }) {
    case .hand(let connection, let waiter): waiter.resume(returning: .use(connection))
    case .kept: break
    case .discard(let connection):
      await connection.close()
      resumeIfDrained()
    }
  }

  private func resumeIfDrained() {
    guard state.withLock({ $0.isClosed && $0.busyCount == 0 }) else { return }
    let waiting = drained.withLock { waiting in
      defer { waiting = [] }
      return waiting
    }
    for continuation in waiting { continuation.resume() }
  }

  private var closedError: DatabaseError {
    DatabaseError(code: .connectionLost, message: "the database is closed: the program is stopping")
  }

  private var exhaustedError: DatabaseError {
    DatabaseError(
      code: .timedOut,
      message:
        "none of the \(size) \(name) connections became free within \(waitLimit); try again, or allow more connections")
  }
}
