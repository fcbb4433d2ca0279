import Database
import FleetKinds
import FleetPlanning
import FleetProtocol
import HTTPService
import ResourceModel
import ResourceStorage
import TestSupport
import Testing
import WireFormats

@testable import ControlCenter

/// A rollout in numbers and the customers behind each; a plan that is started as it was shown; who did what.
@Suite(.postgreSQLServer, .timeLimit(.minutes(2))) struct RolloutProgressTests {
  private func progress(_ fixture: FleetFixture) -> RolloutProgress {
    RolloutProgress(database: fixture.database, store: fixture.store, now: fixture.parts.now)
  }

  @Test(arguments: TestDatabase.available)
  func everyNumberIsAListOfCustomers(_ database: TestDatabase) async throws {
    try await FleetFixture.with(database) { fixture in
      try await fixture.addRelease("2.0.0")
      for name in ["a", "b", "c", "d", "e", "f"] { try await fixture.addOrganization(name, currentVersion: "1.0.0") }
      try await fixture.addRollout(
        "r",
        RolloutSpec(
          release: "2.0.0",
          stages: [
            .init(name: "first", organizations: ["a", "b", "c", "d", "f"], gate: .init(successPercent: 50)),
            .init(name: "rest"),
          ]))
      try await fixture.settle()
      try await fixture.report("a", "2.0.0", .success, attempt: "a", number: 1)
      try await fixture.report("b", "2.0.0", .rolledBack, attempt: "b", number: 1, reason: "Unhealthy")
      try await fixture.report("c", "2.0.0", .failed, attempt: "c", number: 1, message: "no space")
      try await fixture.execute(
        """
        UPDATE gcc_deployment_target SET status = 'webhookFailed', resource_version = 0 WHERE "organizationName" = 'f'
        """)
      let summary = try await progress(fixture).summary(of: "r")
      let stage = try #require(summary["stages"]?.array?.first)
      #expect(stage["states"]?["succeeded"] == 1 && stage["states"]?["rolledBack"] == 1)
      #expect(stage["states"]?["failed"] == 1 && stage["states"]?["consent"] == 1)
      // Who could not be told is no one of whom an answer is awaited.
      #expect(stage["states"]?["untold"] == 1)
      for (name, count) in stage["states"]?.object ?? [:] {
        for query in ["stage=first&state=\(name)", "state=\(name)", "state=\(name)&q=%25", "state=\(name)&limit=1"] {
          let page = try await progress(fixture).targets(of: "r", QueryItems(query), PageRequest(query))
          let listed = page["targets"]?.array?.count ?? 0
          #expect(page["total"] == (query.contains("q=") ? 0 : count), "\(query)")
          if !query.contains("limit") { #expect(page["total"] == .integer(Int64(listed)), "\(query)") }
        }
      }
      for (query, total) in [
        ("", 5), ("state=failed,rolledBack", 2), ("state=failed,succeeded,consent", 3), ("q=a", 1),
        ("state=consent,untold", 2),
      ] {
        let page = try await progress(fixture).targets(of: "r", QueryItems(query), PageRequest(query))
        #expect(page["total"] == .integer(Int64(total)) && page["targets"]?.array?.count == total, "\(query)")
      }
      let query = "stage=first&state=failed,rolledBack"
      let failed = try await progress(fixture).targets(of: "r", QueryItems(query), PageRequest(query))
      #expect(failed["targets"]?.array?.compactMap { $0["organization"]?.string } == ["b", "c"])
      #expect(failed["targets"]?.array?.compactMap { $0["state"]?.string } == ["rolledBack", "failed"])
      let next = "limit=2&continue=b"
      let page = try await progress(fixture).targets(of: "r", QueryItems(next), PageRequest(next))
      #expect(page["targets"]?.array?.compactMap { $0["organization"]?.string } == ["c", "d"] && page["total"] == nil)
      let untold = try await progress(fixture).targets(of: "r", QueryItems("state=untold"), PageRequest("state=untold"))
      #expect(untold["targets"]?.array?.compactMap { $0["organization"]?.string } == ["f"])
      #expect(untold["targets"]?.array?.compactMap { $0["state"]?.string } == ["untold"])
    }
  }

  /// The number in front of a person who halts it is the number of those that lose the offer.
  @Test(arguments: TestDatabase.available)
  func aHaltTakesBackAsManyAsWereShown(_ database: TestDatabase) async throws {
    try await FleetFixture.with(database) { fixture in
      try await fixture.addRelease("2.0.0")
      let names = ["away", "awayInstalling", "done", "failed", "installing", "thinking"]
      for name in names { try await fixture.addOrganization(name.lowercased(), currentVersion: "1.0.0") }
      try await fixture.addRollout(
        "r", RolloutSpec(release: "2.0.0", stages: [.init(name: "all", organizations: names.map { $0.lowercased() })]))
      try await fixture.settle()
      try await fixture.report("done", "2.0.0", .success, attempt: "a", number: 1)
      try await fixture.report("failed", "2.0.0", .failed, attempt: "a", number: 1)
      for name in ["installing", "awayinstalling"] {
        try await fixture.report(name, "2.0.0", .inProgress, attempt: "a", number: 1)
      }
      let yes = database == .postgresql ? "true" : "1"
      try await fixture.execute(
        "UPDATE gcc_deployment_target SET offline = \(yes), resource_version = 0 WHERE \"organizationName\" LIKE 'away%'"
      )
      let shown = try await progress(fixture).summary(of: "r")
      #expect(shown["canBeTakenBack"] == 2 && shown["goesOn"] == 2)
      #expect(shown["haltCause"] == nil && shown["retriedAt"] == nil)
      try await fixture.change("r") { $0.spec.state = .halted }
      try await fixture.settle()
      let halted = try await progress(fixture).summary(of: "r")
      #expect(halted["stages"]?.array?.first?["states"]?["cancelled"] == 2)
      #expect(halted["canBeTakenBack"] == 0 && halted["goesOn"] == 2)
      #expect(halted["haltCause"] == "Requested" && halted["haltMessage"] == "Halted on request")
    }
  }
}
