import Database
import Logging
import ResourceModel
import Synchronization
import WireFormats

/// Reads every change once for all watchers of this process and wakes those that it concerns.
///
/// Watchers pull: each knows the revision up to which it has read, and asks for what follows. So there is nothing to hand
/// over between the log and the live changes, no watcher holds up another, and one that is slow costs no memory: it goes
/// back to the log, until the log no longer reaches back to it.
final class ChangeHub: Sendable {
  /// What a watcher finds after its position.
  enum Answer: Sendable {
    case batch(ChangeBatch)
    /// Nothing, up to this revision; due once an interval.
    case bookmark(Int64, tick: Int)
    /// The window no longer reaches back that far: read the log.
    case behind
    case closed
  }

  private enum Phase {
    case idle
    case starting(Task<Void, any Error>)
    case running(Task<Void, Never>)
    case closed
  }

  private struct State {
    var phase = Phase.idle
    var window: ChangeWindow
    /// The newest change that was read.
    var mark: ChangeMark?
    /// The newest revision that anybody was told of.
    var known: Int64 = 0
    var waiters: [WatchScope: [Int: CheckedContinuation<Answer, Never>]] = [:]
    var nextWaiter = 0
    var tick = 0
  }

  private let log: ChangeLog
  private let options: StoreOptions
  private let logger: Logger
  /// Called once an interval of bookmarks.
  private let maintain: @Sendable () -> Void
  private let state: Mutex<State>
  private let doorbell: AsyncStream<Void>
  private let bell: AsyncStream<Void>.Continuation

  init(log: ChangeLog, options: StoreOptions, logger: Logger, maintain: @escaping @Sendable () -> Void = {}) {
    self.log = log
    self.maintain = maintain
    self.options = options
    self.logger = logger
    state = Mutex(State(window: ChangeWindow(start: 0, maximumSize: options.windowSize)))
    (doorbell, bell) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
  }

  /// There may be something new in the log.
  func ring() { bell.yield() }

  /// Somebody was told of `revision`.
  func note(_ revision: Int64) {
    state.withLock { $0.known = max($0.known, revision) }
    ring()
  }

  /// How many watchers wait at this moment.
  var waiterCount: Int { state.withLock { $0.waiters.values.reduce(0) { $0 + $1.count } } }

  /// Counts the bookmarks; see `next`.
  var tick: Int { state.withLock(\.tick) }

  /// The revisions that the window holds: everything after the first and up to the second.
  var window: (start: Int64, end: Int64) { state.withLock { ($0.window.start, $0.window.end) } }

  /// Starts reading, unless that was done.
  /// - Throws: where the database cannot be read; the next call tries again.
  func start() async throws {
    let starting: Task<Void, any Error>? = state.withLock { state in
      switch state.phase {
      case .running, .closed: return nil
      case .starting(let task): return task
      case .idle:
        let task = Task { try await self.begin() }
        state.phase = .starting(task)
        return task
      }
    }
    try await starting?.value
  }

  func close() {
    let (task, waiters): (Task<Void, Never>?, [CheckedContinuation<Answer, Never>]) = state.withLock { state in
      var task: Task<Void, Never>?
      if case .running(let running) = state.phase { task = running }
      state.phase = .closed
      defer { state.waiters = [:] }
      return (task, state.waiters.values.flatMap(\.values))
    }
    task?.cancel()
    bell.finish()
    for waiter in waiters { waiter.resume(returning: .closed) }
  }

