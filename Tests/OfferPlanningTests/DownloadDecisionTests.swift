import OfferPlanning
import ResourceModel
import Testing
import WireFormats

@Suite struct DownloadDecisionTests {
  private static let now = Timestamp(seconds: 1_800_000_000)

  private static func decide(
    _ kind: DownloadFailure.Kind, _ attempts: Int64, status: LocalDeploymentStatus = .pending
  ) -> DownloadDecision {
    DownloadDecision(after: DownloadFailure(kind, "x"), status: status, attempts: attempts, now: now, random: 1)
  }

  private static func pause(_ decision: DownloadDecision) -> Duration { decision.nextAt - now }

  @Test func threeTriesThenItIsSaidAndGoesOnInTheBackground() {
    let failures = (0..<9).map { Self.decide(.unavailable(retryAfter: nil), $0) }
    #expect(failures.prefix(2).allSatisfy { $0.status == .pending && $0.notice == nil })
    #expect(failures.dropFirst(2).allSatisfy { $0.status == .downloadFailed && $0.notice == .downloadFailed })
    #expect(failures.map(Self.pause) == [5, 20, 120, 240, 480, 960, 1800, 1800, 1800].map { .seconds($0) })
  }

  @Test(
    arguments: [
      (.checksumMismatch, .checksumMismatch, "ChecksumMismatch"), (.bucket, .bucketUnavailable, "BucketUnavailable"),
      (.disk, .downloadFailed, "DownloadFailed"), (.unauthorized, .downloadFailed, "Unauthorized"),
    ] as [(DownloadFailure.Kind, AdminNotice.Kind, String)])
  func eachIsToldByItsName(_ kind: DownloadFailure.Kind, _ notice: AdminNotice.Kind, _ reason: String) {
    #expect(Self.decide(kind, 1).notice == nil)
    let decision = Self.decide(kind, 2)
    #expect(decision.notice == notice && DownloadFailure(kind, "").reason == reason)
    #expect(decision.status == (kind == .bucket ? .pending : .downloadFailed))
  }

  @Test(arguments: [.gone, .unusable, .refused(reason: "ReleaseNotSigned")] as [DownloadFailure.Kind])
  func whatWouldEndTheSameWayIsSaidAtOnce(_ kind: DownloadFailure.Kind) {
    let decision = Self.decide(kind, 0)
    #expect(decision.status == .downloadFailed && decision.notice == .downloadFailed)
    #expect(Self.pause(decision) == .seconds(600) && Self.pause(Self.decide(kind, 100)) == .seconds(6 * 3600))
  }

  @Test func theVendorsWishIsObeyedWithinBounds() {
    #expect(Self.pause(Self.decide(.unavailable(retryAfter: .seconds(90)), 0)) == .seconds(90))
    #expect(Self.pause(Self.decide(.unavailable(retryAfter: .seconds(1)), 0)) == .seconds(5))
    #expect(Self.pause(Self.decide(.unavailable(retryAfter: .seconds(1_000_000)), 0)) == .seconds(3600))
  }

  @Test func aReleasePastItsDeadlineStaysThat() {
    #expect(Self.decide(.unavailable(retryAfter: nil), 5, status: .deadlineExceeded).status == .deadlineExceeded)
    #expect(Self.decide(.gone, .max, status: .missedSchedule).status == .missedSchedule)
  }

  @Test func tenVersionsStayAndAllThatSomebodyNeeds() {
    let versions = Set((1...14).map { "2.\($0).0" } + ["2.3.0-rc.1", "not a version"])
    #expect(ArtifactRetention.removable(versions, needed: []) == ["2.1.0", "2.2.0", "2.3.0-rc.1", "2.3.0", "2.4.0"])
    #expect(ArtifactRetention.removable(versions, needed: ["2.1.0", "v2.3.0"]) == ["2.2.0", "2.3.0-rc.1", "2.4.0"])
    #expect(ArtifactRetention.removable(["1.0.0", "1.0.1"], needed: []) == [])
    let numbers = Set((95...106).map { "1.0.\($0)" })
    #expect(ArtifactRetention.removable(numbers, needed: []) == ["1.0.95", "1.0.96"])
  }

  @Test func healthIsThatOfTheRecordsConditions() {
    func conditions(_ pairs: [(String, Condition.Status)]) -> [Condition] {
      pairs.map { Condition(type: $0.0, status: $0.1, lastTransitionTime: Self.now, reason: "R", message: "") }
    }
    func health(_ pairs: [(String, Condition.Status)], isOfNow: Bool = true) -> ReportedHealth {
      ReportedHealth(conditions(pairs), isOfNow: isOfNow)
    }
    #expect(ReportedHealth(nil, isOfNow: true) == .unknown && health([]) == .unknown)
    #expect(health([("Ready", .isTrue)]) == .healthy)
    #expect(health([("Ready", .isFalse)]) == .degraded)
    #expect(health([("Ready", .isFalse), ("Healthy", .isTrue)]) == .healthy, "it is being deployed")
    #expect(health([("Ready", .isTrue), ("Healthy", .unknown)]) == .unknown)
    for status in [Condition.Status.isTrue, .isFalse] {
      #expect(health([("Healthy", status)], isOfNow: false) == .unknown, "nobody looks")
    }
  }

  @Test func deliveriesAreRememberedUpToALimit() {
    var memory = DeliveryMemory(capacity: 3)
    #expect(["a", "b", "a", "c", "d"].map { memory.insert($0) } == [true, true, false, true, true])
    #expect(memory.count == 3)
    // The oldest is forgotten.
    #expect(["a", "d"].map { memory.insert($0) } == [true, false])
  }
}
