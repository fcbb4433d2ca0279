public import FleetKinds
public import FleetProtocol
import ReleaseManifest
public import WireFormats

/// What a customer's report changes. Reports come late, twice and in the wrong order: none of them overwrites what is newer.
///
/// Each report is bound to a release and, where the customer names it, to an attempt. Within one attempt the reports have an order of
/// their own, whatever the order in which they come. An attempt that is over, or was before another, is over for good. No two clocks
/// are compared.
public enum ReportDecision: Sendable, Hashable {
  /// An entry of the version history (spec §12, `VersionHistory`).
  public struct HistoryEntry: Sendable, Hashable {
    public var version: String
    public var deployedAt: Timestamp
    /// The column's word.
    public var status: String
    public var helmRevision: Int64?
  }

  /// What runs at a customer since a deployment ended there.
  public struct RunningVersion: Sendable, Hashable {
    public var version: String
    /// By the customer's clock, and not later than now.
    public var since: Timestamp
  }

  public struct Change: Sendable, Hashable {
    public var target: TargetFacts
    /// Nil where nothing else runs than before.
    public var history: HistoryEntry?
    /// Nil where the report does not say, or is about nothing that ended: such a one may be late, and what ran when it was written may
    /// not run any more.
    public var running: RunningVersion?
    /// Opened where none of that type is open for the organization.
    public var opens: EscalationType?
    /// A sentence for people; nil where nothing opens.
    public var message: String?
  }

  public enum Ignored: Sendable, Hashable, CustomStringConvertible {
    case otherRelease
    /// It was reported before.
    case repeated
    /// It is of an attempt that is over.
    case earlierAttempt
    /// What is known came after it in the same attempt.
    case overtaken(by: TargetPhase)
    /// It names no attempt, and nothing is offered that it could be about.
    case notOffered
    /// The offer was taken back, and nothing had begun.
    case withdrawn
    /// The release runs there, and this says nothing else.
    case nothingElseRuns

    public var description: String {
      switch self {
      case .otherRelease: "it is about another release"
      case .repeated: "it was reported before"
      case .earlierAttempt: "it is of an attempt that is over"
      case .overtaken(let phase): "\(phase.rawValue) was reported of the same attempt, and comes after it"
      case .notOffered: "nothing is offered"
      case .withdrawn: "the offer was taken back, and nothing had begun"
      case .nothingElseRuns: "the release runs there, and nothing else does yet"
      }
    }
  }

  case apply(Change)
  case ignore(Ignored)

  /// - Parameter version: the release's.
  public static func decide(
    _ target: TargetFacts, version: String, report: StatusReport, now: Timestamp
  ) -> ReportDecision {
    ReportReader(target: target, version: version, report: report, now: now).decision()
  }

  /// Says when the customer wants it deployed; the same as a status report of `scheduled`.
  public static func decide(
    _ target: TargetFacts, version: String, report: ScheduledReport, now: Timestamp
  ) -> ReportDecision {
    let status = StatusReport(
      organizationName: report.organizationName, releaseID: report.releaseID, status: .scheduled,
      attemptID: report.attemptID, attempt: report.attempt)
    var reader = ReportReader(target: target, version: version, report: status, now: now)
    reader.scheduledFor = report.scheduledFor
    return reader.decision()
  }
}

private struct ReportReader {
  let target: TargetFacts
  let version: String
  let report: StatusReport
  let now: Timestamp
  var scheduledFor: Timestamp?

  private enum Attempt {
    case same
    case newer
    case over
  }

  func decision() -> ReportDecision {
    guard report.releaseID == target.releaseID else { return .ignore(.otherRelease) }
    // Who reports of what it was never offered changes nothing by it, whatever it calls its attempt. What runs is told all the same.
    if wasNeverOffered, report.status != .success { return .ignore(.notOffered) }
    switch (attempt, target.phase) {
    case (.over, _): return .ignore(.earlierAttempt)
    case (.same, .pending), (.same, .notified), (.same, .webhookFailed):
      // Only a retry makes a target unanswered again: the attempt that it counted last is over.
      if isCountedAsKnown { return .ignore(.earlierAttempt) }
      // It may be of before a retry. What runs is told all the same.
      if isUnnamed, target.offeredAt == nil, report.status != .success { return .ignore(.notOffered) }
    case (_, .cancelled) where target.isWithdrawn:
      if attempt == .same, isCountedAsKnown { return .ignore(.earlierAttempt) }
      guard hasBegun else { return .ignore(.withdrawn) }
    case (.newer, .success):
      switch report.status {
      case .scheduled, .downloadFailed, .deadlineExceeded, .cancelled: return .ignore(.nothingElseRuns)
      case .inProgress, .success, .failed, .rolledBack: break
      }
    case (.same, let known):
      if known == phase {
        let isMoved = phase == .scheduled && scheduledFor != nil && scheduledFor != target.scheduledFor
        guard isMoved else { return .ignore(.repeated) }
      } else if Self.order(phase) < Self.order(known) {
        return .ignore(.overtaken(by: known))
      }
    case (.newer, _): break
    }
    return .apply(change())
  }

  private var wasNeverOffered: Bool {
    target.offeredAt == nil && target.attemptID == nil && target.attempt == nil && target.endedAttempts.isEmpty
      && (target.phase == .pending || target.blocked != nil)
  }

  // MARK: Which attempt it is of

