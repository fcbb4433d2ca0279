import CLibPQ
import Glibc
import Logging
import Synchronization

/// A connection of its own that listens, on its own thread, and comes back after it was lost.
final class PostgreSQLListener: Sendable {
  private struct State {
    var channels: Set<String> = []
    var isStarted = false
    var isStopped = false
  }

  private let connector: PostgreSQLConnector
  private let hub: NotificationHub
  private let logger: Logger
  private let state = Mutex(State())
  /// An eventfd that interrupts the thread's wait.
  private let wake: Int32

  /// - Throws: `DatabaseError` where the system gives no file descriptor.
  init(connector: PostgreSQLConnector, hub: NotificationHub, logger: Logger) throws(DatabaseError) {
    self.connector = connector
    self.hub = hub
    self.logger = logger
    wake = eventfd(0, Int32(EFD_CLOEXEC) | Int32(EFD_NONBLOCK))
    guard wake >= 0 else {
      throw DatabaseError(code: .other, message: "no file descriptor: \(String(cString: strerror(errno)))")
    }
  }

  deinit { Glibc.close(wake) }

  /// Starts to listen on `channel`; once the server confirms, its listeners get an empty payload.
  func listen(_ channel: String) {
    let mustStart = state.withLock { state in
      state.channels.insert(channel)
      defer { state.isStarted = true }
      return !state.isStarted && !state.isStopped
    }
    if mustStart {
      do {
        try startThread { self.run() }
      } catch {
        logger.error("cannot listen for notifications", metadata: ["error": "\(error)"])
      }
    } else {
      eventfd_write(wake, 1)
    }
  }

  func stop() {
    state.withLock { $0.isStopped = true }
    eventfd_write(wake, 1)
  }

  private var isStopped: Bool { state.withLock(\.isStopped) }

  private func run() {
    var pause: Int32 = 100
    while !isStopped {
      do {
        let connection = PostgreSQLListenerConnection(try connector.connect())
        pause = 100
        try serve(connection)
      } catch {
        if isStopped { return }
        logger.warning(
          "lost the connection that listens for notifications", metadata: ["error": "\(error)"])
        wait(for: nil, milliseconds: pause)
        pause = min(pause * 2, 5_000)
      }
    }
  }

  /// Delivers until stopped or the connection is lost.
  private func serve(_ connection: borrowing PostgreSQLListenerConnection) throws(DatabaseError) {
    var listening: Set<String> = []
    while !isStopped {
      let missing = state.withLock(\.channels).subtracting(listening)
      for channel in missing {
        try connection.listen(channel)
        listening.insert(channel)
        // What came before may have been missed.
        hub.deliver(DatabaseNotification(channel: channel, payload: ""))
      }
      for notification in try connection.received() { hub.deliver(notification) }
      // Keepalives notice a dead server; the limit only guards against a wake-up that got lost.
      wait(for: connection.socket, milliseconds: 60_000)
    }
  }

  private func wait(for socket: Int32?, milliseconds: Int32) {
    var descriptors = [pollfd(fd: wake, events: Int16(POLLIN), revents: 0)]
    if let socket { descriptors.append(pollfd(fd: socket, events: Int16(POLLIN), revents: 0)) }
    poll(&descriptors, nfds_t(descriptors.count), milliseconds)
    var count: eventfd_t = 0
    eventfd_read(wake, &count)
  }
}

/// The connection that a listener owns at the moment.
private struct PostgreSQLListenerConnection: ~Copyable {
  private let connection: OpaquePointer

  init(_ connection: OpaquePointer) { self.connection = connection }

  deinit { PQfinish(connection) }

  var socket: Int32 { PQsocket(connection) }

  func listen(_ channel: String) throws(DatabaseError) {
    let quoted = channel.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"")
    let result = PostgreSQLResult(PQexec(connection, "LISTEN \"\(quoted)\""))
    if !result.isSuccess { throw lost() }
  }

  func received() throws(DatabaseError) -> [DatabaseNotification] {
    guard PQconsumeInput(connection) == 1, PQstatus(connection) == CONNECTION_OK else { throw lost() }
    var notifications: [DatabaseNotification] = []
    while let notification = PQnotifies(connection) {
      notifications.append(
        DatabaseNotification(
          channel: String(cString: notification.pointee.relname), payload: String(cString: notification.pointee.extra)))
      PQfreemem(notification)
    }
    return notifications
  }

  private func lost() -> DatabaseError {
    DatabaseError(
      code: .connectionLost, message: "PostgreSQL: \(PostgreSQLConnector.oneLine(PQerrorMessage(connection)))")
  }
}
