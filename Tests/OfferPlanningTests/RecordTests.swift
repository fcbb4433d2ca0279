import DeploymentKinds
import OfferPlanning
import ResourceModel
import Testing
import WireFormats

@Suite struct RecordTests {
  private static let now = Timestamp(seconds: 1_800_000_000)
  private static let sha256 = String(repeating: "a", count: 64)

  private static var order: DeploymentOrder {
    DeploymentOrder(
      version: "2.3.0", artifact: .init(path: "artifacts/helm/wrktalk-2.3.0.tgz", sha256: sha256),
      imageTags: ["backend": "sha-abc"], configPath: "config/values.yaml", notBefore: now)
  }

  private static let target = RecordEdit.Target(runtime: .helm, name: "wrktalk")

  private static func edit(_ order: DeploymentOrder = order, _ target: RecordEdit.Target = target) throws -> RecordEdit
  {
    try RecordEdit(creating: order, target, namespace: "wrktalk", name: "wrktalk")
  }

  private static func record(
    _ status: DesiredDeploymentStatus? = nil, generation: Int64 = 3
  ) throws -> DesiredDeployment {
    var object = try edit().object
    object["metadata"]?["generation"] = .integer(generation)
    var record: DesiredDeployment = try object.decoded()
    record.status = status
    return record
  }

  private static func condition(
    _ type: String, _ status: Condition.Status, _ reason: String, generation: Int64 = 3
  ) -> Condition {
    Condition(
      type: type, status: status, observedGeneration: generation, lastTransitionTime: now, reason: reason,
      message: reason)
  }

  private static func status(
    _ conditions: [Condition], attempted: Int64? = nil, failure: Int64? = nil, current: String? = nil
  ) -> DesiredDeploymentStatus {
    var status = DesiredDeploymentStatus()
    status.observedGeneration = 3
    status.lastAttemptedGeneration = attempted
    status.attemptStartedAt = attempted.map { _ in now }
    status.failure = failure.map {
      .init(generation: $0, version: "2.3.0", reason: "HelmUpgradeFailed", message: "no", at: now)
    }
    status.current = current.map { version in
      let release = DesiredDeploymentStatus.Release(version: version, artifact: .init(path: "a", sha256: sha256))
      return .init(
        version: version, revision: 5, artifactSha256: sha256, release: release, imageDigests: [:], since: now)
    }
    status.conditions = conditions
    return status
  }

  private static let table: [(DesiredDeploymentStatus?, RecordState)] = [
    (nil, .waiting),
    (status([condition("Ready", .isFalse, "Scheduled")]), .waiting),
    (status([condition("Ready", .isFalse, "Deploying")], attempted: 3), .begun(at: now)),
    (status([condition("Ready", .isFalse, "Deploying")], attempted: 2), .waiting),
    (
      status([condition("Ready", .isTrue, "InSync")], attempted: 3, current: "2.3.0"),
      .succeeded(version: "2.3.0", revision: 5, since: now)
    ),
    // In sync with an earlier generation, or with another version.
    (status([condition("Ready", .isTrue, "InSync", generation: 2)], current: "2.3.0"), .waiting),
    (status([condition("Ready", .isTrue, "InSync")], current: "2.2.0"), .waiting),
    // It failed, and what is to follow is still under way.
    (status([condition("Ready", .isFalse, "RollingBack")], attempted: 3, failure: 3), .begun(at: now)),
    (
      status(
        [condition("Stalled", .isTrue, "HelmUpgradeFailed"), condition("Remediated", .isTrue, "RolledBack")],
        attempted: 3, failure: 3),
      .failed(reason: "HelmUpgradeFailed", message: "no", .rolledBack)
    ),
    (
      status(
        [condition("Stalled", .isTrue, "HelmUpgradeFailed"), condition("Remediated", .isTrue, "NothingChanged")],
        attempted: 3, failure: 3
      ),
      .failed(reason: "HelmUpgradeFailed", message: "no", .nothingChanged)
    ),
    (
      status(
        [condition("Stalled", .isTrue, "HelmUpgradeFailed"), condition("Remediated", .isFalse, "NothingToRestore")],
        attempted: 3,
        failure: 3), .failed(reason: "HelmUpgradeFailed", message: "no", .none)
    ),
    // A failure of an earlier generation, carried over.
    (
      status(
        [condition("Stalled", .isTrue, "HelmUpgradeFailed"), condition("Ready", .isFalse, "LicenseCheckFailed")],
        attempted: 2,
        failure: 2), .waiting
    ),
    (
      status([condition("Stalled", .isTrue, "MissedSchedule"), condition("Ready", .isFalse, "MissedSchedule")]), .missed
    ),
    (
      status([condition("Stalled", .isTrue, "RevisionNotFound"), condition("Ready", .isFalse, "RevisionNotFound")]),
      .failed(reason: "RevisionNotFound", message: "RevisionNotFound", .nothingChanged)
    ),
    (status([condition("Ready", .isFalse, "LicenseExpired")]), .licenseBlocks("LicenseExpired")),
  ]

  @Test(arguments: table.indices) func aRecordSaysHowFarItsOrderIs(_ index: Int) throws {
    let (status, expected) = Self.table[index]
    #expect(RecordState(of: try Self.record(status), Self.order, now: Self.now) == expected)
  }

  @Test func anExpiredLicenceBlocksNothingBeforeItsTime() throws {
    let record = try Self.record(Self.status([Self.condition("Ready", .isFalse, "LicenseExpired")]))
    #expect(RecordState(of: record, Self.order, now: Self.now + .seconds(-60)) == .waiting)
  }

