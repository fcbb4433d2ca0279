import FoundationEssentials
import Testing

/// Thousands of rollouts in virtual time. `FLEET_SEEDS=10000` runs more of them, `FLEET_SEED=17` one with its story.
@Suite struct FleetSimulationTests {
  private static func environment(_ name: String) -> UInt64? {
    ProcessInfo.processInfo.environment[name].flatMap { UInt64($0) }
  }

  /// - Returns: the first violation, and how often each thing happened.
  private static func run(_ seeds: ClosedRange<UInt64>) async -> (Violation?, [String: Int]) {
    await withTaskGroup(of: (Violation?, [String: Int]).self) { group in
      let parts: UInt64 = 4
      for part in 0..<parts {
        group.addTask { @concurrent in
          var tally: [String: Int] = [:]
          for seed in seeds where seed % parts == part {
            let simulation = FleetSimulation(seed: seed)
            do { try simulation.run() } catch { return (error as? Violation, tally) }
            tally.merge(simulation.tally) { $0 + $1 }
          }
          return (nil, tally)
        }
      }
      var first: Violation?
      var tally: [String: Int] = [:]
      for await (violation, part) in group {
        first = first ?? violation
        tally.merge(part) { $0 + $1 }
      }
      return (first, tally)
    }
  }

  @Test func noRuleIsBroken() async {
    let count = Self.environment("FLEET_SEEDS") ?? 200
    let (violation, tally) = await Self.run(1...max(1, count))
    #expect(violation == nil, "\(violation?.description ?? "")")
    guard violation == nil, count >= 200 else { return }
    // Everything that can happen does.
    let expected = [
      "fixMembers", "offer", "markSilent", "admitLateJoiners", "withdrawUnanswered", "offerPrevious", "retryFailed",
      "killed", "ignored", "offline", "pause", "halt", "withdraw", "completed", "halted", "paused", "refuse",
      "failDownload", "missDeadline", "rollBack", "succeed",
    ]
    #expect(expected.filter { tally[$0, default: 0] == 0 } == [], "\(tally)")
  }

  @Test func aSeedThatFailedCanBeRunAgain() throws {
    guard let seed = Self.environment("FLEET_SEED") else { return }
    let simulation = FleetSimulation(seed: seed, isTracing: true)
    try simulation.run()
  }

  /// A deadline that passed, a halt, a retry, and then the late word of a schedule from before the deadline; and who joins a rollout
  /// that completes once more.
  @Test(arguments: [1716, 9570] as [UInt64]) func whatOnceBrokeARuleDoesSoNoMore(seed: UInt64) throws {
    try FleetSimulation(seed: seed).run()
  }

  @Test func theSameSeedIsTheSameStory() throws {
    let runs = (0..<2).map { _ in FleetSimulation(seed: 42) }
    for run in runs { try run.run() }
    #expect(runs[0].step == runs[1].step)
    #expect(runs[0].status == runs[1].status)
    #expect(runs[0].tally == runs[1].tally)
  }

  @Test(arguments: PlantedFault.allCases) func aPlantedFaultIsFound(_ fault: PlantedFault) {
    for seed in 1...2_000 as ClosedRange<UInt64> {
      do {
        try FleetSimulation(seed: seed, fault: fault).run()
      } catch {
        #expect("\(error)".contains("FLEET_SEED=\(seed)"))
        return
      }
    }
    Issue.record("\(fault) was not found by any seed")
  }
}
