public import FleetProtocol
import ReleaseManifest
public import WireFormats

/// What is learnt of a release at one customer.
public enum DeploymentFact: Sendable, Hashable, CaseIterable {
  /// Its artifact lies in the bucket.
  case downloaded
  /// Its artifact cannot be had, for longer than a few tries.
  case downloadFailed
  /// A task of its own was made, or moved.
  case scheduled
  /// Of that task, and of no other:
  case begun
  case succeeded
  case failed
  case rolledBack
  case missed
  case cancelled
  /// It runs, though not by the present attempt: after a rollback to it, or since somebody applied a record.
  case runs
  /// It ran, and something else was returned to.
  case left
  /// The deadline of a forced update has passed (spec §10.2).
  case deadlinePassed
  /// What runs is newer, and came after it.
  case overtaken
}

/// What becomes of the release.
public struct DeploymentStep: Sendable, Hashable {
  public var status: LocalDeploymentStatus
  /// Whether it counts as another attempt: the vendor takes what follows the end of one for old.
  public var isNewAttempt: Bool
  /// What the vendor is told; nil where it is told nothing, or by a report of another kind.
  public var report: StatusReport.Status?

  init(_ status: LocalDeploymentStatus, isNewAttempt: Bool = false, report: StatusReport.Status? = nil) {
    self.status = status
    self.isNewAttempt = isNewAttempt
    self.report = report
  }
}

/// The one state machine of releases at a customer.
///
/// ```
///                downloadFailed             scheduled            begun              succeeded
///   pending ◀───────────────────▶ downloadFailed │                │                    │
///      │          downloaded                     ▼                ▼                    ▼       left
///      ├───────────────────────────────────▶ scheduled ─────▶ inProgress ────────▶ success ────────▶ rolledBack
///      │                                         │                │                    ▲
///      │                       missed, cancelled │                │ failed, rolledBack │ runs
///      │                                         ▼                ▼                    │
///      │                  missedSchedule, cancelled        failed, rolledBack ─────────┤
///      │                                         │                │                    │
///      └─────── deadlinePassed ──────────────────┴────────────────┴─▶ deadlineExceeded ┘
/// ```
/// What waits (all but `scheduled`, `inProgress` and what has ended) is cancelled once it is overtaken.
public enum DeploymentRule {
  /// Nil where the fact changes nothing.
  public static func step(_ status: LocalDeploymentStatus, _ fact: DeploymentFact) -> DeploymentStep? {
    switch (fact, status) {
    case (.downloaded, .downloadFailed): DeploymentStep(.pending)
    // A release past its deadline, or its time, stays that.
    case (.downloadFailed, .pending): DeploymentStep(.downloadFailed, report: .downloadFailed)
    case (.downloaded, _), (.downloadFailed, _): nil

    case (.scheduled, .inProgress), (.scheduled, .success): nil
    case (.scheduled, .scheduled): DeploymentStep(.scheduled)
    case (.scheduled, _): DeploymentStep(.scheduled, isNewAttempt: true)

    case (.begun, .success): nil
    case (.begun, _): DeploymentStep(.inProgress, report: .inProgress)
    case (.succeeded, .rolledBack): DeploymentStep(.success, isNewAttempt: true, report: .success)
    case (.succeeded, _): DeploymentStep(.success, report: .success)
    case (.failed, .success), (.rolledBack, .success), (.missed, .success), (.cancelled, .success): nil
    case (.failed, _): DeploymentStep(.failed, report: .failed)
    case (.rolledBack, _): DeploymentStep(.rolledBack, report: .rolledBack)
    case (.missed, _): DeploymentStep(.missedSchedule, report: .cancelled)
    case (.cancelled, _): DeploymentStep(.cancelled, report: .cancelled)

    case (.runs, .scheduled), (.runs, .inProgress), (.runs, .success): nil
    case (.runs, _): DeploymentStep(.success, isNewAttempt: true, report: .success)
    case (.left, .success): DeploymentStep(.rolledBack, report: .rolledBack)
    case (.left, _): nil

    case (.deadlinePassed, .success), (.deadlinePassed, .inProgress): nil
    // Whoever has chosen a time after the deadline keeps it.
    case (.deadlinePassed, .scheduled): DeploymentStep(.scheduled, report: .deadlineExceeded)
    case (.deadlinePassed, _): DeploymentStep(.deadlineExceeded, isNewAttempt: true, report: .deadlineExceeded)

    case (.overtaken, _) where status.isWaiting: DeploymentStep(.cancelled, report: .cancelled)
    case (.overtaken, _): nil
    }
  }

  /// Whether what runs has left a release behind: it is newer, and was begun when the release was offered already. One that is offered
  /// later is offered to return to.
  /// - Parameters:
  ///   - running: the version that runs.
  ///   - since: when it began to.
  public static func isOvertaken(
    _ version: String, receivedAt: Timestamp, by running: String, since: Timestamp
  ) -> Bool {
    guard let version = SemanticVersion(version), let running = SemanticVersion(running) else { return false }
    return version < running && receivedAt < since
  }
}

extension LocalDeploymentStatus {
  /// Whether it was not deployed, is about to be by no task, and may still be.
  public var isWaiting: Bool { !isFinal && !isActive }
}
