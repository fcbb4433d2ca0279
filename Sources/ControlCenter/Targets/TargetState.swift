import FleetKinds

/// Where a customer stands with a release, as people see it: the buckets that a rollout counts, with those that rolled back apart from
/// those that failed otherwise.
enum TargetState: String, Sendable, Hashable, CaseIterable {
  case waiting
  case notifying
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
    self = state == .failed && status == TargetPhase.rolledBack.columnWord ? .rolledBack : state
  }

  var bucket: TargetBucket {
    switch self {
    case .rolledBack: .failed
    default: TargetBucket(rawValue: rawValue) ?? .cancelled
    }
  }

  /// Of a row of `gcc_deployment_target` named `t`.
  var condition: String {
    switch self {
    case .failed: "t.bucket = 'failed' AND t.status <> 'rolledBack'"
    case .rolledBack: "t.bucket = 'failed' AND t.status = 'rolledBack'"
    default: "t.bucket = '\(bucket.rawValue)'"
    }
  }
}
