import OfferPlanning
import Testing

@Suite struct AutomaticDecisionTests {
  private typealias Candidate = AutomaticDecision.Candidate

  private func next(_ candidates: [Candidate], _ change: (inout AutomaticDecision.Facts) -> Void = { _ in }) -> String?
  {
    var facts = AutomaticDecision.Facts(currentVersion: "2.3.0", candidates: candidates)
    change(&facts)
    return AutomaticDecision.next(facts)?.id
  }

  @Test func theNewestThatFitsIsScheduled() {
    let candidates = [
      Candidate(id: "a", version: "2.4.0"), Candidate(id: "b", version: "2.10.0"), Candidate(id: "c", version: "2.9.0"),
      Candidate(id: "d", version: "2.2.0"), Candidate(id: "e", version: "2.3.0"), Candidate(id: "f", version: "new"),
    ]
    #expect(next(candidates) == "b")
    #expect(next(candidates) { $0.failedVersions = ["2.10.0"] } == "c")
    #expect(next(candidates) { $0.currentVersion = "2.10.0" } == nil)
    #expect(next(candidates.reversed()) == "b")
  }

  @Test(arguments: [
    Candidate(id: "x", version: "2.4.0", isDownloaded: false), Candidate(id: "x", version: "2.4.0", isDeclined: true),
    Candidate(id: "x", version: "2.4.0", attempts: 1), Candidate(id: "x", version: "2.3.0"),
    Candidate(id: "x", version: "2.3.0-rc.1"), Candidate(id: "x", version: "2.4.0", isMigrationRequired: true),
    Candidate(id: "x", version: "2.4.0", minCurrentVersion: "2.3.1"),
    Candidate(id: "x", version: "2.4.0", minCurrentVersion: "some"), Candidate(id: "x", version: "2.4"),
  ])
  func whatDoesNotFitWaitsForPeople(_ candidate: AutomaticDecision.Candidate) {
    #expect(next([candidate]) == nil)
  }

  /// Among them what has missed its time, was cancelled, or has passed the vendor's deadline.
  @Test(arguments: LocalDeploymentStatus.allCases)
  func onlyWhatNobodyHasTouchedIsScheduled(_ status: LocalDeploymentStatus) {
    #expect(next([Candidate(id: "x", version: "2.4.0", status: status)]) == (status == .pending ? "x" : nil))
  }

  @Test func migrationsAreScheduledWhereAnAdminAllowsThem() {
    let candidates = [Candidate(id: "x", version: "2.4.0", isMigrationRequired: true)]
    #expect(next(candidates) { $0.allowsMigrations = true } == "x")
  }

  @Test func nothingIsScheduledBesideSomethingElseOrOverTheUnknown() {
    let candidates = [Candidate(id: "x", version: "2.4.0", minCurrentVersion: "2.3.0")]
    #expect(next(candidates) == "x")
    #expect(next(candidates) { $0.isBusy = true } == nil)
    #expect(next(candidates) { $0.currentVersion = nil } == nil)
    #expect(next(candidates) { $0.currentVersion = "latest" } == nil)
  }
}
