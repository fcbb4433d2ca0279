import Database
import FleetKinds
import FleetPlanning
import FleetProtocol
import HTTPService
import ResourceModel
import TestSupport
import Testing
import WireFormats

@testable import ControlCenter

/// Failures by cause: each cause counts exactly the customers that are listed behind it.
@Suite(.postgreSQLServer, .timeLimit(.minutes(2))) struct ReleaseFailuresTests {
  private struct Failing {
    var organization: String
    var reason: String?
    var component: String?
    var message: String?
    var isRolledBack = false
  }

  /// Targets that failed, in no rollout.
  private func add(_ failures: [Failing], _ fixture: FleetFixture) async throws {
    var rows = RowSet([
      ("organization", .text), ("reason", .text), ("component", .text), ("message", .text), ("status", .text),
    ])
    for failure in failures {
      rows.append([
        .text(failure.organization), SQLValue(failure.reason), SQLValue(failure.component), SQLValue(failure.message),
        .text(failure.isRolledBack ? "rolledBack" : "failed"),
      ])
    }
    let set = rows
    try await fixture.database.transaction(.write) { connection in
      let dialect = connection.dialect
      _ = try connection.execute(
        """
        INSERT INTO gcc_deployment_target ("releaseId", "organizationName", "releaseVersion", status, "failureReason",
          component, "errorMessage")
        SELECT g.id, r.organization, g.version, \(dialect.word("r.status", "DeploymentStatus")), r.reason, r.component,
          r.message FROM \(set.source(dialect)) JOIN gcc_release AS g ON g.version = '2.0.0'
        """, [set.parameter])
    }
  }

  private func listed(
    _ failures: ReleaseFailures, _ group: String?, limit: Int = 100
  ) async throws -> [String] {
    var (names, token): ([String], String?) = ([], nil)
    repeat {
      let query = "limit=\(limit)" + (token.map { "&continue=\($0)" } ?? "")
      let page = try await failures.organizations(of: "2.0.0", group: group, PageRequest(query))
      names += page["organizations"]?.array?.compactMap { $0["organization"]?.string } ?? []
      token = page["continue"]?.string
    } while token != nil && names.count < 1_000
    return names
  }

  @Test(arguments: TestDatabase.available)
  func whoIsCountedIsWhoIsListed(_ database: TestDatabase) async throws {
    try await FleetFixture.with(database) { fixture in
      try await fixture.addRelease("2.0.0")
      let names = try await fixture.addOrganizations(9)
      try await add(
        [
          Failing(organization: names[0], reason: "Unhealthy", component: "media", message: "no answer after 30 s"),
          Failing(organization: names[1], reason: "Unhealthy", message: "no answer after 31 s"),
          Failing(organization: names[2], reason: "Unhealthy", component: "", message: "no answer after 32 s"),
          Failing(organization: names[3], reason: "Unhealthy", component: "media", message: "no answer after 33 s"),
          Failing(organization: names[4], isRolledBack: true),
          Failing(organization: names[5], reason: "Unhealthy", component: "media"),
          Failing(organization: names[6], reason: "", message: ""),
          Failing(organization: names[7], reason: "OutOfSpace", component: "media", message: "no answer after 30 s"),
        ], fixture)
      let whole = ReleaseFailures(database: fixture.database)
      let answer = try await whole.groups(of: "2.0.0")
      let groups = answer["groups"]?.array ?? []
      #expect(answer["failed"] == 8 && answer["reported"] == 8 && answer["groupsNotShown"] == 0)
      #expect(groups.count == 5)
      // However many are read at once, and shown at once.
      for failures in [whole, ReleaseFailures(database: fixture.database, setCount: 3)] {
        #expect(try await failures.groups(of: "2.0.0") == answer)
        for group in groups {
          let found = try await listed(failures, group["id"]?.string, limit: 1)
          #expect(JSONValue.array(found.map { .string($0) }) == group["organizations"], "\(group.text)")
          #expect(JSONValue.integer(Int64(found.count)) == group["count"])
        }
        #expect(try await listed(failures, nil, limit: 2) == Array(names.prefix(8)))
        #expect(try await listed(failures, "nothing").isEmpty)
      }
      let page = try await whole.organizations(of: "2.0.0", group: nil, PageRequest(nil))
      #expect(page["organizations"]?.array?.map { $0["isRolledBack"]?.bool } == (0..<8).map { $0 == 4 })
      #expect(page["organizations"]?.array?[6]["reason"] == "Unknown")
    }
  }

  @Test(arguments: TestDatabase.available)
  func causesThatAreNotShownAreCounted(_ database: TestDatabase) async throws {
    try await FleetFixture.with(database) { fixture in
      try await fixture.addRelease("2.0.0")
      let names = try await fixture.addOrganizations(60)
      try await add(names.map { Failing(organization: $0, reason: "Reason-\($0)") }, fixture)
      let answer = try await fixture.parts.failures.groups(of: "2.0.0")
      #expect(answer["groups"]?.array?.count == 50 && answer["groupsNotShown"] == 10 && answer["failed"] == 60)
    }
  }

  /// Those of a rollout are counted by its counters, those of none by looking at them.
  @Test(arguments: TestDatabase.available)
  func everybodyWhoReportedIsCountedOnce(_ database: TestDatabase) async throws {
    try await FleetFixture.with(database) { fixture in
      try await fixture.addRelease("2.0.0")
      for name in ["a", "b", "c", "d"] { try await fixture.addOrganization(name, currentVersion: "1.0.0") }
      try await fixture.addOrganization("late", currentVersion: "1.0.0", licenseExpiresAt: FleetFixture.start)
      try await fixture.addRollout(
        "r", RolloutSpec(release: "2.0.0", stages: [.init(name: "all", organizations: ["a", "b", "c", "late"])]))
      fixture.advance(.seconds(60))
      try await fixture.settle()
      try await fixture.report("a", "2.0.0", .success, attempt: "a", number: 1)
      try await fixture.report("b", "2.0.0", .failed, attempt: "b", number: 1)
      try await add([Failing(organization: "d", reason: "Unhealthy")], fixture)
      let answer = try await fixture.parts.failures.groups(of: "2.0.0")
      #expect(answer["reported"] == 3 && answer["failed"] == 2)
      #expect(answer["blocked"] == ["LicenseExpired": 1])
      // The number leads to exactly those.
      let search = OrganizationSearch(database: fixture.database, now: fixture.parts.now)
      for (query, expected) in [
        ("release=2.0.0&blocked=LicenseExpired", ["late"]), ("release=2.0.0&blocked=ArtifactMissing", []),
        ("release=2.0.0&bucket=failed&blocked=LicenseExpired", []),
      ] {
        let found = try await search.page(QueryItems(query), PageRequest(query))
        #expect(found["organizations"]?.array?.compactMap { $0["name"]?.string } == expected, "\(query)")
        #expect(found["total"] == .integer(Int64(expected.count)), "\(query)")
      }
      for (query, why) in [
        ("blocked=LicenseExpired", "blocked: needs release"),
        ("release=2.0.0&blocked=Licence", "blocked: must be one of"),
      ] {
        let refused = await #expect(throws: StatusError.self) {
          try await search.page(QueryItems(query), PageRequest(query))
        }
        #expect(refused?.message.contains(why) == true, "\(query)")
      }
    }
  }

  @Test func aReleaseThatIsNotThereIsNotFound() async throws {
    try await FleetFixture.with(.sqlite) { fixture in
      let failures = fixture.parts.failures
      let list = await #expect(throws: StatusError.self) {
        try await failures.organizations(of: "9.9.9", group: nil, PageRequest(nil))
      }
      let groups = await #expect(throws: StatusError.self) { try await failures.groups(of: "9.9.9") }
      #expect(list?.reason == .notFound && groups?.reason == .notFound)
    }
  }
}