  private var attempt: Attempt {
    // What counts its attempts says more than names do: an attempt that something late has put an end to goes on.
    if let number = report.attempt, let known = target.attempt, number != known {
      return number < known ? .over : .newer
    }
    if let identity {
      if target.endedAttempts.contains(identity) || (isKnownOver && identity == knownID) { return .over }
    }
    guard let id = report.attemptID, let knownID, !knownID.hasPrefix(Self.unnamedPrefix) else { return .same }
    return id == knownID ? .same : .newer
  }

  private var isKnownOver: Bool { target.attemptID?.hasPrefix(TargetFacts.endedPrefix) == true }

  /// Without the mark that it is over.
  private var knownID: String? {
    target.attemptID.map { isKnownOver ? String($0.dropFirst(TargetFacts.endedPrefix.count)) : $0 }
  }

  private var isCountedAsKnown: Bool { report.attempt != nil && report.attempt == target.attempt }

  private var isUnnamed: Bool { report.attemptID == nil && report.attempt == nil }

  private static let unnamedPrefix = "deployedAt:"

  /// Programs that know no attempts, as in spec §5.6, say at least when it was: the same moment again is the same report.
  private var identity: String? {
    report.attemptID ?? report.deployedAt.map { "\(Self.unnamedPrefix)\($0)" }
  }

  /// Whether a customer that says so had begun before it could hear that the offer was taken back.
  private var hasBegun: Bool {
    switch report.status {
    case .inProgress, .success, .failed, .rolledBack: true
    case .scheduled, .downloadFailed, .deadlineExceeded, .cancelled: false
    }
  }

  // MARK: What it means

  /// How one attempt goes, from its beginning to its end.
  private static func order(_ phase: TargetPhase) -> Int {
    switch phase {
    case .pending, .notified, .webhookFailed: 0
    case .downloadFailed: 1
    case .scheduled: 2
    case .deadlineExceeded: 3
    case .inProgress: 4
    case .failed: 5
    case .cancelled: 6
    case .success: 7
    case .rolledBack: 8
    }
  }

  private var phase: TargetPhase {
    switch report.status {
    case .downloadFailed: .downloadFailed
    case .scheduled: .scheduled
    case .inProgress: .inProgress
    case .success: runsAnotherVersion ? .failed : .success
    case .failed: .failed
    case .rolledBack: .rolledBack
    case .deadlineExceeded: .deadlineExceeded
    case .cancelled: .cancelled
    }
  }

  /// Success is that the release runs, not that a command returned.
  private var runsAnotherVersion: Bool {
    guard let running = report.currentVersion.flatMap({ SemanticVersion($0) }), let wanted = SemanticVersion(version)
    else { return false }
    return running != wanted
  }

  private func change() -> ReportDecision.Change {
    var next = target
    next.phase = phase
    next.isSilent = false
    next.blocked = nil
    bindToAttempt(&next)
    next.reason = report.reason
    next.component = report.component
    next.errorMessage = report.errorMessage
    if let revision = report.helmRevision { next.helmRevision = revision }
    if let scheduledFor { next.scheduledFor = scheduledFor }
    // A schedule that is still to come outlives the deadline.
    if phase == .deadlineExceeded, target.phase != .scheduled || (target.scheduledFor ?? now) <= now {
      next.scheduledFor = nil
    }
    switch phase {
    case .inProgress:
      next.startedAt = now
      next.completedAt = nil
    case .scheduled:
      next.startedAt = nil
      next.completedAt = nil
    case .pending, .notified, .webhookFailed: break
    case .success, .failed, .rolledBack, .downloadFailed, .deadlineExceeded, .cancelled: next.completedAt = now
    }
    if report.status == .success, phase == .failed {
      next.reason = TargetReason.versionMismatch
      next.errorMessage =
        "The customer reported success, but \(report.currentVersion ?? "another version") to run, not \(version)."
    }
    var change = ReportDecision.Change(target: next)
    let endedAt = min(report.deployedAt ?? now, now)
    let running = report.currentVersion ?? (phase == .success ? version : nil)
    switch report.status {
    case .success, .failed, .rolledBack:
      change.running = running.map { ReportDecision.RunningVersion(version: $0, since: endedAt) }
    case .downloadFailed, .scheduled, .inProgress, .deadlineExceeded, .cancelled: break
    }
    if phase == .success || phase == .rolledBack {
      change.history = ReportDecision.HistoryEntry(
        version: running ?? version, deployedAt: endedAt, status: phase.columnWord, helmRevision: report.helmRevision)
    }
    switch phase {
    case .deadlineExceeded: change.opens = .forced24hExceeded
    case .failed, .rolledBack, .downloadFailed: change.opens = .deploymentFailed
    case .pending, .notified, .webhookFailed, .scheduled, .inProgress, .success, .cancelled: break
    }
    if change.opens != nil { change.message = escalationMessage(next) }
    return change
  }

  private func bindToAttempt(_ next: inout TargetFacts) {
    if let knownID, let identity, identity != knownID {
      // What goes on by its count, whatever ended it by its name, is over no more.
      let ended = (target.endedAttempts + [knownID]).filter { $0 != identity }
      next.endedAttempts = ended.suffix(DeploymentTargetStatus.maximumEndedAttempts)
    }
    if let identity { next.attemptID = identity }
    if let number = report.attempt { next.attempt = number }
  }

  private func escalationMessage(_ next: TargetFacts) -> String {
    let what =
      switch phase {
      case .rolledBack: "was rolled back"
      case .downloadFailed: "could not be downloaded"
      case .deadlineExceeded: "was not deployed before its deadline"
      default: "failed"
      }
    let details = [next.reason, next.component].compactMap { $0 }.joined(separator: ", ")
    return "\(version) \(what) at \(report.organizationName)\(details.isEmpty ? "" : ": \(details)")."
  }
}