  /// Waits for what concerns a watcher of `scope` that has read everything up to `revision`.
  /// - Parameter tick: of the last bookmark that the watcher was given.
  func next(in scope: WatchScope, after revision: Int64, tick: Int) async -> Answer {
    let (answer, number): (Answer?, Int) = state.withLock { state in
      state.nextWaiter += 1
      return (Self.answer(state, scope, revision, tick), state.nextWaiter)
    }
    if let answer { return answer }
    return await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let answer: Answer? = state.withLock { state in
          if Task.isCancelled { return .closed }
          if let answer = Self.answer(state, scope, revision, tick) { return answer }
          state.waiters[scope, default: [:]][number] = continuation
          return nil
        }
        if let answer { continuation.resume(returning: answer) }
      }
    } onCancel: {
      state.withLock { $0.waiters[scope]?.removeValue(forKey: number) }?.resume(returning: .closed)
    }
  }

  private static func answer(_ state: State, _ scope: WatchScope, _ revision: Int64, _ tick: Int) -> Answer? {
    if case .closed = state.phase { return .closed }
    if revision < state.window.start { return .behind }
    if let batch = state.window.batch(in: scope, after: revision) { return .batch(batch) }
    return state.tick != tick ? .bookmark(max(revision, state.window.end), tick: state.tick) : nil
  }

  private func begin() async throws {
    do {
      let (newest, mark) = try await log.newest()
      state.withLock { state in
        guard case .starting = state.phase else { return }
        state.window = ChangeWindow(start: newest.revision, maximumSize: options.windowSize)
        state.mark = mark
        state.phase = .running(Task { await self.run() })
      }
    } catch {
      state.withLock { state in
        if case .starting = state.phase { state.phase = .idle }
      }
      throw error
    }
  }

  private func run() async {
    await withTaskGroup(of: Void.self) { group in
      group.addTask {
        for await _ in self.log.database.notifications(channel: ChangeJournal.channel) { self.ring() }
      }
      // Notifications may be lost, and those of SQLite do not reach other processes.
      group.addTask { await self.every(self.options.pollInterval) { self.ring() } }
      group.addTask {
        await self.every(self.options.bookmarkInterval) {
          self.sendBookmarks()
          self.maintain()
        }
      }
      group.addTask { for await _ in self.doorbell { await self.readNewChanges() } }
      await group.waitForAll()
    }
  }

  private func every(_ interval: Duration, _ action: () -> Void) async {
    while !Task.isCancelled {
      do { try await options.clock.sleep(for: interval) } catch { return }
      action()
    }
  }

  private func readNewChanges() async {
    do {
      while true {
        let (end, mark, known) = state.withLock { ($0.window.end, $0.mark, max($0.known, $0.window.end)) }
        switch try await log.page(after: end, continuing: mark, known: known) {
        case .changes(let batch, let isLast):
          publish(batch)
          if isLast { return }
        case .lost: return try await endWatches(known)
        case .expired:
          // Others have pruned what this process has not read yet. Its watchers must list again.
          let (newest, mark) = try await log.newest()
          logger.warning("changes were pruned before they were read", metadata: ["revision": "\(newest.revision)"])
          return restart(at: newest.revision, mark)
        }
      }
    } catch {
      // The next notification or poll tries again.
      logger.error("cannot read the changes of stored objects", metadata: ["error": "\(error)"])
    }
  }

  /// The database is not the one that was read: it was restored, or a replica took over that lacked the newest changes.
  private func endWatches(_ known: Int64) async throws {
    guard state.withLock({ if case .closed = $0.phase { false } else { true } }) else { return }
    let (gap, time) = (Int64.random(in: Epoch.gap), options.now().microseconds)
    let newest = try await log.database.transaction(.write) { connection in
      try Epoch.begin(after: known, endsWatches: true, gap: gap, at: time, connection)
    }
    logger.warning(
      "the database has lost changes that were read before, as after a restore; every watch begins anew",
      metadata: ["revision": "\(newest)"])
    restart(at: newest, nil)
  }

  private func publish(_ batch: ChangeBatch) {
    let waiters: [CheckedContinuation<Answer, Never>] = state.withLock { state in
      state.window.append(batch)
      if let last = batch.records.last { state.mark = last.mark }
      return batch.scopes.flatMap { scope in state.waiters.removeValue(forKey: scope).map { Array($0.values) } ?? [] }
    }
    for waiter in waiters { waiter.resume(returning: .batch(batch)) }
  }

  private func restart(at revision: Int64, _ mark: ChangeMark?) {
    let waiters: [CheckedContinuation<Answer, Never>] = state.withLock { state in
      state.window = ChangeWindow(start: revision, maximumSize: options.windowSize)
      state.mark = mark
      state.known = revision
      defer { state.waiters = [:] }
      return state.waiters.values.flatMap(\.values)
    }
    for waiter in waiters { waiter.resume(returning: .behind) }
  }

  private func sendBookmarks() {
    let (waiters, end, tick): ([CheckedContinuation<Answer, Never>], Int64, Int) = state.withLock { state in
      state.tick += 1
      defer { state.waiters = [:] }
      return (state.waiters.values.flatMap(\.values), state.window.end, state.tick)
    }
    for waiter in waiters { waiter.resume(returning: .bookmark(end, tick: tick)) }
  }
}
