import OfferPlanning
import Testing
import WireFormats

@Suite struct TaskRuleTests {
  /// Phase and fact to step, with one of three attempts made.
  private static let table: [AgentTaskStatus: [TaskFact: TaskStep]] = [
    .pending: [
      .begun: .begin, .alive: .note, .succeeded: .complete, .failedForNow: .retry, .failed: .fail, .late: .fail,
      .silent: .nothing, .superseded: .cancel, .cancelled: .cancel,
    ],
    .inProgress: [
      .begun: .note, .alive: .note, .succeeded: .complete, .failedForNow: .retry, .failed: .fail, .late: .nothing,
      .silent: .timeOut, .superseded: .fail, .cancelled: .refuse,
    ],
    .completed: [
      .begun: .nothing, .alive: .nothing, .succeeded: .nothing, .failedForNow: .nothing, .failed: .nothing,
      .late: .nothing, .silent: .nothing, .superseded: .nothing, .cancelled: .refuse,
    ],
    .failed: [
      .begun: .nothing, .alive: .nothing, .succeeded: .completeLate, .failedForNow: .nothing, .failed: .nothing,
      .late: .nothing, .silent: .nothing, .superseded: .nothing, .cancelled: .refuse,
    ],
  ]

  @Test(arguments: AgentTaskStatus.allCases) func eachFactHasItsStepInEachPhase(_ status: AgentTaskStatus) {
    for fact in TaskFact.allCases {
      #expect(
        TaskRule.step(status, fact, attempts: 1, maximumAttempts: 3) == Self.table[status]?[fact],
        "\(status) \(fact)")
    }
  }

  @Test func whatWasNeverBegunHasMissedItsTime() {
    #expect(TaskRule.step(.pending, .late, attempts: 0, maximumAttempts: 3) == .miss)
  }

  @Test(arguments: [(1, .retry), (2, .retry), (3, .fail), (4, .fail)] as [(Int64, TaskStep)])
  func whatMayPassIsTriedThreeTimes(attempts: Int64, step: TaskStep) {
    #expect(TaskRule.step(.inProgress, .failedForNow, attempts: attempts, maximumAttempts: 3) == step)
  }

  @Test func pausesGrow() {
    #expect([1, 2, 3].map { TaskRule.pause(afterAttempts: $0) } == [.seconds(30), .seconds(60), .seconds(120)])
  }

  @Test(
    arguments: [
      (TaskExecutor.record, false, false, TaskExecutor.record), (.record, true, false, .record),
      (.tasks, false, false, .tasks), (.tasks, true, false, .record), (.tasks, true, true, .tasks),
    ])
  func whoCarriesTasksOutChangesOnlyBetweenThem(
    present: TaskExecutor, isLeaseHeld: Bool, isInProgress: Bool, next: TaskExecutor
  ) {
    #expect(ExecutorRule.executor(present, isLeaseHeld: isLeaseHeld, isInProgress: isInProgress) == next)
  }

  @Test(arguments: [
    (false, false, ExecutorRule.Answer.handOut), (true, false, .leaveAlone), (false, true, .leaveAlone),
  ])
  func aTaskThatAnotherLooksAfterIsNotHandedOut(
    isLeaseHeld: Bool, isRecordBegun: Bool, answer: ExecutorRule.Answer
  ) {
    #expect(ExecutorRule.answer(isLeaseHeld: isLeaseHeld, isRecordBegun: isRecordBegun) == answer)
  }

  @Test(
    arguments: [
      ("License expired or invalid", AgentFailure.license), ("Helm upgrade failed: timed out waiting", .helm),
      ("Helm upgrade failed: could not connect to bucket", .helm), ("Helm upgrade timed out", .helm),
      ("Docker Compose failed: pull access denied", .compose),
      ("An error occurred (404) when calling the HeadObject operation: Not Found", .download),
      ("Could not connect to the endpoint URL: \"http://minio:9000/customer\"", .download),
      ("The specified blob does not exist. ErrorCode:BlobNotFound", .download),
      ("'valuesBucketPath'", .other), ("", .other),
    ])
  func failuresAreToldApartByTheirWords(message: String, failure: AgentFailure) {
    #expect(AgentFailure(message: message) == failure)
  }

  @Test func aReasonSaysMoreThanWords() {
    #expect(AgentFailure(message: "it failed", reason: "BucketUnreachable") == .download)
    #expect(AgentFailure(message: "it failed", reason: "LicenseExpired") == .license)
    #expect(AgentFailure(message: "Helm upgrade failed", reason: "Whatever") == .helm)
  }
}
