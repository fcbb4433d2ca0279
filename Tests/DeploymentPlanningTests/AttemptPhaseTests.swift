import DeploymentKinds
import ReleaseManifest
import ResourceModel
import Testing
import WireFormats

@testable import DeploymentPlanning

/// 2.3.0 is wanted at generation 7 over 2.2.0. Every phase, as the planner itself recorded it, is read back from its status;
/// and each phase with each fact that matters to it gives one step.
struct AttemptPhaseTests {
  // MARK: Reading a phase

  @Test(arguments: Phase.allCases)
  func thePhaseIsReadBackFromTheStatusThatWasRecorded(_ phase: Phase) throws {
    let status = phase.status
    let attempt = AttemptPhase(status, generation: 7)
    let environment = EnvironmentPhase(status)
    switch phase {
    case .nothingYet, .otherGeneration:
      #expect(attempt == .notBegun)
      #expect(environment == .settled)
    case .deploying, .resumedTooOften:
      #expect(attempt == .deploying)
      #expect(environment == .unsettled)
    case .betweenTries:
      #expect(attempt == .betweenTries)
      #expect(environment == .settled, "the bucket could not be reached, so nothing was touched")
    case .failed:
      #expect(attempt == .failed(try #require(status?.failure)))
      #expect(environment == .unsettled)
    case .distrusted, .rolledBack:
      #expect(attempt == .failed(try #require(status?.failure)))
      #expect(environment == .settled)
    case .rollingBack:
      #expect(attempt == .failed(try #require(status?.failure)))
      #expect(environment == .rollingBack)
    case .rollbackFailed:
      #expect(attempt == .failed(try #require(status?.failure)))
      #expect(environment == .rollbackFailed(try #require(status?.conditions?[DeploymentCondition.remediated])))
    case .concluded:
      #expect(attempt == .concluded)
      #expect(environment == .settled)
    }
    #expect(AttemptPhase(status, generation: 8) == .notBegun, "a new generation begins anew")
  }

  // MARK: Phase and fact give the step

  enum Fact: String, Sendable {
    case none
    case notObserved
    case engineAway
    case runsDesired
    case runsCurrent
    case runsNothing
    case runsNothingAndPolicyIsHold
    case pauseIsOver
    case pauseIsOverAndRunsNothing
    case retryRequested
    case suspended
    case licenceNotChecked
    case licenceExpired
    case licenceExpiredAndRunsNothing
    case licenceUnavailable
    case beforeItsWindow
    case afterItsWindow
    case staleNews
    case sameTrustRoot
    case newTrustRoot
  }

  struct Row: Sendable, CustomTestStringConvertible {
    var phase: Phase
    var fact: Fact
    var step: Decision.Step

    init(_ phase: Phase, _ fact: Fact, _ step: Decision.Step) {
      self.phase = phase
      self.fact = fact
      self.step = step
    }

    var testDescription: String { "\(phase), \(fact)" }
  }

  static let table: [Row] = [
    Row(.nothingYet, .none, deploy),
    Row(.nothingYet, .suspended, .settled(recheckAfter: nil)),
    Row(.nothingYet, .licenceNotChecked, .checkLicense),
    Row(.nothingYet, .licenceExpired, recheck),
    Row(.nothingYet, .licenceUnavailable, .retry(licenceFailure)),
    Row(.nothingYet, .beforeItsWindow, recheck),
    Row(.nothingYet, .afterItsWindow, .settled(recheckAfter: nil)),
    Row(.nothingYet, .staleNews, recheck),

    Row(.otherGeneration, .none, deploy),
    Row(.otherGeneration, .runsNothing, deploy),
    Row(.otherGeneration, .engineAway, deploy),
    Row(.otherGeneration, .licenceNotChecked, .checkLicense),
    Row(.otherGeneration, .licenceExpired, recheck),
    Row(.otherGeneration, .licenceExpiredAndRunsNothing, correctDrift),
    Row(.otherGeneration, .beforeItsWindow, recheck),
    Row(.otherGeneration, .afterItsWindow, recheck),
    Row(.otherGeneration, .staleNews, recheck),

    Row(.deploying, .none, deploy),
    Row(.deploying, .licenceExpired, deploy),
    Row(.deploying, .afterItsWindow, deploy),
    Row(.deploying, .staleNews, deploy),
    Row(.deploying, .retryRequested, deploy),

    Row(.resumedTooOften, .notObserved, .observe),
    Row(.resumedTooOften, .engineAway, .retry(engineFailure)),
    Row(.resumedTooOften, .runsNothing, rollBack),
    Row(.resumedTooOften, .runsCurrent, recheck),
    Row(.resumedTooOften, .runsNothingAndPolicyIsHold, .settled(recheckAfter: nil)),
    Row(.resumedTooOften, .retryRequested, deploy),

    Row(.betweenTries, .none, .settled(recheckAfter: .seconds(10))),
    Row(.betweenTries, .runsNothing, .settled(recheckAfter: .seconds(10))),
    Row(.betweenTries, .pauseIsOver, deploy),
    Row(.betweenTries, .retryRequested, deploy),

    Row(.failed, .notObserved, .observe),
    Row(.failed, .engineAway, .retry(engineFailure)),
    Row(.failed, .runsNothing, rollBack),
    Row(.failed, .runsCurrent, recheck),
    Row(.failed, .runsNothingAndPolicyIsHold, .settled(recheckAfter: nil)),
    Row(.failed, .licenceExpired, recheck),
    Row(.failed, .retryRequested, deploy),

    Row(.distrusted, .runsCurrent, recheck),
    Row(.distrusted, .runsNothing, correctDrift),
    Row(.distrusted, .sameTrustRoot, recheck),
    Row(.distrusted, .newTrustRoot, deploy),
    Row(.distrusted, .retryRequested, deploy),

    Row(.rollingBack, .notObserved, .observe),
    Row(.rollingBack, .runsNothing, rollBack),
    Row(.rollingBack, .runsCurrent, recheck),
    Row(.rollingBack, .retryRequested, deploy),

    Row(.rollbackFailed, .runsNothing, .settled(recheckAfter: .seconds(10))),
    Row(.rollbackFailed, .pauseIsOverAndRunsNothing, rollBack),
    Row(.rollbackFailed, .runsCurrent, recheck),
    Row(.rollbackFailed, .retryRequested, deploy),

    Row(.rolledBack, .runsCurrent, recheck),
    Row(.rolledBack, .runsNothing, correctDrift),
    Row(.rolledBack, .runsNothingAndPolicyIsHold, correctDrift),
    Row(.rolledBack, .retryRequested, deploy),

    Row(.concluded, .notObserved, .observe),
    Row(.concluded, .engineAway, .retry(engineFailure)),
    Row(.concluded, .runsDesired, recheck),
    Row(.concluded, .runsNothing, .restore(plan("2.3.0", revision: 1), .driftCorrection)),
    Row(.concluded, .retryRequested, deploy),
    Row(.concluded, .suspended, .settled(recheckAfter: nil)),
  ]

