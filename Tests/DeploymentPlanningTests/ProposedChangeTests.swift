import DeploymentKinds
import DeploymentPlanning
import Testing
import WireFormats

struct ProposedChangeTests {
  @Test func aFirstReleaseIsSaidToBeTheFirst() {
    let change = ProposedChange(current: nil, proposed: deployment(spec("2.3.0")), now: moment)
    #expect(change.sentences == ["deploy 2.3.0, the first release of this environment"])
  }

  @Test func anUpgradeNamesWhatItReplaces() {
    var wanted = spec("2.3.0")
    wanted.schedule = .init(notBefore: moment + .seconds(3600))
    wanted.newNonEssentialEnvs = [.init(key: "NEW_FEATURE", value: "false")]
    let change = ProposedChange(
      current: deployment(spec("2.2.0"), status: settledStatus()),
      proposed: deployment(wanted, generation: 8, status: settledStatus()), now: moment)
    #expect(
      change.sentences == [
        "wait until 2026-12-15T03:00:00Z", "deploy 2.3.0 over 2.2.0 (revision 4)", "return to 2.2.0 if it fails",
        "add the settings NEW_FEATURE where they are not set yet",
      ])
  }

  @Test func aChangeBesidesTheReleaseDeploysNothing() {
    let change = ProposedChange(
      current: deployment(spec("2.2.0"), status: settledStatus()),
      proposed: deployment(spec("2.2.0", drift: .warn), generation: 8, status: settledStatus()), now: moment)
    #expect(
      change.sentences == [
        "deploy nothing: 2.2.0 (revision 4) is what runs", "from then on report what is changed by hand, but leave it",
      ])
  }

  @Test func aFailedGenerationIsNotTriedAgain() {
    let failed = deployment(spec("2.3.0"), status: failedStatus())
    let change = ProposedChange(current: failed, proposed: failed, now: moment)
    #expect(change.sentences == ["deploy nothing: 2.3.0 failed in this generation (WorkloadUnhealthy)"])
  }
}
