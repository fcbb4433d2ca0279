import FleetKinds

/// Where a customer stands with a release, as people see it: the buckets that a rollout counts, with those that rolled back apart from
/// those that failed otherwise, and those whose webhook failed apart from those that were told.
enum TargetState: String, Sendable, Hashable, CaseIterable {
  case waiting
  case notifying
  /// The webhook was given up: they learn of the release when they next ask (spec §8.1).
  case untold
  case consent
  case scheduled
  case inProgress
  case succeeded
  case failed
  case rolledBack
  case blocked
  case offline
  case silent
  case cancelled

  /// Of the columns `bucket` and `status`; nil where they hold what this version does not know.
  init?(bucket: String?, status: String?) {
    guard let bucket, let state = TargetState(rawValue: bucket) else { return nil }
    self =
      status.flatMap { word in Self.parts.first { $0.whole == state && $0.status == word }?.state } ?? state
  }

  /// One that is counted in the bucket of another: what there has this word of `status`.
  struct Part: Sendable {
    var state: TargetState
    var whole: TargetState
    var status: String
  }

  static let parts = [
    Part(state: .rolledBack, whole: .failed, status: TargetPhase.rolledBack.columnWord),
    Part(state: .untold, whole: .consent, status: TargetPhase.webhookFailed.columnWord),
  ]

  var bucket: TargetBucket {
    let whole = Self.parts.first { $0.state == self }?.whole ?? self
    return TargetBucket(rawValue: whole.rawValue) ?? .cancelled
  }

  /// Of a row of `gcc_deployment_target` named `t`.
  var condition: String {
    if let part = Self.parts.first(where: { $0.state == self }) {
      return "t.bucket = '\(bucket.rawValue)' AND t.status = '\(part.status)'"
    }
    let others = Self.parts.filter { $0.whole == self }.map { " AND t.status <> '\($0.status)'" }
    return "t.bucket = '\(bucket.rawValue)'\(others.joined())"
  }
}
