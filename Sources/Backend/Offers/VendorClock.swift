import Database
import OfferPlanning
import WireFormats

/// When the vendor's server is asked, or told, next: kept in the one row of `deployment_config`, so that of several processes
/// one does it at a time, and what a killed one had begun another takes up.
struct VendorClock: Sendable {
  /// What is done.
  enum Activity: Sendable {
    case poll
    case heartbeat

    fileprivate var next: String { self == .poll ? "nextGccPoll" : "nextHeartbeat" }
    fileprivate var last: String { self == .poll ? "lastGccPoll" : "lastHeartbeat" }
    fileprivate var claim: String { self == .poll ? "pollClaimedUntil" : "heartbeatClaimedUntil" }
    fileprivate var failures: String { self == .poll ? "pollFailures" : "heartbeatFailures" }
  }

  /// What the row says of it.
  struct State: Sendable, Hashable {
    var schedule: VendorSchedule
    var lastAt: Timestamp?
    var failures: Int64
    /// In seconds.
    var interval: Int64
    var isHeartbeatEnabled: Bool
  }

  let activity: Activity

  /// Locks the row.
  func state(_ connection: any SQLConnection) throws -> State {
    let dialect = connection.dialect
    func time(_ name: String) -> String { dialect.text(ofTime: "c.\"\(name)\"") }
    let row = try connection.query(
      """
      SELECT \(time(activity.next)), \(time(activity.claim)), \(time(activity.last)), c."\(activity.failures)",
        c."pollIntervalSec", c."heartbeatEnabled"
      FROM deployment_config AS c WHERE c.id = 1
      """ + dialect.forUpdate(of: "c")
    ).first
    return State(
      schedule: VendorSchedule(nextAt: row?[0].time, claimedUntil: row?[1].time), lastAt: row?[2].time,
      failures: row?[3].integer ?? 0, interval: row?[4].integer ?? 300, isHeartbeatEnabled: row?[5].boolean ?? true)
  }

  /// - Returns: the claim where this process is to do it now; or how long to wait.
  func step(isWanted: Bool, now: Timestamp, in connection: any SQLConnection) throws -> VendorSchedule.Step {
    let state = try state(connection)
    let step = state.schedule.step(isWanted: isWanted, lastAt: state.lastAt, now: now)
    let dialect = connection.dialect
    switch step {
    case .claim(let end):
      // Whoever asks for it meanwhile makes it due again.
      try connection.execute(
        """
        UPDATE deployment_config SET "\(activity.claim)" = \(dialect.time("$1")), "\(activity.next)" = \(dialect.time("$1"))
        WHERE id = 1
        """, [end.column])
    case .wait:
      if isWanted {
        try connection.execute(
          "UPDATE deployment_config SET \"\(activity.next)\" = \(dialect.time("$1")) WHERE id = 1", [now.column])
      }
    }
    return step
  }

  /// Gives the claim back.
  /// - Parameters:
  ///   - claim: as `step` gave it.
  ///   - state: of this transaction.
  ///   - failures: in a row; 0 after success, whose time is kept.
  /// - Returns: how long until the next; nil where the claim had run out, and another process has taken it.
  func end(
    _ claim: Timestamp, _ state: State, next pause: Duration, failures: Int64, now: Timestamp,
    in connection: any SQLConnection
  ) throws -> Duration? {
    guard isHeld(claim, state) else { return nil }
    let dialect = connection.dialect
    // Asked for in the meantime.
    let wasAskedFor = state.schedule.nextAt.map { $0.columnText < claim.columnText } ?? true
    let pause = wasAskedFor ? min(pause, VendorSchedule.shortestPause) : pause
    let isSuccess = failures == 0
    // After a failure nobody tries for a moment, whoever asks for it.
    let claim = isSuccess ? nil : (now + VendorSchedule.shortestPause).columnText
    let last = isSuccess ? now : state.lastAt
    try connection.execute(
      """
      UPDATE deployment_config SET "\(activity.claim)" = \(dialect.time("$4")), "\(activity.next)" = \(dialect.time("$1")),
        "\(activity.last)" = \(dialect.time("$2")), "\(activity.failures)" = $3
      WHERE id = 1
      """, [(now + pause).column, SQLValue(last?.columnText), .integer(failures), SQLValue(claim)])
    return pause
  }

  func isHeld(_ claim: Timestamp, _ state: State) -> Bool {
    state.schedule.claimedUntil?.columnText == claim.columnText
  }
}
