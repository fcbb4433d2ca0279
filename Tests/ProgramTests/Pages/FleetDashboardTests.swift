import HTTPTransport
import TestSupport
import Testing
import WireFormats

/// The vendor's page in a real browser, over the real server with simulated customers.
@Suite(.needs(.browser), .timeLimit(.minutes(8)))
struct FleetDashboardTests {
  private static let views = ["rollouts", "failures", "fleet", "releases", "audit"]
  static let hostile = Browser.hostile

  /// A vendor's server, with an engineer who may sign in and the token of a program.
  struct Vendor {
    let folder: TemporaryFolder
    let server: ServerProcess
    let password: String
    let token: String
    private let http = HTTPClient(userAgent: "test")

    init() async throws {
      folder = try TemporaryFolder()
      server = try await ServerProcess("wrktalk-gcc", arguments: ["--data-dir", folder.file("gcc")], environment: [:])
      password = try await server.secret(["admin", "create", "--email", "eng@example.com", "--role", "engineer"])
      token = try await server.secret(["token", "create", "--role", "admin", "--name", "test", "--expires", "1d"])
    }

    @discardableResult
    func send(_ method: String, _ path: String, _ body: JSONValue? = nil) async throws -> JSONValue {
      let response = try await http.send(
        HTTPRequest(
          method: method, url: server.url + path,
          headers: [
            ("Authorization", "Bearer \(token)"),
            ("Content-Type", method == "PATCH" ? "application/merge-patch+json" : "application/json"),
          ], body: body.map { .bytes($0.serialized()) } ?? .none))
      let json = (try? JSONValue(parsing: response.body)) ?? .null
      guard (200..<300).contains(response.status) else {
        throw ProgramError(description: "\(method) \(path): \(response.status) \(json.text)")
      }
      return json
    }

    func publish(_ version: String, notes: String) async throws {
      let bundle = folder.file("wrktalk-\(version)-compose.tar.gz")
      try folder.write(
        "services:\n  backend:\n    image: example.com/backend:${BACKEND_IMAGE_TAG}\n",
        to: "bundle/wrktalk/docker-compose.yaml")
      try await CustomerEnvironment.command(
        "tar", "-C", folder.file("bundle"), "--mtime=@0", "-czf", bundle, "wrktalk")
      let chart = folder.file("wrktalk-\(version).tgz")
      try folder.write("apiVersion: v2\nname: wrktalk\nversion: \(version)\n", to: "chart/wrktalk/Chart.yaml")
      try await CustomerEnvironment.command("tar", "-C", folder.file("chart"), "--mtime=@0", "-czf", chart, "wrktalk")
      for (type, file) in [("compose", bundle), ("helm", chart)] {
        try await CustomerEnvironment.command(
          "curl", "-sSf", "-o", folder.file("answer"), "-X", "POST", "\(server.url)/api/internal/artifacts", "-H",
          "Authorization: Bearer \(token)", "-F", "file=@\(file)", "-F", "type=\(type)", "-F", "version=\(version)")
      }
      try await send(
        "POST", "/api/internal/releases",
        [
          "version": .string(version), "isForced": false, "isMigrationRequired": false, "releaseNotes": .string(notes),
          "imageTags": ["backend": "a", "media": "a", "controlTower": "a", "agent": "a"], "newNonEssentialEnvs": [],
        ])
    }

    func addOrganizations(_ organizations: [(name: String, spec: JSONValue)]) async throws {
      for (name, spec) in organizations {
        try await send(
          "POST", "/apis/deploy.wrktalk.com/v1/organizations",
          [
            "apiVersion": "deploy.wrktalk.com/v1", "kind": "Organization",
            "metadata": ["name": .string(name), "labels": ["ring": "canary"]], "spec": spec,
          ])
      }
    }

    func key(_ organization: String) async throws -> String {
      try await send("POST", "/api/internal/organizations/\(organization)/keys")["key"]?.string ?? ""
    }

    /// What a customer reports, with its key.
    func report(
      _ organization: String, _ key: String, _ body: JSONValue, to path: String = "/api/v1/deployments/status"
    ) async throws {
      var body = body
      body["organizationName"] = .string(organization)
      let response = try await http.send(
        HTTPRequest(
          method: "POST", url: "\(server.url)\(path)",
          headers: [("Authorization", "Bearer \(key)"), ("Content-Type", "application/json")],
          body: .bytes(body.serialized())))
      guard (200..<300).contains(response.status) else {
        throw ProgramError(description: "\(response.status) \(String(decoding: response.body, as: UTF8.self))")
      }
    }

