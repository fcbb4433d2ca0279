import FleetKinds
import FleetPlanning
import Testing
import WireFormats

@Suite struct RolloutPlanTests {
  private static let now = Timestamp(seconds: 1_800_000_000)

  private static func organizations(_ count: Int) -> [OrganizationFacts] {
    (0..<count).map { index in
      OrganizationFacts(
        name: "org-\(index)", labels: ["ring": index % 4 == 0 ? "early" : "late"],
        currentVersion: index % 10 == 3 ? "1.0.0" : index % 10 == 4 ? "2.3.0" : "2.2.0",
        licenseExpiresAt: index % 10 == 5 ? now : nil)
    }
  }

  private static let spec = RolloutSpec(
    release: "2.3.0",
    stages: [
      RolloutSpec.Stage(name: "named", organizations: ["org-7", "org-3", "nobody"]),
      RolloutSpec.Stage(name: "early", selector: RolloutSpec.Selector(matchLabels: ["ring": "early"])),
      RolloutSpec.Stage(name: "tenth", percent: 10, gate: RolloutSpec.Gate(successPercent: 90, maxFailures: 5)),
      RolloutSpec.Stage(name: "five", count: 5), RolloutSpec.Stage(name: "rest"),
    ])
  private static let release = ReleaseFacts(version: "2.3.0", minCurrentVersion: "2.0.0")

  @Test func everyOrganizationIsInExactlyOneStage() {
    let organizations = Self.organizations(200)
    let plan = RolloutPlan.make(Self.spec, release: Self.release, organizations: organizations, now: Self.now)
    #expect(plan.stages.map(\.organizations.count) == [2, 50, 15, 5, 128])
    let all = plan.stages.flatMap(\.organizations)
    #expect(Set(all).count == 200)
    #expect(plan.unreached == 0)
    #expect(plan.stages[0].notFound == ["nobody"])
    #expect(plan.stages[0].blocked.map(\.organization) == ["org-3"])
    #expect(plan.stages.flatMap(\.blocked).count == 40)
    #expect(plan.stages.flatMap(\.alreadyThere).count == 20)
    #expect(plan.stages[2].failureBudget == 1)
    #expect(plan.stages[4].failureBudget == nil)
  }

  @Test func namesAreCutAndNumbersAreNot() {
    let plan = RolloutPlan.make(
      RolloutSpec(release: "2.3.0", stages: [RolloutSpec.Stage(name: "rest")]), release: Self.release,
      organizations: Self.organizations(2_000), now: Self.now)
    let stage = plan.json["stages"]?.array?.first
    #expect(stage?["members"] == 2_000)
    #expect(stage?["organizations"]?.array?.count == 100)
    #expect(stage?["blockedMembers"] == 400)
    #expect(stage?["blocked"]?.array?.count == 100)
    #expect(stage?["blocked"]?.array?.first?["reason"] != nil)
    #expect(stage?["failureBudget"] == nil)
  }

  @Test func thePlanIsTheSameWhateverTheOrderAndFairlySpread() {
    let organizations = Self.organizations(1_000)
    let plan = RolloutPlan.make(Self.spec, release: Self.release, organizations: organizations, now: Self.now)
    let reversed = RolloutPlan.make(
      Self.spec, release: Self.release, organizations: organizations.reversed(), now: Self.now)
    #expect(plan == reversed)
    // Not the first in the alphabet.
    let tenth = plan.stages[2].organizations
    #expect(tenth != tenth.sorted())
    #expect(tenth.filter { $0 < "org-5" }.count > 20)
    #expect(tenth.filter { $0 > "org-5" }.count > 20)
    var other = Self.spec
    other.release = "2.4.0"
    let next = RolloutPlan.make(
      other, release: ReleaseFacts(version: "2.4.0"), organizations: organizations, now: Self.now)
    #expect(Set(next.stages[2].organizations) != Set(tenth), "not always the same ones go first")
  }

  @Test func whoHasATargetOfTheReleaseIsInNoStage() {
    var organizations = Self.organizations(20)
    for index in 0..<15 { organizations[index].hasTarget = true }
    let plan = RolloutPlan.make(
      RolloutSpec(release: "2.3.0", stages: [RolloutSpec.Stage(name: "half", percent: 50)]), release: Self.release,
      organizations: organizations, now: Self.now)
    #expect(plan.stages[0].organizations.count == 3)
    #expect(plan.withTarget == 15)
    #expect(plan.unreached == 2)
  }

  @Test(arguments: [(0, 10, 0), (1, 1, 1), (5, 10, 1), (10, 10, 1), (11, 10, 2), (7, 100, 7), (1_000, 33, 330)])
  func percentIsRoundedUp(_ organizations: Int, _ percent: Int, _ members: Int) {
    let candidates = (0..<organizations).map { StageMembership.Candidate(name: "o\($0)") }
    let stage = RolloutSpec.Stage(name: "a", percent: percent)
    #expect(StageMembership.members(of: stage, among: candidates, release: "1.0.0").count == members)
  }

  @Test func allLabelsMustMatchAndNoLabelMatchesEverybody() {
    let candidates = [
      StageMembership.Candidate(name: "a", labels: ["x": "1", "y": "2"]),
      StageMembership.Candidate(name: "b", labels: ["x": "1"]), StageMembership.Candidate(name: "c"),
    ]
    func members(_ labels: [String: String]) -> [Int] {
      StageMembership.members(
        of: RolloutSpec.Stage(name: "a", selector: RolloutSpec.Selector(matchLabels: labels)), among: candidates,
        release: "1.0.0"
      ).sorted()
    }
    #expect(members(["x": "1", "y": "2"]) == [0])
    #expect(members(["x": "1"]) == [0, 1])
    #expect(members(["x": ""]) == [])
    #expect(members([:]) == [0, 1, 2])
  }

  /// A rollout that goes on after an upgrade of the program must go on in the same order.
  @Test func ranksNeverChange() {
    let ranks = ["a", "acme", "org-77"].map { StageMembership.rank(of: $0, release: "2.3.0") }
    #expect(ranks == Self.knownRanks)
  }
  private static let knownRanks: [UInt64] = [
    2_922_784_016_056_669_750, 17_232_758_172_931_840_320, 15_640_040_099_520_819_309,
  ]
}
