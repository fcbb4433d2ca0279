import FleetKinds
import FleetPlanning
import FleetProtocol
import TestSupport
import Testing
import WireFormats

@Suite struct ReportDecisionTests {
  private static let now = Timestamp(seconds: 1_800_000_000)

  private static func target(_ phase: TargetPhase, _ change: (inout TargetFacts) -> Void = { _ in }) -> TargetFacts {
    var target = TargetFacts(releaseID: "rel", phase: phase, offeredAt: now + .seconds(-600))
    change(&target)
    return target
  }

  private static func report(
    _ status: StatusReport.Status, id: String? = nil, attempt: Int64? = nil, deployedAt: Timestamp? = nil,
    currentVersion: String? = nil
  ) -> StatusReport {
    StatusReport(
      organizationName: "acme", releaseID: "rel", status: status, deployedAt: deployedAt, helmRevision: 4,
      currentVersion: currentVersion, errorMessage: nil, reason: nil, component: nil, attemptID: id, attempt: attempt)
  }

  private static func decide(_ target: TargetFacts, _ report: StatusReport) -> ReportDecision {
    ReportDecision.decide(target, version: "2.3.0", report: report, now: now)
  }

  private static func change(_ decision: ReportDecision) throws -> ReportDecision.Change {
    guard case .apply(let change) = decision else { throw Unexpected(decision) }
    return change
  }

  struct Example: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var target: TargetFacts
    var report: StatusReport
    /// Nil where the report changes nothing.
    var phase: TargetPhase?

