import OfferPlanning
import WireFormats

/// How a task ended well.
struct TaskSuccess: Sendable {
  /// What runs now; nil where nobody said.
  var version: String?
  var revision: Int64?
  var since: Timestamp
  /// What the Agent said.
  var result: JSONValue
}

/// How a task ended badly, and what admins are told of it.
struct TaskFailure: Sendable {
  var reason: String
  var message: String
  var remedy = RecordState.Remedy.none
  var notice = AdminNotice.Kind.deploymentFailed
  var result: JSONValue?
  /// How it ended without having failed; nil where it has.
  var ending: Ending?

  enum Ending: String, Sendable {
    case missedSchedule
    case cancelled
  }

  /// What it says of the task's release.
  var fact: DeploymentFact {
    switch ending {
    case .missedSchedule?: .missed
    case .cancelled?: .cancelled
    case nil: remedy == .rolledBack ? .rolledBack : .failed
    }
  }

  static let timedOut = TaskFailure(
    reason: "TaskTimeout", message: "Task timeout - no heartbeat received", notice: .deploymentTimedOut)
  static let missed = TaskFailure(
    reason: "MissedSchedule", message: "Scheduled deployment missed, please reschedule", remedy: .nothingChanged,
    notice: .missedSchedule, ending: .missedSchedule)

  /// Reasons that stand for somebody's decision.
  static let deliberate: Set<String> = ["Cancelled", "RecordChanged"]

  static func license(_ message: String) -> TaskFailure {
    TaskFailure(
      reason: "LicenseExpired", message: "License expired: \(message)", remedy: .nothingChanged, notice: .licenseBlocked
    )
  }

  static func cancelled(by actor: String, _ reason: String?) -> TaskFailure {
    TaskFailure(
      reason: "Cancelled", message: "Cancelled by \(actor)" + (reason.map { ": \($0)" } ?? ""), remedy: .nothingChanged,
      notice: .deploymentCancelled, ending: .cancelled)
  }

  static func superseded(_ message: String, isBegun: Bool) -> TaskFailure {
    TaskFailure(
      reason: "RecordChanged", message: message, notice: isBegun ? .deploymentFailed : .deploymentCancelled,
      ending: isBegun ? nil : .cancelled)
  }
}
