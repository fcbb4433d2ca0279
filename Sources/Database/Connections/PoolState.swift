/// Who has which connection of a pool and who waits, as a value: every event returns what is to be done.
///
/// Connections go to waiters in the order in which they came. `Waiter` is what wakes one.
struct PoolState<Connection, Waiter> {
  enum Request {
    case use(Connection)
    /// There is room for one more: open it.
    case open
    case wait
    case closed
  }

  private let size: Int
  private var idle: [Connection] = []
  /// Connections that are in use or being opened.
  private(set) var busyCount = 0
  private var waiters: [(ticket: Int, waiter: Waiter)] = []
  /// Waiters before this index have been served.
  private var firstWaiter = 0
  /// Tickets given out to callers that have not called `wait` yet and may still give up before they do.
  private var announced: Set<Int> = []
  private var nextTicket = 0
  private(set) var isClosed = false

  init(size: Int) { self.size = max(1, size) }

  var waiterCount: Int { waiters.count - firstWaiter }

  mutating func request() -> Request {
    if isClosed { return .closed }
    if let connection = idle.popLast() {
      busyCount += 1
      return .use(connection)
    }
    if busyCount < size {
      busyCount += 1
      return .open
    }
    return .wait
  }

  mutating func ticket() -> Int {
    nextTicket += 1
    announced.insert(nextTicket)
    return nextTicket
  }

  enum Wait {
    case answered(Request)
    case queued
    /// `withdraw` came first.
    case withdrawn
  }

  /// Joins the queue, unless a connection became free, or the caller gave up, since the request.
  mutating func wait(_ ticket: Int, _ waiter: Waiter) -> Wait {
    if announced.remove(ticket) == nil { return .withdrawn }
    if waiterCount == 0 || isClosed {
      let answer = request()
      if case .wait = answer {} else { return .answered(answer) }
    }
    waiters.append((ticket, waiter))
    return .queued
  }

  /// The caller gives up. Returns its waiter if it was queued; if it was not yet, it will not be.
  mutating func withdraw(_ ticket: Int) -> Waiter? {
    guard let index = waiters[firstWaiter...].firstIndex(where: { $0.ticket == ticket }) else {
      announced.remove(ticket)
      return nil
    }
    return waiters.remove(at: index).waiter
  }

  enum Release {
    case hand(Connection, to: Waiter)
    case kept
    /// The pool is closed: close the connection.
    case discard(Connection)
  }

  mutating func release(_ connection: Connection) -> Release {
    if isClosed {
      busyCount -= 1
      return .discard(connection)
    }
    if let next = popWaiter() { return .hand(connection, to: next) }
    busyCount -= 1
    idle.append(connection)
    return .kept
  }

  /// A connection could not be opened: its place goes to the next waiter, who may try in turn.
  mutating func openingFailed() -> Waiter? {
    if let next = popWaiter() { return next }
    busyCount -= 1
    return nil
  }

  /// Refuses what comes from now on. Returns the idle connections to close and the waiters to turn away.
  mutating func close() -> (idle: [Connection], waiters: [Waiter]) {
    isClosed = true
    let result = (idle, waiters[firstWaiter...].map(\.waiter))
    idle = []
    waiters = []
    firstWaiter = 0
    return result
  }

  private mutating func popWaiter() -> Waiter? {
    guard firstWaiter < waiters.count else { return nil }
    let waiter = waiters[firstWaiter].waiter
    firstWaiter += 1
    if firstWaiter > 64, firstWaiter * 2 > waiters.count {
      waiters.removeSubrange(..<firstWaiter)
      firstWaiter = 0
    }
    return waiter
  }
}