    init(_ name: String, _ target: TargetFacts, _ report: StatusReport, _ phase: TargetPhase?) {
      testDescription = name
      self.target = target
      self.report = report
      self.phase = phase
    }
  }

  private static func known(_ id: String?, _ attempt: Int64? = nil) -> (inout TargetFacts) -> Void {
    {
      $0.attemptID = id
      $0.attempt = attempt
    }
  }

  @Test(arguments: [
    // One attempt, in its order.
    Example("the customer schedules", target(.notified), report(.scheduled, id: "x"), .scheduled),
    Example("it begins", target(.scheduled, known("x")), report(.inProgress, id: "x"), .inProgress),
    Example(
      "it begins though scheduling was never heard of", target(.pending), report(.inProgress, id: "x"), .inProgress),
    Example("it succeeds", target(.inProgress, known("x")), report(.success, id: "x"), .success),
    Example("it succeeds though nothing else was heard of", target(.webhookFailed), report(.success), .success),
    Example("it fails, then is rolled back", target(.failed, known("x")), report(.rolledBack, id: "x"), .rolledBack),
    Example("it missed its deadline, and runs after all", target(.deadlineExceeded), report(.success), .success),
    Example("the download failed, then it was scheduled", target(.downloadFailed), report(.scheduled), .scheduled),
    Example(
      "the customer cancels what it scheduled", target(.scheduled, known("x")), report(.cancelled, id: "x"), .cancelled),
    // One attempt, out of order.
    Example("late: begun after success", target(.success, known("x")), report(.inProgress, id: "x"), nil),
    Example("late: scheduled after failure", target(.failed, known("x")), report(.scheduled, id: "x"), nil),
    Example("late: failed after cancelled", target(.cancelled, known("x")), report(.failed, id: "x"), nil),
    Example("late: failed after rolled back", target(.rolledBack, known("x")), report(.failed, id: "x"), nil),
    Example("late: success after rolled back", target(.rolledBack, known("x")), report(.success, id: "x"), nil),
    Example("late: deadline after begun", target(.inProgress, known("x")), report(.deadlineExceeded, id: "x"), nil),
    Example("repeated: success", target(.success, known("x")), report(.success, id: "x"), nil),
    Example("repeated: begun", target(.inProgress, known("x")), report(.inProgress, id: "x"), nil),
    Example("repeated by a program without attempts", target(.failed), report(.failed), nil),
    // Several attempts.
    Example(
      "a later attempt begins", target(.failed, known("x", 1)), report(.inProgress, id: "y", attempt: 2), .inProgress),
    Example(
      "a later attempt of which only the id tells", target(.failed, known("x")), report(.inProgress, id: "y"),
      .inProgress),
    Example(
      "an earlier attempt's failure", target(.inProgress, known("y", 2)), report(.failed, id: "x", attempt: 1), nil),
    Example("an earlier attempt's success", target(.failed, known("y", 2)), report(.success, attempt: 1), nil),
    Example(
      "an attempt that is known to be over",
      target(.inProgress) {
        known("y")(&$0)
        $0.endedAttempts = ["w", "x"]
      }, report(.failed, id: "x"), nil),
    Example(
      "what runs is not undone by planning to run it anew", target(.success, known("x", 1)),
      report(.scheduled, id: "y", attempt: 2), nil),
    Example(
      "a later attempt at what runs may fail", target(.success, known("x", 1)), report(.failed, id: "y", attempt: 2),
      .failed),
    // After a retry the target waits or is offered again, and knows the attempt that is over.
    Example("retried: the old failure comes again", target(.pending, known("ended:x")), report(.failed, id: "x"), nil),
    Example("retried: it comes again by number", target(.notified, known(nil, 3)), report(.failed, attempt: 3), nil),
    Example(
      "retried: the new attempt begins", target(.notified, known("ended:x", 3)),
      report(.inProgress, id: "y", attempt: 4),
      .inProgress),
    Example(
      "retried: a program without attempts fails again", target(.notified, known("ended:x")), report(.failed), .failed),
    Example(
      "retried: a program without attempts repeats itself",
      target(.notified, known("ended:deployedAt:2027-01-15T07:50:00Z")),
      report(.failed, deployedAt: Timestamp("2027-01-15T07:50:00Z")), nil),
    Example(
      "retried: a program without attempts fails later",
      target(.notified, known("ended:deployedAt:2027-01-15T07:50:00Z")),
      report(.failed, deployedAt: Timestamp("2027-01-15T07:55:00Z")), .failed),
    Example(
      "retried: a program without attempts repeats that it began",
      target(.notified) {
        known("ended:deployedAt:2027-01-15T07:50:00Z")(&$0)
        $0.endedAttempts = ["deployedAt:2027-01-15T07:40:00Z"]
      }, report(.inProgress, deployedAt: Timestamp("2027-01-15T07:40:00Z")), nil),
    // After the offer was taken back.
    Example(
      "withdrawn: the customer schedules", target(.notified).withdrawn(at: now), report(.scheduled, id: "x"), nil),
    Example("withdrawn: it had begun", target(.notified).withdrawn(at: now), report(.inProgress, id: "x"), .inProgress),
    Example("withdrawn: it runs", target(.notified).withdrawn(at: now), report(.success), .success),
    Example("withdrawn: an attempt failed", target(.notified).withdrawn(at: now), report(.failed, id: "x"), .failed),
    Example(
      "withdrawn: an attempt without a name failed", target(.notified).withdrawn(at: now), report(.failed), .failed),
    Example(
      "withdrawn: of an attempt that was over", target(.notified) { $0.endedAttempts = ["x"] }.withdrawn(at: now),
      report(.success, id: "x"), nil),
    Example(
      "there already: the customer says so once more", target(.pending).alreadyThere(at: now), report(.success), nil),
    // Blocked, silent, not offered.
    Example("blocked, but it runs", target(.pending) { $0.blocked = .licenseExpired }, report(.success), .success),
    Example("not offered yet, but it runs", TargetFacts(releaseID: "rel"), report(.success), .success),
    Example(
      "not offered anew yet: who knows what began", TargetFacts(releaseID: "rel", attemptID: "ended:x"),
      report(.inProgress),
      nil),
    Example(
      "not offered anew yet: another attempt began", TargetFacts(releaseID: "rel", attemptID: "ended:x"),
      report(.inProgress, id: "y"), .inProgress),
    Example("another release", TargetFacts(releaseID: "other", phase: .notified), report(.success), nil),
    // "OK" meant only that the command returned; a silent fall-back was never seen.
    Example(
      "success, but another version runs", target(.inProgress), report(.success, currentVersion: "2.2.0"), .failed),
    Example(
      "success of the same version, otherwise written", target(.inProgress), report(.success, currentVersion: "v2.3.0"),
      .success),
    Example(
      "success, and who knows what runs", target(.inProgress), report(.success, currentVersion: "latest"), .success),
  ])
  func nothingNewerIsOverwritten(_ example: Example) {
    switch Self.decide(example.target, example.report) {
    case .apply(let change): #expect(change.target.phase == example.phase)
    case .ignore(let why):
      #expect(example.phase == nil, "\(why)")
      #expect(!why.description.isEmpty)
    }
  }

  @Test func theReportsOfOneAttemptMeanTheSameInAnyOrder() throws {
    let reports = [
      Self.report(.scheduled, id: "x", attempt: 1), Self.report(.inProgress, id: "x", attempt: 1),
      Self.report(.failed, id: "x", attempt: 1), Self.report(.rolledBack, id: "x", attempt: 1),
      Self.report(.scheduled, id: "y", attempt: 2), Self.report(.inProgress, id: "y", attempt: 2),
      Self.report(.success, id: "y", attempt: 2),
    ]
    var generator = SeededGenerator(seed: 5)
    for _ in 0..<500 {
      var target = Self.target(.notified)
      for report in (reports + reports).shuffled(using: &generator) {
        if case .apply(let change) = Self.decide(target, report) { target = change.target }
      }
      #expect(target.phase == .success)
      #expect(target.attemptID == "y")
    }
  }

  @Test func successIsHistory() throws {
    let change = try Self.change(Self.decide(Self.target(.inProgress), Self.report(.success)))
    #expect(change.running?.version == "2.3.0" && change.running?.since == Self.now)
    #expect(change.history?.version == "2.3.0")
    #expect(change.history?.status == "success")
    #expect(change.history?.deployedAt == Self.now)
    #expect(change.history?.helmRevision == 4)
    #expect(change.opens == nil)
    #expect(change.target.completedAt == Self.now)
  }

  @Test func theCustomersClockCannotDateAnythingIntoTheFuture() throws {
    let year9999 = Timestamp(seconds: 253_370_764_800)
    let change = try Self.change(Self.decide(Self.target(.inProgress), Self.report(.success, deployedAt: year9999)))
    #expect(change.history?.deployedAt == Self.now)
    #expect(change.target.completedAt == Self.now)
  }

  @Test(arguments: [
    (StatusReport.Status.failed, EscalationType.deploymentFailed, false), (.downloadFailed, .deploymentFailed, false),
    (.rolledBack, .deploymentFailed, true), (.deadlineExceeded, .forced24hExceeded, false),
  ])
  func failuresAreEscalated(_ status: StatusReport.Status, _ type: EscalationType, _ isHistory: Bool) throws {
    var report = Self.report(status, currentVersion: "2.2.0")
    report.reason = "ImagePullFailed"
    report.component = "media"
    report.errorMessage = "no"
    let change = try Self.change(Self.decide(Self.target(.notified), report))
    #expect(change.opens == type)
    #expect(change.message?.hasSuffix(" at acme: ImagePullFailed, media.") == true)
    #expect((change.history != nil) == isHistory)
    // Only of what ended something it is believed what runs since: the others may be of a time before that.
    #expect(change.running?.version == (status == .failed || status == .rolledBack ? "2.2.0" : nil))
    #expect(change.target.reason == "ImagePullFailed")
    #expect(change.target.errorMessage == "no")
  }

  @Test func aReportEndsSilenceAndForgetsAFormerFailure() throws {
    let target = Self.target(.notified) {
      $0.isSilent = true
      $0.reason = "Old"
    }
    let change = try Self.change(Self.decide(target, Self.report(.scheduled, id: "x")))
    #expect(!change.target.isSilent)
    #expect(change.target.bucket == .scheduled)
    #expect(change.target.reason == nil)
    #expect(change.history == nil)
    #expect(change.running == nil)
  }

  @Test func aScheduleMayBeMoved() throws {
    func decide(_ target: TargetFacts, _ time: Timestamp) -> ReportDecision {
      ReportDecision.decide(
        target, version: "2.3.0",
        report: ScheduledReport(organizationName: "acme", releaseID: "rel", scheduledFor: time, attemptID: "x"),
        now: Self.now)
    }
    let first = try Self.change(decide(Self.target(.notified), Self.now + .seconds(60))).target
    #expect(first.phase == .scheduled)
    #expect(first.scheduledFor == Self.now + .seconds(60))
    #expect(decide(first, Self.now + .seconds(60)) == .ignore(.repeated))
    #expect(try Self.change(decide(first, Self.now + .seconds(90))).target.scheduledFor == Self.now + .seconds(90))
    #expect(decide(Self.target(.inProgress, Self.known("x")), Self.now) == .ignore(.overtaken(by: .inProgress)))
  }

  /// A download that failed before a release was scheduled is reported late: it must not end the attempt that came after it.
  @Test func whatCountsItsAttemptsIsBelievedByItsCountWhateverIsLate() throws {
    let schedule = ScheduledReport(
      organizationName: "acme", releaseID: "rel", scheduledFor: Self.now, attemptID: "x", attempt: 1)
    let late = Self.report(.downloadFailed, id: "before", attempt: 0)
    let scheduled = try Self.change(
      ReportDecision.decide(Self.target(.notified), version: "2.3.0", report: schedule, now: Self.now)
    ).target
    #expect(Self.decide(scheduled, late) == .ignore(.earlierAttempt))
    // From a program whose schedules have no number.
    var unnumbered = schedule
    unnumbered.attempt = nil
    let known = try Self.change(
      ReportDecision.decide(Self.target(.notified), version: "2.3.0", report: unnumbered, now: Self.now)
    ).target
    let failed = try Self.change(Self.decide(known, late)).target
    let begun = try Self.change(Self.decide(failed, Self.report(.inProgress, id: "x", attempt: 1))).target
    #expect(try Self.change(Self.decide(begun, Self.report(.success, id: "x", attempt: 1))).target.phase == .success)
  }

  @Test func anAttemptThatWasScheduledWhenItsOfferWasTakenBackGoesOnAfterARetry() throws {
    for (id, number) in [("x", 1), ("x", nil), (nil, 1)] as [(String?, Int64?)] {
      let scheduled = try Self.change(
        Self.decide(Self.target(.notified), Self.report(.scheduled, id: id, attempt: number)))
      let again = scheduled.target.withdrawn(at: Self.now).retried().offered(over: .webhook, at: Self.now)
      let begun = try Self.change(Self.decide(again, Self.report(.inProgress, id: id, attempt: number))).target
      #expect(begun.phase == .inProgress)
      // What failed and was retried is over.
      let failed = try Self.change(Self.decide(begun, Self.report(.failed, id: id, attempt: number))).target
      let retried = failed.retried().offered(over: .webhook, at: Self.now)
      #expect(Self.decide(retried, Self.report(.failed, id: id, attempt: number)) == .ignore(.earlierAttempt))
      #expect(
        Self.decide(retried.withdrawn(at: Self.now), Self.report(.success, id: id, attempt: number))
          == .ignore(.earlierAttempt))
    }
  }

  @Test func onlyTheLastAttemptsThatAreOverAreKept() throws {
    var target = Self.target(.notified)
    for number in 1...20 {
      target = try Self.change(Self.decide(target, Self.report(.failed, id: "x\(number)"))).target
    }
    #expect(target.endedAttempts == (12...19).map { "x\($0)" })
  }

  @Test(
    arguments: [
      (.scheduled, now + .seconds(60), true), (.scheduled, now + .seconds(-60), false),
      (.cancelled, now + .seconds(60), false), (.notified, nil, false),
    ] as [(TargetPhase, Timestamp?, Bool)])
  func onlyAScheduleThatIsToComeOutlivesADeadline(_ phase: TargetPhase, _ time: Timestamp?, _ outlives: Bool) throws {
    var target = TargetFacts(releaseID: "r", phase: phase, offeredAt: Self.now, attemptID: "x", attempt: 1)
    target.scheduledFor = time
    let report = StatusReport(
      organizationName: "acme", releaseID: "r", status: .deadlineExceeded, attemptID: "y", attempt: 2)
    guard case .apply(let change) = ReportDecision.decide(target, version: "2.3.0", report: report, now: Self.now)
    else {
      Issue.record("it is news")
      return
    }
    #expect(change.target.isScheduledLater == outlives)
  }
}
