import FleetProtocol
import OfferPlanning
import Testing
import WireFormats

@Suite struct DeploymentRuleTests {
  /// What a step leads to, and what it tells the vendor; `+` stands for a new attempt.
  private static let table: [DeploymentFact: [LocalDeploymentStatus: String]] = [
    .downloaded: [.downloadFailed: "pending"],
    .downloadFailed: [.pending: "downloadFailed, downloadFailed"],
    .scheduled: [
      .pending: "+scheduled", .downloadFailed: "+scheduled", .scheduled: "scheduled", .missedSchedule: "+scheduled",
      .failed: "+scheduled", .rolledBack: "+scheduled", .deadlineExceeded: "+scheduled", .cancelled: "+scheduled",
    ],
    .begun: all("inProgress, inProgress", but: [.success]),
    // As after a rollback and a retry: nothing follows the end of an attempt.
    .succeeded: all("success, success", but: []).merging([.rolledBack: "+success, success"]) { $1 },
    .failed: all("failed, failed", but: [.success]), .rolledBack: all("rolledBack, rolledBack", but: [.success]),
    .missed: all("missedSchedule, cancelled", but: [.success]),
    .cancelled: all("cancelled, cancelled", but: [.success]),
    .runs: all("+success, success", but: [.scheduled, .inProgress, .success]),
    .left: [.success: "rolledBack, rolledBack"],
    .deadlinePassed: all("+deadlineExceeded, deadlineExceeded", but: [.success, .inProgress])
      .merging([.scheduled: "scheduled, deadlineExceeded"]) { $1 },
    .overtaken: [
      .pending: "cancelled, cancelled", .downloadFailed: "cancelled, cancelled",
      .missedSchedule: "cancelled, cancelled", .deadlineExceeded: "cancelled, cancelled",
    ],
  ]

  private static func all(
    _ step: String, but others: Set<LocalDeploymentStatus>
  ) -> [LocalDeploymentStatus: String] {
    Dictionary(uniqueKeysWithValues: LocalDeploymentStatus.allCases.filter { !others.contains($0) }.map { ($0, step) })
  }

  @Test(arguments: DeploymentFact.allCases) func eachFactHasItsStepInEachStatus(_ fact: DeploymentFact) {
    for status in LocalDeploymentStatus.allCases {
      let step = DeploymentRule.step(status, fact).map { step in
        (step.isNewAttempt ? "+" : "") + step.status.rawValue + (step.report.map { ", \($0.rawValue)" } ?? "")
      }
      #expect(step == Self.table[fact]?[status], "\(status) \(fact)")
    }
  }

  @Test(
    arguments: [
      ("2.3.0", -1, "2.4.0", true), ("2.3.0", 0, "2.4.0", false), ("2.3.0", 1, "2.4.0", false),
      ("2.4.0", -1, "2.4.0", false), ("2.5.0", -1, "2.4.0", false), ("2.4.0-rc.1", -1, "2.4.0", true),
      ("2.10.0", -1, "2.9.0", false), ("x", -1, "2.4.0", false), ("2.3.0", -1, "", false),
    ])
  func whatIsOlderAndCameBeforeIsOvertaken(version: String, received: Int64, running: String, expected: Bool) {
    let since = Timestamp(seconds: 1_000)
    #expect(
      DeploymentRule.isOvertaken(version, receivedAt: since + .seconds(received), by: running, since: since) == expected
    )
  }
}
