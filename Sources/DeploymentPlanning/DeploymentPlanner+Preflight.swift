public import DeploymentKinds
public import ResourceModel
public import WireFormats

/// A release is looked at beforehand only where nothing else is to be done, once for each value of the annotation. It touches nothing
/// that runs, and whoever asks for a deployment meanwhile ends it.
extension DeploymentPlanner {
  /// So long it may take.
  static let preflightLimit: Duration = .seconds(300)
  /// With less time than this before a deployment is due none is begun.
  static let shortestPreflight: Duration = .seconds(30)
  /// An Agent that ended in its midst so often is not sent into it again.
  static let maximumPreflights = 3
  /// As often it is tried where what it takes cannot be had, such as the bucket: some minutes, with the pauses between.
  static let maximumUnavailable = 10

  /// The step that takes the place of waiting where the annotation asks for a preflight.
  mutating func preflightStep(besides step: Decision.Step) -> Decision.Step {
    guard case .settled = step else { return step }
    guard let annotation = desired.metadata.annotations?[DesiredDeploymentKind.preflightAnnotation] else {
      status.preflight = nil
      return step
    }
    let digest = PreflightRequest.digest(of: annotation)
    let begun = status.preflight.flatMap { $0.request == digest ? $0 : nil }
    guard begun?.completedAt == nil, mayPreflight, let limit = preflightTime else { return step }
    do throws(PreflightRequest.Fault) {
      let request = try PreflightRequest(annotation: annotation)
      let asked = try request.applied(to: desired)
      guard case .release(let plan) = DesiredRelease(spec: asked.spec, status: nil) else { return step }
      let attempts = max(begun?.attempts ?? 0, 0).addingSaturated(1)
      // There is a check where the last try ended by itself.
      let before = begun?.checks ?? []
      status.preflight = .init(
        request: digest, version: request.version, requestedAt: request.requestedAt, attempts: attempts, checks: before)
      if attempts > (before.isEmpty ? Self.maximumPreflights : Self.maximumUnavailable) {
        let text = """
          It was begun \(attempts - 1) times and never came to its end, as where the Agent dies of it: the Agent's log and the \
          machine's may say why
          """
        conclude(before.isEmpty ? [.init("Preflight", .failed, text)] : before)
        return step
      }
      return .preflight(PreflightPlan(release: plan, asked: asked, limit: limit))
    } catch {
      status.preflight = .init(request: digest, version: "")
      conclude([
        .init("Request", .failed, "the annotation \(DesiredDeploymentKind.preflightAnnotation): \(error.message)")
      ])
      return step
    }
  }

  /// Not where the record is another Agent's affair, nobody's, or in the midst of an attempt.
  private var mayPreflight: Bool {
    desired.metadata.deletionTimestamp == nil && !spec.suspend && facts.owner == nil && spec.runtime == facts.runtime
      && spec.targetName != nil && (status.target == nil || status.target == spec.target) && facts.account == .usable
      && !attempt.isOpen
  }

  /// Nil where a deployment is about to be due.
  private var preflightTime: Duration? {
    guard case .waiting(let start) = scheduleWindow else { return Self.preflightLimit }
    let left = min(start - facts.now - .seconds(5), Self.preflightLimit)
    return left >= Self.shortestPreflight ? left : nil
  }

  private mutating func conclude(_ checks: [DesiredDeploymentStatus.Preflight.Check]) {
    status.preflight?.completedAt = facts.now.wholeSeconds
    status.preflight?.checks = Array(checks.prefix(DesiredDeploymentStatus.Preflight.checkLimit))
    guard let preflight = status.preflight else { return }
    let isSound = preflight.checks.allSatisfy { $0.status != .failed }
    let text = "Preflight of \(preflight.version.isEmpty ? "a release" : preflight.version): "
    events.append(
      DeploymentEvent(
        isSound ? .normal : .warning, "PreflightCompleted", text + preflight.sentences.joined(separator: "; ")))
  }

  /// The status and the events that report what a preflight found.
  public static func record(
    _ checks: [DesiredDeploymentStatus.Preflight.Check], of desired: DesiredDeployment, now: Timestamp
  ) -> (status: DesiredDeploymentStatus, events: [DeploymentEvent]) {
    var planner = DeploymentPlanner(desired, facts: DeploymentFacts(now: now))
    planner.conclude(checks)
    return (planner.status, planner.events)
  }
}

extension DeploymentPlanner {
  /// The status that shows what a preflight could not have: asked still, unless it was tried often enough.
  public static func recordUnavailable(
    _ check: DesiredDeploymentStatus.Preflight.Check, of desired: DesiredDeployment, now: Timestamp
  ) -> (status: DesiredDeploymentStatus, events: [DeploymentEvent]) {
    guard desired.status?.preflight?.attempts ?? 0 < maximumUnavailable else {
      return record([check], of: desired, now: now)
    }
    var status = desired.status ?? DesiredDeploymentStatus()
    status.preflight?.checks = [check]
    return (status, [])
  }

  /// The status without the try that gave way to something else: it does not count.
  public static func withoutPreflight(_ desired: DesiredDeployment) -> DesiredDeploymentStatus {
    var status = desired.status ?? DesiredDeploymentStatus()
    if let attempts = status.preflight?.attempts { status.preflight?.attempts = max(attempts - 1, 0) }
    return status
  }
}

/// A release to be looked at.
public struct PreflightPlan: Sendable, Hashable {
  public var release: ReleasePlan
  /// The record as it would be.
  public var asked: DesiredDeployment
  /// How long it may take.
  public var limit: Duration

  public init(release: ReleasePlan, asked: DesiredDeployment, limit: Duration) {
    self.release = release
    self.asked = asked
    self.limit = limit
  }
}
