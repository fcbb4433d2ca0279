import FleetKinds
import Testing
import WireFormats

@testable import ControlCommands

@Suite struct RolloutViewTests {
  private let console = Console(hasLiveLine: false, hasColour: false)

  private func view(_ object: JSONValue) -> RolloutView {
    RolloutView(progress: RolloutProgress(object), console: console)
  }

  @Test func eachStageIsALineAndTheReasonStandsUnderThem() {
    #expect(
      view(RolloutSamples.object()).lines() == [
        "rollout.deploy.wrktalk.com/spring: release 2.3.0, Progressing",
        "  canary     Passed      ██████████████████████████----   9/10     9 healthy, 1 offline",
        "  early      Running     ████████XX▓▓▒▒░░░░░░░░░░░░░░--   31/100   28 healthy, 3 failed, 1 installing, "
          + "2 being notified, 2 waiting for their window, 4 waiting for consent, 55 not offered yet, 4 offline, 1 silent",
        "  everyone   Not begun                                             its customers are chosen when it starts",
        "canary has passed; 100 of early may be under way",
      ])
  }

  @Test func noLineIsLongerThanTheTerminalAndNoneIsMissingWithoutASign() {
    let lines = view(RolloutSamples.object()).lines(width: 79, height: 20)
    #expect(lines.allSatisfy { $0.count <= 79 })
    #expect(lines[2].hasSuffix("…"))
    #expect(view(RolloutSamples.object()).lines(width: 40, height: 20).allSatisfy { $0.count <= 40 })
    var object = RolloutSamples.object()
    object["spec"]?["stages"] = .array((0..<50).map { ["name": .string("s\($0)")] })
    let few = view(object).lines(width: 79, height: 12)
    #expect(few.count <= 12)
    #expect(few.contains("  and 43 more stages"))
  }

  @Test func aChangeIsALineAndNothingElseIs() {
    let before = RolloutProgress(RolloutSamples.object())
    let first = view(RolloutSamples.object()).changes(since: nil)
    #expect(
      first == [
        "stage canary: Passed, 9 of 10 reported: 9 healthy, 1 offline",
        "stage early: Running, 31 of 100 reported: 28 healthy, 3 failed, 1 installing, 2 being notified, "
          + "2 waiting for their window, 4 waiting for consent, 55 not offered yet, 4 offline, 1 silent",
        "rollout.deploy.wrktalk.com/spring: release 2.3.0, Progressing. canary has passed; 100 of early may be under way",
      ])
    #expect(view(RolloutSamples.object()).changes(since: before) == [])
    #expect(
      view(RolloutSamples.object(phase: "Halted", reason: "6 failed, and early allows 5", failed: 6)).changes(
        since: before)
        == [
          "stage early: Halted, 34 of 103 reported: 28 healthy, 6 failed, 1 installing, 2 being notified, "
            + "2 waiting for their window, 4 waiting for consent, 55 not offered yet, 4 offline, 1 silent",
          "rollout.deploy.wrktalk.com/spring: release 2.3.0, Halted. 6 failed, and early allows 5",
        ])
  }

  /// One word for one thing: those of the fleet dashboard.
  @Test func phasesHaveTheWordsOfTheDashboard() {
    var object = RolloutSamples.object()
    object["status"]?["stages"] = [
      ["name": "canary", "phase": "AwaitingApproval", "startedAt": "2027-01-15T08:00:00Z", "counts": ["blocked": 2]]
    ]
    let lines = view(object).lines()
    #expect(lines[1].hasPrefix("  canary     Waits for approval   "))
    #expect(lines[1].hasSuffix("2 passed over"), "\(lines[1])")
  }

  @Test func aStatusOfAnOlderDeclarationIsNoEnd() {
    let old = RolloutProgress(RolloutSamples.object(phase: "Halted", generation: 2))
    #expect(old.ending == nil && old.phaseText == "waiting for the server to see the change")
    #expect(RolloutProgress(RolloutSamples.object(phase: "Halted")).ending == .halted)
    #expect(RolloutProgress(RolloutSamples.object(phase: "Completed")).ending == .completed)
    var deprecated = RolloutSamples.object(phase: "Progressing")
    deprecated["status"]?["conditions"] = [["type": "Ready", "status": "False", "reason": "ReleaseDeprecated"]]
    #expect(RolloutProgress(deprecated).ending == .deprecated)
    for phase in ["Pending", "Progressing", "Paused", "SomethingNew"] {
      #expect(RolloutProgress(RolloutSamples.object(phase: phase)).ending == nil)
    }
  }

  @Test func aTerminalObeysNothingThatAServerSays() {
    let lines = view(RolloutSamples.object(reason: "\u{1B}[2J\u{202E}gone")).lines()
    #expect(!lines.joined().unicodeScalars.contains(where: isControl))
  }

  @Test(
    arguments: [
      (["succeeded": 100_000, "failed": 1], "█████████X"), (["waiting": 5], "░░░░░░░░░░"), ([:], "░░░░░░░░░░"),
      (["succeeded": 1, "offline": 1], "█████-----"), (["inProgress": 1, "notifying": 1, "consent": 2], "▓▓▓▓▓▒▒▒▒▒"),
      (["blocked": 1, "cancelled": 1, "silent": 1], "----------"),
    ] as [([String: Int64], String)])
  func aBarShowsEveryPart(counts: [String: Int64], text: String) {
    let counts = CustomerCounts(json: .object(counts.mapValues { .integer($0) }))
    #expect(StageBar(counts, width: 10).text == text)
  }

  @Test func aBarIsAsWideAsItShouldBeWhateverTheNumbers() {
    var numbers = SystemRandomNumberGenerator()
    for _ in 0..<500 {
      let counts = TargetBucket.allCases.map {
        ($0, Int64.random(in: 0...[0, 3, 1000, 100_000].randomElement()!, using: &numbers))
      }
      let bar = StageBar(CustomerCounts(Dictionary(uniqueKeysWithValues: counts)), width: 30)
      #expect(bar.text.count == 30, "\(counts)")
    }
  }
}