  @Test(arguments: table)
  func phaseAndFactGiveTheStep(_ row: Row) {
    var wanted = spec("2.3.0")
    var annotations: [String: String]?
    var given = facts(.observed(running("2.2.0")))
    switch row.fact {
    case .none, .runsCurrent: break
    case .notObserved: given.environment = .notObserved
    case .engineAway: given.environment = .unavailable(Self.engineFailure)
    case .runsDesired: given.environment = .observed(running("2.3.0"))
    case .runsNothing: given.environment = .observed(.compose([]))
    case .runsNothingAndPolicyIsHold:
      given.environment = .observed(.compose([]))
      wanted.failurePolicy = .hold
    case .pauseIsOver: given.now = moment + .seconds(10)
    case .pauseIsOverAndRunsNothing:
      given.now = moment + .seconds(10)
      given.environment = .observed(.compose([]))
    case .retryRequested: annotations = [DesiredDeploymentKind.retryAnnotation: "2026-12-15T03:00:00Z"]
    case .suspended: wanted.suspend = true
    case .licenceNotChecked: given.license = .notChecked
    case .licenceExpired: given.license = .expired(at: moment)
    case .licenceExpiredAndRunsNothing:
      given.license = .expired(at: moment)
      given.environment = .observed(.compose([]))
    case .licenceUnavailable: given.license = .unavailable(message: "no answer")
    case .beforeItsWindow: wanted.schedule = .init(notBefore: moment + .seconds(3600))
    case .afterItsWindow: wanted.schedule = .init(notBefore: moment + .seconds(-3600))
    case .staleNews: given.staleness = .init(reason: "Stale", message: "the timestamp is too old")
    case .sameTrustRoot: given.trust = .root(product: "wrktalk", version: 1)
    case .newTrustRoot: given.trust = .root(product: "wrktalk", version: 2)
    }
    let object = deployment(wanted, status: row.phase.status, annotations: annotations)
    #expect(DeploymentPlanner.decide(object, facts: given).step == row.step)
  }

  @Test func everyPhaseIsInTheTable() {
    #expect(Set(Self.table.map(\.phase)) == Set(Phase.allCases))
  }

  // MARK: What others wrote

  /// A newer Agent may have written the status; what this one does not know it shows, and does not trip over.
  @Test(arguments: [Phase.deploying, .betweenTries, .failed, .rollingBack, .rollbackFailed, .rolledBack, .concluded])
  func unknownReasonsAreReadAsNoPhaseOfTheirOwn(_ phase: Phase) throws {
    var status = try #require(phase.status)
    for index in (status.conditions ?? []).indices { status.conditions?[index].reason = "FromTheFuture" }
    let json = try JSONValue(encoding: status)
    let read = try JSONValue(parsing: json.text).decoded(as: DesiredDeploymentStatus.self)
    #expect(read == status)
    #expect(read.conditions?.allSatisfy { $0.knownReason == nil } == true)
    switch AttemptPhase(read, generation: 7) {
    case .failed(let failure): #expect(failure == status.failure)
    case .concluded: #expect(status.failure == nil)
    case let phase: Issue.record("\(phase)")
    }
    let decision = DeploymentPlanner.decide(
      deployment(spec("2.3.0"), status: read), facts: facts(.observed(running("2.2.0"))))
    #expect(decision.status.observedGeneration == 7)
  }

  // MARK: Statuses

  private static let deploy = Decision.Step.deploy(ReleasePlan(release: release("2.3.0")))
  private static let rollBack = Decision.Step.restore(plan("2.2.0", revision: 4), .rollback)
  private static let correctDrift = Decision.Step.restore(plan("2.2.0", revision: 4), .driftCorrection)
  private static let recheck = Decision.Step.settled(recheckAfter: .seconds(60))
  private static let engineFailure = DeploymentFailure(
    isTransient: true, reason: "EngineUnreachable", message: "no answer")
  private static let licenceFailure = DeploymentFailure(
    isTransient: true, reason: "LicenseCheckFailed", message: "no answer")

  private static func plan(_ version: String, revision: Int64) -> ReleasePlan {
    ReleasePlan(
      release: release(version),
      pinnedImages: Dictionary(uniqueKeysWithValues: services(version).map { ($0.name, $0.image) }),
      revision: RevisionReference(revision))
  }
}
