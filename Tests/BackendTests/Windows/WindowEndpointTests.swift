import Database
import HTTPTypes
import OfferPlanning
import TestSupport
import Testing
import WireFormats

@testable import Backend

@Suite(.postgreSQLServer, .timeLimit(.minutes(5))) struct WindowEndpointTests {
  @Test(arguments: TestDatabase.available)
  func aCalendarIsKeptAsItWasSent(_ database: TestDatabase) async throws {
    try await BackendFixture.with(database) { fixture in
      var answer = try await fixture.send(.get, "/api/admin/windows")
      #expect(answer.status == 200 && answer.json == ["windows": [], "freezes": []])
      answer = try await fixture.send(.put, "/api/admin/windows", BackendFixture.weekend)
      #expect(answer.status == 200 && answer.json == BackendFixture.weekend)
      #expect(try await fixture.send(.get, "/api/admin/windows").json == BackendFixture.weekend)
    }
  }

  /// Whoever changes what another has changed meanwhile loses nothing of it.
  @Test(arguments: TestDatabase.available)
  func onlyTheCalendarThatWasSeenIsReplaced(_ database: TestDatabase) async throws {
    try await BackendFixture.with(database) { fixture in
      let front = BackendFront(fixture)
      func tag(_ answer: BackendFront.Answer) throws -> String { try #require(answer.headers[.eTag]) }
      func put(_ calendar: JSONValue, _ tag: String?) async throws -> BackendFront.Answer {
        try await front.send(
          .put, "/api/admin/windows", calendar, token: "operator", headers: tag.map { [("If-Match", $0)] } ?? [])
      }
      let first = try tag(await front.send(.get, "/api/admin/windows", token: "viewer"))
      let answer = try await put(BackendFixture.weekend, first)
      let second = try tag(answer)
      #expect(answer.status == 200 && first != second)
      #expect(try tag(await front.send(.get, "/api/admin/windows", token: "viewer")) == second)
      let refused = try await put(["windows": [], "freezes": []], first)
      #expect(refused.status == 409 && refused.error.contains("were changed meanwhile: read them again"))
      #expect(try await front.send(.get, "/api/admin/windows", token: "viewer").json == BackendFixture.weekend)
      #expect(try await put(["windows": [], "freezes": []], "*").status == 200)
      #expect(try await put(BackendFixture.weekend, nil).status == 200)
    }
  }

  @Test func whatIsWrongIsNamedAndChangesNothing() async throws {
    try await BackendFixture.with(.sqlite) { fixture in
      _ = try await fixture.send(.put, "/api/admin/windows", BackendFixture.weekend)
      let wrong: [(JSONValue, String)] = [
        (
          ["windows": [["days": ["Sat"], "from": "25:00", "to": "05:00", "timeZone": "UTC"]]],
          "windows[0].from: must be"
        ),
        (
          ["windows": [["days": ["Sat"], "from": "02:00", "to": "05:00", "timeZone": "Mars/Phobos"]]],
          "windows[0].timeZone: Mars/Phobos cannot be read: there is no such time zone"
        ),
        (["window": []], "window: is not known here"), ("text", "the calendar: must be an object"),
        ([:], "windows: is missing"), (["windows": []], "freezes: is missing"),
        (
          [
            "windows": [
              ["dates": ["from": "2020-01-01", "to": "2020-01-02"], "from": "02:00", "to": "05:00", "timeZone": "UTC"]
            ], "freezes": [],
          ], "windows: none of them ever opens again"
        ),
      ]
      for (body, problem) in wrong {
        let answer = try await fixture.send(.put, "/api/admin/windows", body)
        #expect(answer.status == 422)
        #expect(answer.json["error"]?.string?.hasPrefix(problem) == true, "\(answer.json.text)")
      }
      #expect(try await fixture.send(.put, "/api/admin/windows", BackendFixture.weekend, role: "viewer").status == 403)
      #expect(try await fixture.send(.get, "/api/admin/windows", role: "agent").status == 403)
      #expect(try await fixture.send(.get, "/api/admin/windows").json == BackendFixture.weekend)
    }
  }

  @Test(arguments: TestDatabase.available)
  func theNextOpeningsAreToldByTheZonesClocks(_ database: TestDatabase) async throws {
    try await BackendFixture.with(database) { fixture in
      var calendar = BackendFixture.weekend
      calendar["freezes"] = [
        ["from": "2027-01-16", "to": "2027-01-16T03:00", "timeZone": "Europe/Berlin", "reason": "Inventory"]
      ]
      _ = try await fixture.send(.put, "/api/admin/windows", calendar)
      // It is Friday, 15 January 2027.
      let answer = try await fixture.send(.get, "/api/admin/windows/next?count=2")
      #expect(answer.status == 200)
      #expect(answer.json["isOpen"] == false && answer.json["freeze"] == .null && answer.json["opening"] == .null)
      #expect(
        answer.json["next"] == [
          [
            "start": "2027-01-16T02:00:00Z", "end": "2027-01-16T04:00:00Z", "timeZone": "Europe/Berlin",
            "localStart": "Sat 2027-01-16 03:00", "localEnd": "Sat 2027-01-16 05:00",
          ],
          [
            "start": "2027-01-17T01:00:00Z", "end": "2027-01-17T04:00:00Z", "timeZone": "Europe/Berlin",
            "localStart": "Sun 2027-01-17 02:00", "localEnd": "Sun 2027-01-17 05:00",
          ],
        ])
      #expect(try await fixture.send(.get, "/api/admin/windows/next").json["next"]?.array?.count == 5)
      for count in ["0", "51", "-1", "x"] {
        #expect(try await fixture.send(.get, "/api/admin/windows/next?count=\(count)").status == 400)
      }
    }
  }

  @Test(arguments: TestDatabase.available)
  func theGateRefusesWhatLiesOutsideAndSaysWhen(_ database: TestDatabase) async throws {
    try await BackendFixture.with(database) { fixture in
      let gate = WindowGate(fixture.parts.windows)
      func refusal(_ text: String) async throws -> WindowGate.Refusal? {
        guard let time = Timestamp(text) else { return nil }
        return try await fixture.database.transaction(.read) { try gate.refusal(time, $0) }
      }
      #expect(try await refusal("2027-01-15T12:00:00Z") == nil)
      _ = try await fixture.send(.put, "/api/admin/windows", BackendFixture.weekend)
      #expect(try await refusal("2027-01-16T01:00:00Z") == nil)
      let refused = try await refusal("2027-01-15T12:00:00Z")
      #expect(refused?.message.contains("Sat 2027-01-16 02:00 Europe/Berlin (2027-01-16T01:00:00Z)") == true)
      #expect(refused?.next.first == Timestamp("2027-01-16T01:00:00Z"))
      // Without windows a freeze still counts.
      _ = try await fixture.send(
        .put, "/api/admin/windows",
        ["windows": [], "freezes": [["from": "2027-01-15", "to": "2027-01-20", "timeZone": "UTC", "reason": "Fair"]]])
      #expect(try await refusal("2027-01-15T12:00:00Z")?.next.map(\.description) == ["2027-01-21T00:00:00Z"])
      #expect(try await refusal("2027-01-21T00:00:00Z") == nil)
      // What cannot be read lets nothing through.
      try await fixture.execute("UPDATE deployment_config SET windows = '{\"windows\": 1}'")
      #expect(try await refusal("2027-01-21T00:00:00Z")?.message.contains("cannot be read (windows: must be") == true)
      #expect(try await fixture.send(.get, "/api/admin/windows/next").status == 503)
      #expect(try await fixture.send(.put, "/api/admin/windows", BackendFixture.weekend).status == 200)
    }
  }

  @Test func whatIsRefusedNamesTheTimesThatFit() async throws {
    try await BackendFixture.with(.sqlite) { fixture in
      _ = try await fixture.send(.put, "/api/admin/windows", BackendFixture.weekend)
      let id = try await fixture.addDownloaded(BackendFixture.offer("2.3.0"))
      let answer = try await fixture.send(
        .post, "/api/admin/deployment/schedule",
        ["deploymentId": .string(id), "scheduledFor": "2027-01-15T12:00:00Z"])
      #expect(answer.status == 422)
      #expect(answer.json["next"]?.array?.first == "2027-01-16T01:00:00Z", "\(answer.json.text)")
      #expect(answer.error.contains("2027-01-16T01:00:00Z"))
    }
  }

  // MARK: Consent

  /// Whoever finds a page that is signed in must not have more deployed than its owner wanted.
  @Test func consentToMoreNeedsASignInOfTheLastMinutes() async throws {
    try await BackendFixture.with(.sqlite) { fixture in
      let front = BackendFront(fixture)
      let browser = try await front.browser("ann@example.com", in: fixture)
      func put(_ path: String, _ body: JSONValue) async throws -> Int {
        try await front.send(.put, "/api/admin/\(path)", body, browser: browser).status
      }
      let window = BackendFixture.weekend["windows"]?.array?.first ?? .null
      var other = window
      other["from"] = "03:00"
      let freeze: JSONValue = ["from": "2027-02-01", "to": "2027-02-03", "timeZone": "UTC", "reason": "Fair"]
      #expect(try await put("windows", ["windows": [window], "freezes": [freeze]]) == 200)
      fixture.advance(.seconds(601))
      for body in [
        ["deploymentPolicy": "Automatic"], ["automaticMigrations": true], ["healthWatchMinutes": 0],
        ["healthWatchMinutes": 9],
      ] as [JSONValue] {
        #expect(try await put("policy", body) == 403, "\(body.text)")
      }
      for (windows, freezes) in [([], [freeze]), ([window, other], [freeze]), ([other], [freeze]), ([window], [])]
        as [(JSONValue, JSONValue)]
      {
        #expect(try await put("windows", ["windows": windows, "freezes": freezes]) == 403, "\(windows.text)")
      }
      #expect(try await fixture.audited().filter { $0.hasSuffix("Changed") } == ["MaintenanceWindowsChanged"])
      // What consents to less, or to the same, needs none.
      for body in [
        ["deploymentPolicy": "Manual"], ["automaticMigrations": false], ["healthWatchMinutes": 10],
        ["healthWatchMinutes": 20],
      ] as [JSONValue] {
        #expect(try await put("policy", body) == 200, "\(body.text)")
      }
      var longer = freeze
      longer["from"] = "2027-03-01"
      longer["to"] = "2027-03-02"
      #expect(try await put("windows", ["windows": [window], "freezes": [freeze, longer]]) == 200)
      let confirmed = try await front.send(
        .post, "/api/admin/session/reauthenticate", ["password": .string(BackendFront.password)], browser: browser)
      #expect(confirmed.status == 200)
      #expect(try await put("windows", ["windows": [other], "freezes": []]) == 200)
      #expect(try await put("policy", ["healthWatchMinutes": 0]) == 200)
    }
  }

  // MARK: Policy

  @Test(arguments: TestDatabase.available)
  func thePolicyIsManualUntilAnAdminWantsOtherwise(_ database: TestDatabase) async throws {
    try await BackendFixture.with(database) { fixture in
      var answer = try await fixture.send(.get, "/api/admin/policy")
      let standard: JSONValue = [
        "deploymentPolicy": "Manual", "automaticOffReason": nil, "automaticMigrations": false,
        "healthWatchMinutes": 10, "automaticallyScheduled": nil,
      ]
      #expect(answer.status == 200 && answer.json == standard)
      answer = try await fixture.send(.put, "/api/admin/policy", ["deploymentPolicy": "Automatic"])
      #expect(answer.status == 409)
      #expect(answer.json["error"]?.string?.contains("there is none: set one") == true)
      _ = try await fixture.send(.put, "/api/admin/windows", BackendFixture.weekend)
      answer = try await fixture.send(
        .put, "/api/admin/policy", ["deploymentPolicy": "Automatic", "automaticMigrations": true])
      #expect(answer.status == 200 && answer.json["deploymentPolicy"] == "Automatic", "\(answer.json.text)")
      #expect(try await fixture.policy().automaticSince == fixture.now)
      fixture.advance(.seconds(60))
      // What was answered can be sent back; what is left out stays.
      #expect(try await fixture.send(.put, "/api/admin/policy", answer.json).json == answer.json)
      answer = try await fixture.send(.put, "/api/admin/policy", ["healthWatchMinutes": 1440])
      let state = try await fixture.policy()
      #expect(state.policy == .automatic && state.allowsMigrations && state.healthWatchMinutes == 1440)
      #expect(state.automaticSince == fixture.now + .seconds(-60))
      // The windows that it needs stay.
      #expect(try await fixture.send(.put, "/api/admin/windows", ["windows": [], "freezes": []]).status == 409)
      // Operators set windows; who decides, admins say.
      for role in ["operator", "viewer"] {
        #expect(try await fixture.send(.put, "/api/admin/policy", [:], role: role).status == 403)
      }
      #expect(
        try await fixture.audited() == [
          "MaintenanceWindowsChanged", "DeploymentPolicyChanged", "DeploymentPolicyChanged",
        ])
      let detail = try await fixture.query(
        "SELECT detail FROM audit_entry WHERE action = 'DeploymentPolicyChanged' ORDER BY sequence")
      let first = try JSONValue(parsing: Array((detail[0][0].text ?? "").utf8))
      #expect(first["before"]?["deploymentPolicy"] == "Manual" && first["after"]?["deploymentPolicy"] == "Automatic")
    }
  }

  @Test(
    arguments: [
      (["deploymentPolicy": "automatic"], "deploymentPolicy"), (["deploymentPolicy": true], "deploymentPolicy"),
      (["automaticMigrations": 1], "automaticMigrations"), (["healthWatchMinutes": 1441], "healthWatchMinutes"),
      (["healthWatchMinutes": -1], "healthWatchMinutes"), (["healthWatchMinutes": 1.5], "healthWatchMinutes"),
      (["healthWatchMinutes": "10"], "healthWatchMinutes"), (["policy": "Manual"], "policy"), ([], "the body"),
    ] as [(JSONValue, String)])
  func aWrongPolicyIsRefusedByItsField(_ body: JSONValue, _ field: String) async throws {
    try await BackendFixture.with(.sqlite) { fixture in
      let answer = try await fixture.send(.put, "/api/admin/policy", body)
      #expect(answer.status == 422)
      #expect(answer.json["error"]?.string?.hasPrefix(field) == true, "\(answer.json.text)")
    }
  }
}