    func stop() async {
      await http.shutdown()
      await server.program.stop()
    }
  }

  func use(_ body: (Vendor) async throws -> Void) async throws {
    let vendor = try await Vendor()
    let result: Result<Void, any Error>
    do {
      result = .success(try await body(vendor))
    } catch {
      result = .failure(error)
      print(vendor.server.output.suffix(20).joined(separator: "\n"))
    }
    await vendor.stop()
    try result.get()
  }

  private func simulate(_ vendor: Vendor, failing: String) async throws -> RunningProgram {
    try await RunningProgram.start(
      Testbed.program("wrktalkctl"),
      arguments: [
        "simulate", "fleet", "--url", vendor.server.url, "--organizations", "40", "--no-webhooks", "--poll-every", "1s",
        "--heartbeat-every", "2s", "--consent-after", "1s", "--deployment", "1s", "--failing", failing, "--offline",
        "0",
        "--slow", "0", "--never-consents", "0", "--keys", vendor.folder.file("keys.jsonl"),
      ], environment: ["WRKTALK_TOKEN": vendor.token])
  }

  @Test func anEngineerPlansStartsWatchesAFailureAndTriesAgain() async throws {
    try await use { vendor in
      try await vendor.publish("2.0.0", notes: "Faster calls")
      let failing = try await simulate(vendor, failing: "1")
      try await Browser.use { browser in
        try await browser.prefer(dark: false)
        try await browser.signIn(at: vendor.server.url, "eng@example.com", vendor.password)
        try await browser.run("window.isTheSamePage = true")
        try await browser.wait(toRead: "No release was rolled out yet")
        try await browser.run("location.hash = '#/fleet'")
        try await browser.wait(toRead: "40 customers")

        // By the keyboard alone, from the plan to the start.
        try await browser.run("location.hash = '#/releases/2.0.0'")
        try await browser.tab(to: "Plan a rollout")
        try await browser.type("Enter")
        try await browser.fill("Stages", "canary: 10 failures 2\nrest: everyone")
        #expect(try await browser.accessibilityProblems() == [])
        try await browser.tab(to: "Show the plan")
        try await browser.type("Enter")
        try await browser.wait(toRead: "Nothing has moved yet")
        try await browser.lookAtPlace("fleet-plan")
        try await browser.tab(to: "Start it as shown")
        try await browser.type("Enter")
        try await browser.wait(toRead: "Rollout release-2.0.0")
        try await browser.run("location.hash = '#/releases/2.0.0'")
        try await browser.press("Publish")
        try await browser.wait(toRead: "It is offered in the stages of release-2.0.0.")
        try await browser.press("Publish it")
        try await browser.wait(toRead: "2.0.0 is published.")
        try await browser.run("location.hash = '#/rollouts/release-2.0.0'")

        // It halts by itself, and says why and what would move it.
        try await browser.wait(toRead: "and its gate allows 2", timeout: .seconds(60))
        try await browser.screenshot(named: "fleet-halted")
        try await browser.press("Failures by cause")
        try await browser.wait(toRead: "failed with 2.0.0")
        try await browser.run("location.hash = document.querySelector('tbody tr').dataset.href")
        try await browser.wait(toRead: "Customers behind")
        try await browser.screenshot(named: "fleet-failures-behind")
        let counted = try await browser.run(
          "return document.querySelector('tbody tr a').innerText === String(document.querySelectorAll('section table tbody tr').length)"
        )
        #expect(counted == true, "the number is that of the customers behind it")

        await failing.stop()
        let mended = try await simulate(vendor, failing: "0")
        try await browser.run("location.hash = '#/rollouts/release-2.0.0'")
        try await browser.press("Retry")
        try await browser.wait(toRead: "with exactly the same content")
        try await browser.press("Retry")
        try await browser.wait(toRead: "Completed: 40 of 40 run 2.0.0", timeout: .seconds(60))
        try await browser.screenshot(named: "fleet-completed")
        #expect(try await browser.run("return window.isTheSamePage === true") == true, "nothing was reloaded")
        #expect(try await browser.console() == [])

        // A job for many goes on without the page.
        try await browser.run("location.hash = '#/fleet?q=sim'")
        try await browser.press("Label them")
        try await browser.fill("Label", "ring")
        try await browser.fill("Value", "canary")
        try await browser.press("Go on")
        try await browser.press("For 40 customers")
        try await browser.wait(toRead: "It is begun for 40 customers")
        try await browser.wait(toRead: "ring=canary")
        try await lookAtEveryView(browser)
        await mended.stop()
      }
    }
  }

