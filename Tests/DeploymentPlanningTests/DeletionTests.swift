import DeploymentKinds
import DeploymentPlanning
import ResourceModel
import Testing
import WireFormats

struct DeletionTests {
  /// A deployment that is deleted, or not, and what is decided for it.
  struct Row: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var policy: DeletionPolicy?
    var finalizers: [String]?
    var isDeleted = true
    var status: DesiredDeploymentStatus? = settledStatus()
    var isSuspended = false
    var runtime = DeploymentRuntimeKind.compose
    var owner: ObjectKey?
    var step: String
    var events: [String] = []
  }

  static let own = [DesiredDeploymentKind.finalizer]
  static let older = ObjectKey(namespace: "wrktalk", name: "older")

  @Test(arguments: [
    Row(
      testDescription: "before the first deployment", policy: .uninstall, isDeleted: false, status: nil,
      step: "add finalizer"),
    Row(
      testDescription: "beside another finalizer", policy: .uninstall, finalizers: ["example.com/a"], isDeleted: false,
      step: "add finalizer"),
    Row(
      testDescription: "suspended", policy: .uninstall, isDeleted: false, isSuspended: true, step: "add finalizer"),
    Row(
      testDescription: "has it", policy: .uninstall, finalizers: own, isDeleted: false, step: "settled for 1m"),
    Row(testDescription: "no policy, none", policy: nil, isDeleted: false, step: "settled for 1m"),
    Row(
      testDescription: "no longer wanted", policy: .orphan, finalizers: own, isDeleted: false, step: "remove finalizer"),
    Row(
      testDescription: "no policy any more", policy: nil, finalizers: own, isDeleted: false, step: "remove finalizer"),
    Row(
      testDescription: "of another's project", policy: .uninstall, isDeleted: false, owner: older,
      step: "settled for 1m", events: ["TargetInUse"]),
    Row(
      testDescription: "of another runtime", policy: .uninstall, isDeleted: false, runtime: .helm,
      step: "settled for 1m",
      events: ["UnsupportedRuntime"]),
  ])
  func aLiveDeploymentWaitsOnceItIsToBeUninstalled(_ row: Row) { check(row) }

  @Test(arguments: [
    Row(testDescription: "nothing holds it", policy: .uninstall, step: "forget"),
    Row(testDescription: "others hold it", policy: .uninstall, finalizers: ["example.com/a"], step: "forget"),
    Row(testDescription: "orphan", policy: .orphan, finalizers: own, step: "remove finalizer"),
    Row(testDescription: "no policy", policy: nil, finalizers: own, step: "remove finalizer"),
    Row(
      testDescription: "uninstall", policy: .uninstall, finalizers: own, step: "uninstall", events: ["Uninstalling"]),
    Row(
      testDescription: "suspended", policy: .uninstall, finalizers: own, isSuspended: true, step: "uninstall",
      events: ["Uninstalling"]),
    Row(
      testDescription: "failed", policy: .uninstall, finalizers: own, status: failedStatus(), step: "uninstall",
      events: ["Uninstalling"]),
    Row(
      testDescription: "the first attempt begun", policy: .uninstall, finalizers: own,
      status: .init(lastAttemptedGeneration: 1), step: "uninstall", events: ["Uninstalling"]),
    Row(
      testDescription: "nothing deployed", policy: .uninstall, finalizers: own, status: .init(observedGeneration: 1),
      step: "remove finalizer"),
    Row(testDescription: "not seen", policy: .uninstall, finalizers: own, status: nil, step: "remove finalizer"),
    Row(
      testDescription: "of another's project", policy: .uninstall, finalizers: own, owner: older,
      step: "remove finalizer", events: ["NotUninstalled"]),
    Row(
      testDescription: "of another runtime", policy: .uninstall, finalizers: own, runtime: .helm, step: "forget"),
    Row(testDescription: "orphan of another runtime", policy: .orphan, finalizers: own, runtime: .helm, step: "forget"),
  ])
  func aDeletedDeploymentIsUninstalledOnlyWhereItMayBe(_ row: Row) { check(row) }

  private func check(_ row: Row) {
    var wanted = spec("2.2.0")
    (wanted.deletionPolicy, wanted.suspend, wanted.runtime) = (row.policy, row.isSuspended, row.runtime)
    var status = row.status
    if row.runtime != .compose { status?.target = nil }
    var object = deployment(wanted, status: status)
    object.metadata.finalizers = row.finalizers
    if row.isDeleted { object.metadata.deletionTimestamp = moment }
    var known = facts(.observed(running("2.2.0")), license: .expired(at: nil))
    known.owner = row.owner
    let decision = DeploymentPlanner.decide(object, facts: known)
    #expect(decision.stepName == row.step)
    #expect(decision.events.map(\.reason) == row.events)
    switch decision.step {
    case .forget, .addFinalizer, .removeFinalizer: #expect(decision.status == status ?? DesiredDeploymentStatus())
    default: break
    }
  }

  private func deleted(_ status: DesiredDeploymentStatus? = settledStatus(), policy: DeletionPolicy = .uninstall)
    -> DesiredDeployment
  {
    var wanted = spec("2.2.0")
    wanted.deletionPolicy = policy
    var object = deployment(wanted, generation: 8, status: status)
    object.metadata.finalizers = Self.own
    object.metadata.deletionTimestamp = moment
    return object
  }

  @Test func theStatusSaysThatItIsBeingUninstalled() {
    let decision = DeploymentPlanner.decide(deleted(), facts: facts())
    #expect(decision.status.progress?.step == .uninstalling)
    #expect(decision.status.observedGeneration == 8)
    #expect(decision.reason(DeploymentCondition.reconciling) == "Uninstalling")
    #expect(decision.reason(DeploymentCondition.ready) == "Uninstalling")
    #expect(decision.status.conditions?[DeploymentCondition.ready]?.status == .isFalse)
    let again = DeploymentPlanner.decide(deleted(decision.status), facts: facts(at: moment + .seconds(60)))
    #expect(again.step == .uninstall)
    #expect(again.status == decision.status)
    #expect(again.events.isEmpty)
  }

  @Test func afterwardsNothingRunsAndTheObjectGoes() {
    let begun = DeploymentPlanner.decide(deleted(), facts: facts()).status
    let (status, events) = DeploymentPlanner.record(.uninstalled(staying: []), of: deleted(begun), now: moment)
    #expect(events.map(\.reason) == ["Uninstalled"])
    #expect(status.current == nil)
    #expect(status.progress == nil)
    #expect(status.conditions?[DeploymentCondition.ready]?.reason == "Uninstalled")
    #expect(status.conditions?[DeploymentCondition.reconciling] == nil)
    let next = DeploymentPlanner.decide(deleted(status), facts: facts())
    #expect(next.step == .removeFinalizer)
    #expect(next.status == status)
  }

  @Test(arguments: [true, false])
  func whatCannotBeUninstalledIsTriedAgainEverMoreSeldom(_ isTransient: Bool) {
    var status = settledStatus()
    var now = moment
    var pauses: [Duration] = []
    var told: [String] = []
    for message in ["busy", "busy", "busy", "busy", "gone"] {
      var decision = DeploymentPlanner.decide(deleted(status), facts: facts(at: now))
      if case .settled(let pause?) = decision.step {
        pauses.append(pause)
        now = now + pause
        decision = DeploymentPlanner.decide(deleted(decision.status), facts: facts(at: now))
      }
      #expect(decision.step == .uninstall)
      let (failed, events) = DeploymentPlanner.record(
        .uninstallFailed(.init(isTransient: isTransient, reason: "EngineError", message: message)),
        of: deleted(decision.status), now: now)
      status = failed
      told += decision.events.map(\.reason) + events.map(\.reason)
      #expect(status.conditions?[DeploymentCondition.ready]?.reason == "UninstallFailed")
      #expect(status.conditions?[DeploymentCondition.ready]?.message.contains("spec.deletionPolicy to Orphan") == true)
      #expect(status.conditions?[DeploymentCondition.reconciling] == nil)
    }
    #expect(pauses == [10, 10, 20, 40].map(Duration.seconds))
    #expect(told == ["Uninstalling", "UninstallFailed", "UninstallFailed"])
    let freed = DeploymentPlanner.decide(deleted(status, policy: .orphan), facts: facts(at: now))
    #expect(freed.step == .removeFinalizer)
  }

  @Test func aPauseOfTheDeploymentDoesNotHoldUpItsDeletion() {
    let waiting = failedStatus(reason: "BucketUnreachable", isTransient: true)
    #expect(waiting.nextAttemptAt != nil)
    let decision = DeploymentPlanner.decide(deleted(waiting), facts: facts())
    #expect(decision.step == .uninstall)
    #expect(decision.status.nextAttemptAt == nil)
  }
}
