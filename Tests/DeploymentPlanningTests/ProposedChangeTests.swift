import DeploymentKinds
import DeploymentPlanning
import ResourceModel
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

  @Test(arguments: [
    (
      DeletionPolicy?.none, DeletionPolicy?.some(.uninstall), false, false,
      [
        "deploy nothing: 2.2.0 (revision 4) is what runs",
        "uninstall the project wrktalk once this object is deleted, all but its volumes",
      ]
    ),
    (
      .uninstall, .orphan, false, false,
      [
        "deploy nothing: 2.2.0 (revision 4) is what runs", "leave what runs once this object is deleted",
      ]
    ),
    (
      .orphan, .uninstall, true, false,
      [
        "do nothing while spec.suspend is true",
        "uninstall the project wrktalk once this object is deleted, all but its volumes",
      ]
    ),
    (.uninstall, .orphan, false, true, ["let this object go at once and leave what runs"]),
    (.orphan, nil, false, false, ["deploy nothing: 2.2.0 (revision 4) is what runs"]),
  ])
  func whatDeletionWouldDoIsSaidWhereItChanges(
    _ before: DeletionPolicy?, _ after: DeletionPolicy?, _ isSuspended: Bool, _ isDeleted: Bool, _ sentences: [String]
  ) {
    var (old, new) = (spec("2.2.0"), spec("2.2.0"))
    (old.deletionPolicy, new.deletionPolicy, new.suspend) = (before, after, isSuspended)
    var proposed = deployment(new, generation: 8, status: settledStatus())
    if isDeleted { proposed.metadata.deletionTimestamp = moment }
    let change = ProposedChange(current: deployment(old, status: settledStatus()), proposed: proposed, now: moment)
    #expect(change.sentences == sentences)
  }

  @Test func aFailedGenerationIsNotTriedAgain() {
    let failed = deployment(spec("2.3.0"), status: failedStatus())
    let change = ProposedChange(current: failed, proposed: failed, now: moment)
    #expect(change.sentences == ["deploy nothing: 2.3.0 failed in this generation (WorkloadUnhealthy)"])
  }
}