  /// Whoever joins while a plan is read is in no rollout unseen: it is refused, and the plan is shown anew.
  @Test func aPlanThatIsAnotherNowIsShownAnewBeforeItIsStarted() async throws {
    try await use { vendor in
      try await vendor.publish("2.0.0", notes: "Faster calls")
      try await vendor.addOrganizations([("acme", ["deploymentType": "Docker"])])
      try await Browser.use { browser in
        try await browser.signIn(at: vendor.server.url, "eng@example.com", vendor.password)
        try await browser.wait(toRead: "No release was rolled out yet")
        try await browser.run("location.hash = '#/releases/2.0.0'")
        try await browser.press("Plan a rollout")
        try await browser.fill("Stages", "all: everyone")
        try await browser.press("Show the plan")
        try await browser.wait(toRead: "later stages take who is there when they begin")
        try await vendor.addOrganizations([("newcomer", ["deploymentType": "Docker"])])
        try await browser.press("Start it as shown")
        try await browser.wait(toRead: "the plan is another now")
        try await browser.press("Show the plan")
        try await browser.wait(toRead: "acme, newcomer")
        try await browser.press("Start it as shown")
        try await browser.wait(toRead: "Rollout release-2.0.0")
        let rollout = try await vendor.send("GET", "/apis/deploy.wrktalk.com/v1/rollouts/release-2.0.0")
        #expect(rollout["metadata"]?["annotations"]?["deploy.wrktalk.com/planDigest"] != nil)
        #expect(try await browser.console(besides: 422) == [])
      }
    }
  }

  private func lookAtEveryView(_ browser: Browser) async throws {
    let places = Self.views + ["rollouts/release-2.0.0?stage=canary", "releases/2.0.0"]
    for place in places {
      try await browser.run("location.hash = '#/' + arguments[0]", .string(place))
      try await browser.wait(
        for: "\(place) to be whole",
        "return !!document.querySelector('main h1') && ![...document.querySelectorAll('main p')].some((one) => one.innerText === 'Looking…')"
      )
      let name = place.split(whereSeparator: { "/?".contains($0) }).prefix(2).joined(separator: "-")
      try await browser.lookAtPlace("fleet-\(name)")
    }
    #expect(try await browser.console() == [])
  }

  /// What a customer or CI fills in is text, whatever it looks like; a viewer is shown no way to change anything.
  @Test func textFromElsewhereIsShownAsText() async throws {
    try await use { vendor in
      let viewer = try await vendor.server.secret(["admin", "create", "--email", "vic@example.com", "--role", "viewer"])
      try await vendor.publish("2.0.0", notes: Self.hostile)
      try await vendor.addOrganizations([
        (
          "acme",
          [
            "deploymentType": "Docker",
            "contacts": [
              "spocName": .string(Self.hostile), "spocEmail": "javascript:window.hostile=1@x",
              "spocPhone": "<img src=x onerror=\"window.hostile=1\">", "accountManager": .string(Self.hostile),
            ],
          ]
        )
      ])
      let key = try await vendor.key("acme")
      try await vendor.send("POST", "/api/internal/releases/2.0.0/publish", [:])
      try await vendor.wait(for: "consent", of: 1, in: "release-2.0.0")
      let releaseID = try await vendor.send("GET", "/api/internal/releases/2.0.0")["id"]?.string ?? ""
      try await vendor.report(
        "acme", key,
        [
          "releaseId": .string(releaseID), "status": "failed", "errorMessage": .string(Self.hostile),
          "reason": "Hostile", "component": .string(Self.hostile),
        ])
      try await vendor.report(
        "acme", key, ["status": "<img src=x onerror=window.hostile=1>"], to: "/api/v1/organizations/acme/heartbeat")
      try await vendor.send(
        "POST", "/api/internal/fleet/jobs",
        ["action": "resolveEscalations", "filter": [:], "resolution": .string(Self.hostile)])
      try await Browser.use { browser in
        try await browser.signIn(at: vendor.server.url, "vic@example.com", viewer)
        for place in [
          "fleet", "audit", "rollouts/release-2.0.0?state=failed", "failures/2.0.0", "releases/2.0.0", "fleet/acme",
        ] {
          try await browser.run("location.hash = '#/' + arguments[0]", .string(place))
          try await browser.wait(
            for: "\(place) to be whole",
            "return !!document.querySelector('main h1') && ![...document.querySelectorAll('main p')].some((one) => one.innerText === 'Looking…')"
          )
          if place == "fleet" {
            try await browser.wait(for: "the jobs", "return !!document.querySelector('details.card .row')")
            try await browser.run("document.querySelectorAll('main details').forEach((one) => { one.open = true; })")
          }
          if place != "audit" {
            // Messages of failures are without control characters where they are compared.
            let hasControls = !place.hasPrefix("rollouts") && !place.hasPrefix("failures")
            try await browser.expectHostileTextAsText(place, hasControls: hasControls)
          }
        }
        try await browser.wait(toRead: "<img src=x onerror=window.hostile=1>")
        try await browser.screenshot(named: "fleet-hostile")
        #expect(try await browser.run("return document.querySelectorAll('main button').length") == 0)
        // The server refuses it, too.
        let status = try await browser.run(
          """
          return fetch("/api/internal/fleet/jobs", { method: "POST", headers: { "Content-Type": "application/json",
            "X-WrkTalk-CSRF": sessionStorage.getItem("header-token /api/admin/session") },
            body: JSON.stringify({ action: "label", filter: {}, labels: { a: "b" } }) }).then((answer) => answer.status)
          """)
        #expect(status == 403)
        #expect(try await browser.console(besides: 403) == [])
      }
    }
  }

