import OfferPlanning
import Testing
import WireFormats

@Suite struct ForcedDeadlineTests {
  private static let offered = Timestamp(seconds: 1_800_000_000)
  private static let deadline = offered + .seconds(86_400)

  private func step(_ hours: Double, _ status: LocalDeploymentStatus = .pending, sent: Int64 = 0)
    -> ForcedDeadline.Step
  {
    ForcedDeadline.step(
      deadline: Self.deadline, status: status, remindersSent: sent, now: Self.offered + .seconds(hours * 3600))
  }

  @Test(
    arguments: [
      (0, 0, .nothing), (11.99, 0, .nothing), (12, 0, .remind), (12, 1, .nothing),
      (19.99, 1, .nothing), (20, 1, .remindUrgently), (20, 2, .nothing), (23.99, 2, .nothing), (24, 2, .exceed),
      (24, 3, .nothing), (100, 3, .nothing),
    ] as [(Double, Int64, ForcedDeadline.Step)])
  func eachStepComesOnceInItsTime(hours: Double, sent: Int64, expected: ForcedDeadline.Step) {
    #expect(step(hours, sent: sent) == expected)
  }

  @Test(arguments: [(21, .remindUrgently, 2), (30, .exceed, 3)] as [(Double, ForcedDeadline.Step, Int64)])
  func afterDowntimeOnlyTheLatestIsTold(hours: Double, expected: ForcedDeadline.Step, sent: Int64) {
    #expect(step(hours) == expected)
    #expect(ForcedDeadline.sent(after: expected, before: 0) == sent)
  }

  @Test(arguments: LocalDeploymentStatus.allCases)
  func whoHasChosenATimeIsNotReminded(_ status: LocalDeploymentStatus) {
    let reminded: Set<LocalDeploymentStatus> = [
      .pending, .downloadFailed, .missedSchedule, .failed, .rolledBack, .cancelled, .deadlineExceeded,
    ]
    #expect((step(12, status) == .remind) == reminded.contains(status))
    #expect((step(20, status, sent: 1) == .remindUrgently) == reminded.contains(status))
    #expect((step(24, status, sent: 2) == .exceed) == (reminded.contains(status) || status == .scheduled))
  }
}
