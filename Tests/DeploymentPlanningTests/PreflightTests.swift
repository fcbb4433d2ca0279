import DeploymentKinds
import DeploymentPlanning
import ResourceModel
import Testing
import WireFormats

/// When a release is looked at beforehand, and what becomes of the answer.
@Suite struct PreflightTests {
  private static let request = PreflightRequest(
    version: "2.3.0", artifact: .init(path: "artifacts/compose/wrktalk-2.3.0.tar.gz", sha256: digest("2.3.0")),
    imageTags: ["backend": "v2.3.0"], requestedAt: "2026-12-15T01:00:00Z")

  private static func asked(
    _ spec: DesiredDeploymentSpec = spec("2.2.0"), status: DesiredDeploymentStatus? = settledStatus(),
    annotation: String = request.annotation
  ) -> DesiredDeployment {
    deployment(
      spec, generation: 6, status: status, annotations: [DesiredDeploymentKind.preflightAnnotation: annotation])
  }

  private static let inSync = facts(.observed(running("2.2.0")))

  @Test func aReleaseIsLookedAtWhereNothingElseIsToBeDone() throws {
    let decision = DeploymentPlanner.decide(Self.asked(), facts: Self.inSync)
    #expect(decision.stepName == "preflight 2.3.0")
    guard case .preflight(let plan) = decision.step else { return }
    #expect(plan.release.release.imageTags == ["backend": "v2.3.0"])
    // The settings are this environment's.
    #expect(plan.release.release.configPath == "config/.env.v2.2.0")
    #expect(plan.asked.spec.version == "2.3.0" && plan.limit == .seconds(300))
    let begun = try #require(decision.status.preflight)
    #expect(begun.completedAt == nil && begun.attempts == 1 && begun.requestedAt == "2026-12-15T01:00:00Z")
    #expect(begun.request == Self.request.digest)
  }

  @Test func itsAnswerIsToldOnceAndAnotherValueAsksAgain() {
    let begun = DeploymentPlanner.decide(Self.asked(), facts: Self.inSync).status
    let checks: [DesiredDeploymentStatus.Preflight.Check] = [
      .init("Images", .passed, "4 in the registry"), .init("Ports", .failed, "8080/tcp is taken"),
    ]
    let (answered, events) = DeploymentPlanner.record(checks, of: Self.asked(status: begun), now: moment)
    #expect(answered.preflight?.completedAt == moment && answered.preflight?.checks == checks)
    #expect(events.map(\.reason) == ["PreflightCompleted"] && events.map(\.kind) == [.warning])
    #expect(events[0].message.contains("Ports failed: 8080/tcp is taken; 1 of 2 checks passed"))
    let after = DeploymentPlanner.decide(Self.asked(status: answered), facts: Self.inSync)
    #expect(after.stepName.hasPrefix("settled") && after.status.preflight == answered.preflight)
    var again = Self.request
    again.requestedAt = "2026-12-15T01:30:00Z"
    let asked = DeploymentPlanner.decide(Self.asked(status: answered, annotation: again.annotation), facts: Self.inSync)
    #expect(asked.stepName == "preflight 2.3.0" && asked.status.preflight?.completedAt == nil)
  }

  @Test func anAgentThatEndsInItsMidstAgainAndAgainIsNotSentThereOnceMore() {
    var status = settledStatus()
    for attempt in 1...3 {
      let decision = DeploymentPlanner.decide(Self.asked(status: status), facts: Self.inSync)
      #expect(decision.stepName == "preflight 2.3.0" && decision.status.preflight?.attempts == attempt)
      status = decision.status
    }
    let last = DeploymentPlanner.decide(Self.asked(status: status), facts: Self.inSync)
    #expect(last.stepName.hasPrefix("settled"))
    #expect(last.status.preflight?.checks.map(\.status) == [.failed] && last.status.preflight?.completedAt != nil)
  }

  @Test func withoutTheAnnotationTheAnswerGoes() {
    var status = settledStatus()
    status.preflight = .init(request: "x", version: "2.3.0", completedAt: moment)
    let decision = DeploymentPlanner.decide(
      deployment(spec("2.2.0"), generation: 6, status: status), facts: Self.inSync)
    #expect(decision.status.preflight == nil)
  }

  private static func scheduled(in span: Duration) -> DesiredDeploymentSpec {
    var wanted = spec("2.3.0")
    wanted.schedule = .init(notBefore: moment + span)
    return wanted
  }

  @Test(arguments: [
    ("a deployment that is due", asked(spec("2.3.0")), "deploy 2.3.0"),
    ("one that is due soon", asked(scheduled(in: .seconds(20))), "settled for 20s"),
    ("one that is due later", asked(scheduled(in: .seconds(3600))), "preflight 2.3.0"),
    ("a record that is suspended", suspended, "settled"),
    ("drift", asked(), "correct to 2.2.0"),
  ])
  func nothingThatIsToBeDoneWaitsForIt(_ what: String, object: DesiredDeployment, step: String) {
    var object = object
    // The planner decides of the generation after the one that runs.
    if object.spec.version == "2.3.0" { object.metadata.generation = 7 }
    let isDrifted = what == "drift"
    let observed = isDrifted ? EnvironmentObservation.compose([container("backend", "2.2.0")]) : running("2.2.0")
    #expect(DeploymentPlanner.decide(object, facts: facts(.observed(observed))).stepName == step, "\(what)")
  }

  private static var suspended: DesiredDeployment {
    var wanted = spec("2.2.0")
    wanted.suspend = true
    return asked(wanted)
  }

  @Test func whatLiesBetweenIsAsLongAsThereIsTime() {
    var object = Self.asked(Self.scheduled(in: .seconds(125)))
    object.metadata.generation = 7
    guard case .preflight(let plan) = DeploymentPlanner.decide(object, facts: Self.inSync).step else {
      Issue.record("there was time")
      return
    }
    #expect(plan.limit == .seconds(120))
  }

  @Test(arguments: [
    "", "2.3.0", "[]", "{\"version\": \"2.3.0\"}",
    "{\"version\": \"2.3.0\", \"artifact\": {\"path\": \"a\", \"sha256\": \"short\"}}",
    "{\"version\": \"2.3.0\", \"artifact\": {\"path\": \"../a\", \"sha256\": \"\(digest("2"))\"}}",
    "{\"version\": \"2.3.0\", \"artifact\": {\"path\": \"a\", \"sha256\": \"\(digest("2"))\"}, \"imageTags\": {\"a,b=c\": \"x\"}}",
    "{\"version\": 1, \"artifact\": {\"path\": \"a\", \"sha256\": \"\(digest("2"))\"}}",
  ])
  func whatIsNoRequestIsAnsweredAtOnce(annotation: String) {
    let decision = DeploymentPlanner.decide(Self.asked(annotation: annotation), facts: Self.inSync)
    #expect(decision.stepName.hasPrefix("settled"))
    let preflight = decision.status.preflight
    #expect(preflight?.checks.map(\.name) == ["Request"] && preflight?.completedAt == moment)
    // And not again.
    let after = DeploymentPlanner.decide(
      Self.asked(status: decision.status, annotation: annotation), facts: Self.inSync)
    #expect(after.status == decision.status && after.events.isEmpty)
  }

  @Test func aRequestIsReadAsItWasWritten() throws {
    let read = try PreflightRequest(annotation: Self.request.annotation)
    #expect(read == Self.request)
  }
}