  /// Whoever stole the cookie has no header token; and with the session its page's requests end.
  @Test func aSessionWithoutItsHeaderTokenChangesNothingAndItsEndEndsThePage() async throws {
    try await use { vendor in
      try await vendor.addOrganizations([("acme", ["deploymentType": "Docker"])])
      try await Browser.use { browser in
        try await browser.signIn(at: vendor.server.url, "eng@example.com", vendor.password)
        try await browser.wait(toRead: "No release was rolled out yet")
        let labelled = """
          return fetch("/api/internal/fleet/jobs", { method: "POST", headers: { "Content-Type": "application/json", ...arguments[0] },
            body: JSON.stringify({ action: "label", filter: {}, labels: { a: "b" } }) }).then((answer) => answer.status)
          """
        #expect(try await browser.run(labelled, [:]) == 403)
        #expect(try await browser.run(labelled, ["X-WrkTalk-CSRF": "guessed"]) == 403)
        let written = try await browser.run(
          """
          return fetch("/apis/deploy.wrktalk.com/v1/organizations/acme", { method: "PATCH", headers: { "Content-Type": "application/merge-patch+json" },
            body: JSON.stringify({ metadata: { labels: { a: "b" } } }) }).then((answer) => answer.status)
          """)
        #expect(written == 403)
        let jobs = try await vendor.send("GET", "/api/internal/fleet/jobs")
        #expect(jobs["jobs"] == [])

        _ = try await vendor.server.command("admin", "disable", "eng@example.com")
        // The page only watches here, and the server looks every half a minute who still may.
        try await browser.wait(toRead: "Your session has ended", timeout: .seconds(120))
        let asked = "return performance.getEntriesByType('resource').filter((one) => one.name.includes('/api')).length"
        let count = try await browser.run(asked)
        try await browser.run("return new Promise((done) => setTimeout(done, 5000))")
        #expect(try await browser.run(asked) == count)
        #expect(try await browser.run("return Object.keys(sessionStorage).length") == 0)
        for _ in 0..<12 {
          try await browser.fill("Email address", "eng@example.com")
          try await browser.fill("Password", "not the password")
          try await browser.press("Sign in")
          try await browser.wait(toMatch: "The email address or the password is wrong|Too many wrong passwords")
          if try await browser.text().contains("Too many wrong passwords") { break }
        }
        #expect(try await browser.text().contains("Too many wrong passwords"))
        // The right one is let in once it may be tried, of somebody who may sign in.
        let other = try await vendor.server.secret([
          "admin", "create", "--email", "eve@example.com", "--role", "engineer",
        ])
        try await browser.fill("Email address", "eve@example.com")
        for _ in 0..<6 {
          try await browser.fill("Password", other)
          try await browser.press("Sign in")
          let outcome = try await browser.wait(
            for: "an answer",
            "return document.querySelector('nav') ? 'in' : document.querySelector('button[type=submit]').disabled && document.querySelector('input[type=password]').value === '' ? 'wait' : null"
          )
          if outcome == "in" { break }
        }
        try await browser.wait(toRead: "No release was rolled out yet")
        #expect(try await browser.console(besides: 401, 403, 429) == [])
      }
    }
  }
}