  @Test func aRecordThatAsksForSomethingElseIsSeen() throws {
    var record = try Self.record()
    record.spec.drift = .ignore
    #expect(RecordState(of: record, Self.order, now: Self.now) == .waiting)
    record.spec.version = "2.4.0"
    #expect(RecordState(of: record, Self.order, now: Self.now) == .otherRelease)
    record.spec.version = nil
    record.spec.rollbackTo = .init(revision: 4)
    #expect(RecordState(of: record, Self.order, now: Self.now) == .otherRelease)
  }

  @Test func whatPeopleHaveSetStaysAsItIs() throws {
    var object = try Self.edit().object
    object["spec"]?["drift"] = "Warn"
    object["spec"]?["failurePolicy"] = "Hold"
    object["spec"]?["interval"] = "90s"
    object["spec"]?["suspend"] = true
    object["spec"]?["helm"]?["valuesFrom"] = [["kind": "Secret", "name": "own"]]
    object["metadata"]?["labels"] = ["team": "a"]
    var order = Self.order
    order.version = "2.4.0"
    var edit = RecordEdit(object)
    try edit.ask(for: order, Self.target, task: "t1")
    var expected = object
    expected["spec"]?["version"] = "2.4.0"
    expected["metadata"]?["annotations"] = ["deploy.wrktalk.com/task": "t1"]
    #expect(edit.object == expected)
    #expect(edit.isSpecChanged)
  }

  /// Where its operator says nothing, what people have set stays.
  @Test(arguments: [DeploymentRuntimeKind.helm, .compose])
  func theTimeoutOfTheOperatorIsWrittenWithEveryOrder(runtime: DeploymentRuntimeKind) throws {
    let section = runtime == .helm ? "helm" : "compose"
    func target(_ timeout: Duration?) -> RecordEdit.Target {
      RecordEdit.Target(runtime: runtime, name: "wrktalk", timeout: timeout.map(DurationText.init))
    }
    func timeout(_ edit: RecordEdit) -> JSONValue? { edit.object["spec"]?[section]?["timeout"] }
    #expect(timeout(try Self.edit(Self.order, target(nil))) == "10m")
    var edit = try Self.edit(Self.order, target(.seconds(60)))
    #expect(timeout(edit) == "1m")
    try edit.ask(for: Self.order, target(nil), task: "t")
    #expect(timeout(edit) == "1m")
    let revision = DeploymentOrder(version: "2.2.0", revision: 4, notBefore: Self.now)
    try edit.ask(for: revision, target(.seconds(5400)), task: "t")
    #expect(timeout(edit) == "1h30m")
    #expect(edit.object["spec"]?[section == "helm" ? "compose" : "helm"] == nil)
    #expect(DesiredDeploymentKind.definition.validationErrors(in: edit.object) == [])
  }

  @Test func aRecordThatIsMadeIsValid() throws {
    for order in [Self.order, DeploymentOrder(version: nil, revision: 5, notBefore: Self.now)] {
      #expect(DesiredDeploymentKind.definition.validationErrors(in: try Self.edit(order).object) == [])
    }
  }

  @Test func aRevisionTakesThePlaceOfAVersionAndBack() throws {
    var edit = try Self.edit()
    try edit.ask(for: DeploymentOrder(version: "2.2.0", revision: 4, notBefore: Self.now), Self.target, task: "t")
    #expect(edit.object["spec"]?["rollbackTo"] == ["revision": 4])
    #expect(edit.object["spec"]?["version"] == nil && edit.object["spec"]?["artifact"] == nil)
    #expect(DesiredDeploymentKind.definition.validationErrors(in: edit.object) == [])
    try edit.ask(for: Self.order, Self.target, task: "t")
    #expect(edit.object["spec"]?["rollbackTo"] == nil && edit.object["spec"]?["version"] == "2.3.0")
  }

  @Test func whatWasAskedBeforeIsAskedAgainWhereItRuns() throws {
    let before = try Self.record(Self.status([], current: "2.3.0"))
    var order = Self.order
    order.version = "2.4.0"
    var edit = RecordEdit(try JSONValue(encoding: before))
    try edit.ask(for: order, Self.target, task: "t")
    try edit.takeBack(before, previous: before.spec)
    #expect(edit.object["spec"] == (try JSONValue(encoding: before))["spec"])
    #expect(edit.object["metadata"]?["annotations"] == nil)
  }

  /// What was asked for before has failed: asking for it again would try it again.
  @Test func whatFailedBeforeIsNotAskedForAgain() throws {
    let record = try Self.record(Self.status([], current: "2.2.0"))
    var edit = RecordEdit(try JSONValue(encoding: record))
    try edit.takeBack(record, previous: nil)
    #expect(edit.object["spec"]?["rollbackTo"] == ["revision": 5])
  }

  @Test func whereNothingRunsTheRecordIsSuspendedUntilTheNextOrder() throws {
    let record = try Self.record()
    var edit = RecordEdit(try JSONValue(encoding: record))
    try edit.takeBack(record, previous: nil)
    #expect(edit.object["spec"]?["suspend"] == true)
    try edit.ask(for: Self.order, Self.target, task: "t")
    #expect(edit.object["spec"]?["suspend"] == false)
    #expect(edit.object["metadata"]?["annotations"] == ["deploy.wrktalk.com/task": "t"])
  }
}
