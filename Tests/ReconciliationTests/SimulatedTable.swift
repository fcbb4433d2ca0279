import Reconciliation
import Synchronization
import WireFormats

/// A table in memory that outlives the processes which work on it: every row is to be raised to `target`, a step at a time.
///
/// Every call is counted. At the call whose number is `dieAt` the process dies that makes it: before the call takes effect,
/// or right after it; then this and every later call of that process fail.
final class SimulatedTable: Sendable {
  struct Row: Sendable, Hashable {
    var id: Int
    var level = 0
    /// In seconds; nil once nothing is left to do.
    var dueAt: Int? = 0
    var lockedUntil = 0
    var lockedBy: String?
  }

  struct Change: Sendable, Hashable {
    var level: Int
    var dueAt: Int?
  }

  struct State {
    var rows: [Row] = []
    var now = 0
    var calls = 0
    var claims = 0
    var dieAt: Int?
    var diesAfterEffect = false
    var dead: Set<Int> = []
    /// Fails every call while it is true.
    var isAway = false
    /// A row that no commit may hold.
    var poison: Int?
    /// How many rows each commit carried, also where it failed.
    var commits: [Int] = []
    /// How often each row was raised to each level.
    var raised: [Change: [Int: Int]] = [:]
  }

  struct Killed: Error {}
  struct Away: Error, CustomStringConvertible { var description: String { "the database is away" } }

  static let lease = 30
  let target: Int
  let step: Int
  let state: Mutex<State>

  /// - Parameter step: how many seconds lie between two steps of a row.
  init(rows: Int, target: Int = 3, step: Int = 10) {
    self.target = target
    self.step = step
    state = Mutex(State(rows: (0..<rows).map { Row(id: $0) }))
  }

  func set(_ change: (inout State) -> Void) { state.withLock { change(&$0) } }
  var levels: [Int] { state.withLock { $0.rows.map(\.level) } }
  var isDone: Bool { state.withLock { $0.rows.allSatisfy { $0.dueAt == nil } } }
  var now: Timestamp { Timestamp(seconds: Int64(state.withLock { $0.now })) }

  /// The decision.
  @Sendable func decide(_ row: Row, _ now: Timestamp) -> Change {
    let level = row.level + 1
    return Change(level: level, dueAt: level < target ? Int(now.microseconds / 1_000_000) + step : nil)
  }

  /// The table as one process sees it.
  struct Process: BatchSource {
    let table: SimulatedTable
    let number: Int

    func claim(limit: Int) async throws -> Batch<Row> {
      try table.call(by: number) { state in
        state.claims += 1
        let id = "claim-\(state.claims)"
        let isDue = state.rows.indices.filter { index in
          let row = state.rows[index]
          return row.dueAt.map { $0 <= state.now } == true && (row.lockedBy == nil || row.lockedUntil <= state.now)
        }
        let chosen = isDue.prefix(limit)
        for index in chosen {
          state.rows[index].lockedBy = id
          state.rows[index].lockedUntil = state.now + SimulatedTable.lease
        }
        let next = state.rows.compactMap { row in
          row.dueAt.map { max($0, row.lockedBy == nil ? 0 : row.lockedUntil) }
        }.min()
        return Batch(
          id: id, rows: chosen.map { state.rows[$0] }, nextDue: next.map { .seconds(max($0 - state.now, 0)) })
      }
    }

    func commit(_ changes: [Change], of batch: Batch<Row>) async throws {
      try table.call(by: number) { state in
        state.commits.append(changes.count)
        if let poison = state.poison, batch.rows.contains(where: { $0.id == poison }) { throw Away() }
        for (row, change) in zip(batch.rows, changes) where state.rows[row.id].lockedBy == batch.id {
          state.rows[row.id] = Row(id: row.id, level: change.level, dueAt: change.dueAt)
          state.raised[Change(level: change.level, dueAt: nil), default: [:]][row.id, default: 0] += 1
        }
      }
    }
  }

  private func call<Value>(by process: Int, _ body: (inout State) throws -> Value) throws -> Value {
    try state.withLock { state in
      state.calls += 1
      if state.dead.contains(process) { throw Killed() }
      if state.isAway { throw Away() }
      let dies = state.calls == state.dieAt
      if dies { state.dead.insert(process) }
      if dies && !state.diesAfterEffect { throw Killed() }
      let value = try body(&state)
      if dies { throw Killed() }
      return value
    }
  }
}
