/// How a release stands at one customer (spec §13); the words stand in the table `scheduled_deployment`.
public enum LocalDeploymentStatus: String, Sendable, Hashable, Codable, CaseIterable {
  case pending
  case downloadFailed
  case scheduled
  case missedSchedule
  case inProgress
  case success
  case failed
  case rolledBack
  case deadlineExceeded
  case cancelled

  /// Whether it keeps every other deployment and rollback from being scheduled (spec §10.3).
  public var isActive: Bool { self == .scheduled || self == .inProgress }

  /// Whether it has come to its end; only a new attempt changes it.
  public var isFinal: Bool {
    switch self {
    case .success, .failed, .rolledBack, .cancelled: true
    case .pending, .downloadFailed, .scheduled, .missedSchedule, .inProgress, .deadlineExceeded: false
    }
  }
}

/// What an Agent is to do (spec §13).
public enum AgentTaskType: String, Sendable, Hashable, Codable, CaseIterable {
  case deploy
  case rollback
}

/// How far it is (spec §13).
public enum AgentTaskStatus: String, Sendable, Hashable, Codable, CaseIterable {
  case pending
  case inProgress
  case completed
  case failed

  public var isActive: Bool { self == .pending || self == .inProgress }
}

/// Who carries out tasks: never both.
public enum TaskExecutor: String, Sendable, Hashable, Codable, CaseIterable {
  /// An Agent that watches the DesiredDeployment.
  case record
  /// An Agent written to the specification, which polls `/internal/agent/tasks` (spec §6.3).
  case tasks
}
