import DeploymentKinds
import FleetProtocol
import OfferPlanning
import Testing
import WireFormats

@Suite struct OfferIntakeTests {
  private static let now = Timestamp(seconds: 1_800_000_000)
  private static let digest = String(repeating: "a", count: 64)

  private static func offer(_ version: String = "2.3.0", _ change: (inout ReleaseOffer) -> Void = { _ in })
    -> ReleaseOffer
  {
    var offer = ReleaseOffer(
      releaseID: "rel-1", version: version, chartSha256: digest, composeSha256: String(repeating: "b", count: 64))
    change(&offer)
    return offer
  }

  private static func decide(
    _ offer: ReleaseOffer = offer(), runtime: DeploymentRuntimeKind = .helm, current: String? = nil,
    status: LocalDeploymentStatus? = nil, before: ReleaseOffer? = offer(), reported: Duration? = nil,
    others: Set<String> = [], open: Int = 0, hearing: OfferIntake.Hearing = .unknown
  ) -> String {
    let known = status.map {
      OfferIntake.Known(status: $0, offer: before, reportedAt: reported.map { now + (.zero - $0) })
    }
    var facts = OfferIntake.Facts(
      runtime: runtime, currentVersion: current, known: known, otherDigests: others, openCount: open)
    facts.hearing = hearing
    let decision = OfferIntake.decide(offer, facts, askedAt: now)
    return switch decision {
    case .add(_, let isReturn): isReturn ? "add a return" : "add"
    case .addRunning: "runs already"
    case .keep(let isDifferent): isDifferent ? "keep though different" : "keep"
    case .replace(_, let isNew, let forced): "replace\(isNew ? " artifact" : "")\(forced ? " forced" : "")"
    case .again(_, let isReturn): isReturn ? "again to return" : "again"
    case .runsStill: "runs still"
    case .tooEarly(let wait): "too early for \(wait)"
    case .refuse(let refusal): "refuse \(refusal.reason.rawValue)"
    }
  }

  @Test func aNewReleaseIsTakenOnce() {
    #expect(Self.decide() == "add")
    for status in [LocalDeploymentStatus.pending, .downloadFailed, .scheduled, .missedSchedule, .inProgress, .success] {
      #expect(Self.decide(status: status) == "keep", "\(status)")
    }
  }

  /// The vendor makes customers return by offering them what ran before.
  @Test func anOlderReleaseIsOneToReturnTo() {
    #expect(Self.decide(current: "2.4.0") == "add a return")
    #expect(Self.decide(current: "2.4.0", status: .success, reported: .seconds(600)) == "again to return")
    #expect(Self.decide(current: "2.10.0") == "add a return", "numbers are not texts")
    #expect(Self.decide(current: "2.3.0-rc.1") == "add")
    #expect(Self.decide(current: "custom build") == "add")
  }

  /// It wants nobody back who does not know what runs.
  @Test func anOlderReleaseIsWaitedForUntilTheVendorHasHeardOfWhatRuns() {
    #expect(Self.decide(current: "2.4.0", hearing: .pending) == "too early for 60.0 seconds")
    #expect(Self.decide(current: "2.4.0", hearing: .since(Self.now + .seconds(-20))) == "too early for 40.0 seconds")
    #expect(Self.decide(current: "2.4.0", hearing: .since(Self.now + .seconds(-60))) == "add a return")
    let ended = Self.decide(current: "2.4.0", status: .success, reported: .seconds(600), hearing: .pending)
    #expect(ended == "too early for 60.0 seconds")
    #expect(Self.decide(current: "2.2.0", hearing: .pending) == "add", "what is newer is no return")
    #expect(Self.decide(current: "2.4.0", status: .pending, hearing: .pending) == "keep")
  }

  @Test func whatRunsIsReportedAndNotDeployedAgain() {
    #expect(Self.decide(current: "2.3.0") == "runs already")
    #expect(Self.decide(current: "v2.3.0") == "runs already")
    #expect(Self.decide(current: "2.3.0", status: .success, reported: .seconds(600)) == "runs still")
  }

  /// Only an offer that comes after the vendor has heard of the end is a new wish.
  @Test(arguments: [LocalDeploymentStatus.failed, .rolledBack, .cancelled, .downloadFailed, .deadlineExceeded])
  func anOfferAfterTheReportedEndIsARetry(_ status: LocalDeploymentStatus) {
    #expect(Self.decide(status: status) == "keep", "the report is still on its way")
    #expect(Self.decide(status: status, reported: .seconds(20)) == "too early for 40.0 seconds")
    #expect(Self.decide(status: status, reported: .seconds(60)) == "again")
    #expect(Self.decide(status: status, reported: .seconds(-1)) == "too early for 61.0 seconds", "asked before the end")
    #expect(Self.decide(status: status, reported: .seconds(-120)) == "too early for 180.0 seconds")
    #expect(Self.decide(status: status, reported: .seconds(-86_400)) == "again", "a clock was set back")
  }

  @Test func aChangedOfferIsTakenInWhileNobodyHasBegun() {
    let notes = Self.offer { $0.releaseNotes = "more" }
    #expect(Self.decide(notes, status: .pending) == "replace")
    #expect(Self.decide(notes, status: .missedSchedule) == "replace")
    let artifact = Self.offer { $0.chartSha256 = String(repeating: "c", count: 64) }
    #expect(Self.decide(artifact, status: .pending) == "replace artifact")
    #expect(Self.decide(Self.offer { $0.isForced = true }, status: .pending) == "replace forced")
    #expect(Self.decide(artifact, status: .scheduled) == "keep though different")
    #expect(Self.decide(artifact, status: .inProgress) == "keep though different")
    #expect(Self.decide(Self.offer("2.3.1"), status: .pending) == "replace artifact")
    // What another program wrote into the row, and nobody can read.
    #expect(Self.decide(status: .pending, before: nil) == "replace artifact")
  }

  @Test func whatNobodyCanTakeIsRefusedByName() {
    #expect(Self.decide(Self.offer { $0.chartSha256 = nil }) == "refuse NoArtifact")
    #expect(Self.decide(Self.offer { $0.composeSha256 = nil }) == "add")
    #expect(Self.decide(Self.offer { $0.composeSha256 = nil }, runtime: .compose) == "refuse NoArtifact")
    #expect(Self.decide(Self.offer { $0.chartSha256 = "abc" }) == "refuse InvalidOffer")
    #expect(Self.decide(Self.offer { $0.releaseID = String(repeating: "x", count: 129) }) == "refuse InvalidOffer")
    for version in ["latest", "2.3", "../2.3.0", "2.3.0+build", "2.3.0/..", "", "vv2.3.0", "2.3.0-RC.1", "2.3.0\u{0}"] {
      #expect(Self.decide(Self.offer(version)) == "refuse InvalidVersion", "\(version)")
    }
    #expect(Self.decide(others: [String(repeating: "d", count: 64)]) == "refuse VersionReused")
    #expect(Self.decide(others: [Self.digest]) == "add", "the same content under a new id")
    #expect(Self.decide(open: 100) == "refuse TooManyOffers")
  }

  @Test func digestsAndVersionsHaveOneForm() throws {
    let demand = try ArtifactDemand(Self.offer("v2.3.0") { $0.chartSha256 = Self.digest.uppercased() }, runtime: .helm)
    #expect(demand.version == "2.3.0" && demand.sha256 == Self.digest)
  }
}
