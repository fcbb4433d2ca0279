/// A connection together with the thread that owns it. Opens the connection when it is first needed, and again after it
/// was lost.
actor ConnectionThread {
  private nonisolated let executor: ThreadExecutor
  private let open: @Sendable () throws(DatabaseError) -> any DatabaseSession
  private var session: (any DatabaseSession)?

  nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

  init(open: @escaping @Sendable () throws(DatabaseError) -> any DatabaseSession) throws(DatabaseError) {
    self.open = open
    executor = ThreadExecutor()
    try executor.start()
  }

  deinit { executor.stop() }

  /// How one run of a transaction ended.
  enum Attempt<Value: Sendable>: Sendable {
    case committed(Value, [DatabaseNotification])
    /// Nothing was changed, and a fresh transaction may do better.
    case again(DatabaseError)
    case failed(any Error)
  }

  func attempt<Value: Sendable>(
    _ mode: TransactionMode, _ body: @Sendable (any SQLConnection) throws -> Value
  ) -> Attempt<Value> {
    let session: any DatabaseSession
    do {
      session = try usableSession()
    } catch {
      return .failed(error)
    }
    defer { if !session.isUsable { self.session = nil } }
    do {
      try session.begin(mode)
    } catch {
      session.rollback()
      return error.isRepeatable ? .again(error) : .failed(error)
    }
    let value: Value
    do {
      value = try body(session)
      if let failure = session.failure { throw failure }
    } catch {
      session.rollback()
      if let failure = session.failure, failure.isRepeatable { return .again(failure) }
      return .failed(error)
    }
    do {
      try session.commit()
    } catch {
      session.rollback()
      // A connection lost here leaves open whether the commit took place, so it is not for us to repeat it.
      return error.code == .serializationFailure ? .again(error) : .failed(error)
    }
    return .committed(value, session.takeNotifications())
  }

  /// Opens the connection if it is not open.
  func connect() throws(DatabaseError) { _ = try usableSession() }

  func close() { session = nil }

  private func usableSession() throws(DatabaseError) -> any DatabaseSession {
    if let session, session.isUsable { return session }
    session = nil
    let opened = try open()
    session = opened
    return opened
  }
}
