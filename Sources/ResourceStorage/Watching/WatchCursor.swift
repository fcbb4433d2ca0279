import ResourceModel

/// How far one watcher has read.
actor WatchCursor {
  private let hub: ChangeHub
  private let log: ChangeLog
  private let scope: WatchScope
  private let matcher: SelectorMatcher
  private var position: Int64
  private var tick: Int
  private var pending: [ObjectChange] = []
  private var nextPending = 0

  init(hub: ChangeHub, log: ChangeLog, scope: WatchScope, selector: ObjectSelector, after revision: Int64) {
    self.hub = hub
    self.log = log
    self.scope = scope
    matcher = SelectorMatcher(selector)
    position = revision
    tick = hub.tick
  }

  /// Makes sure that everything after the first position can be told.
  /// - Throws: `StatusError` `expired` otherwise.
  func open() async throws {
    let window = hub.window
    guard position < window.start || position > window.end else { return }
    // Another process may be ahead of what this one has read; nobody is ahead of the database.
    let newest = try await log.state().revision
    guard position <= newest else {
      throw StatusError.expired(
        "the resource version \(position) is newer than the newest, \(newest): the database was restored; list again")
    }
    if position < window.start { try await readLog() }
  }

  /// The next change or bookmark; nil once the store is closed or the task cancelled.
  /// - Throws: `StatusError` `expired` where the log no longer holds what follows.
  func next() async throws -> ObjectChange? {
    while true {
      if nextPending < pending.count {
        defer { nextPending += 1 }
        return pending[nextPending]
      }
      switch await hub.next(in: scope, after: position, tick: tick) {
      case .batch(let batch): take(batch)
      case .behind: try await readLog()
      case .bookmark(let revision, let tick):
        self.tick = tick
        position = max(position, revision)
        return ObjectChange(kind: .bookmark, revision: position, object: nil)
      case .closed: return nil
      }
    }
  }

  private func readLog() async throws {
    switch try await log.page(in: scope, after: position, withPrevious: !matcher.needsNoObject) {
    case .changes(let batch, _): take(batch)
    case .expired, .lost: throw StatusError.expired("too old resource version: \(position); list again")
    }
  }

  private func take(_ batch: ChangeBatch) {
    nextPending = 0
    pending.removeAll(keepingCapacity: batch.records.count >= pending.count)
    for record in batch.records where record.revision > position && record.isIn(scope) {
      if let change = record.change(for: matcher) { pending.append(change) }
    }
    position = max(position, batch.end)
  }
}
