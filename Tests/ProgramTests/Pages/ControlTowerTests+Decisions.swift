import HTTPTransport
import TestSupport
import Testing
import WireFormats

/// What an admin decides about a release before anything of it runs.
extension ControlTowerTests {
  /// As the specification's Agent does (spec §6.3): takes the task, begins, and fails.
  private static func failTask(_ chain: ReleaseChain, message: String) async throws {
    let secret = try await chain.backend.secret([
      "token", "create", "--role", "agent", "--name", "polling", "--namespace", "wrktalk",
    ])
    func ask(_ method: String, _ path: String, _ body: JSONValue? = nil) async throws -> JSONValue {
      let answer = try await chain.http.send(
        HTTPTransport.HTTPRequest(
          method: method, url: chain.backend.url + path,
          headers: [("X-Agent-Secret", secret), ("Content-Type", "application/json")],
          body: body.map { .bytes($0.serialized()) } ?? .none))
      guard answer.status == 200 else {
        throw ProgramError(description: "\(path): \(answer.status) \(String(decoding: answer.body, as: UTF8.self))")
      }
      return (try? JSONValue(parsing: answer.body)) ?? .null
    }
    let deadline = ContinuousClock.now + .seconds(60)
    while true {
      if let id = try await ask("GET", "/internal/agent/tasks")["task"]?["id"]?.string {
        _ = try await ask("POST", "/internal/agent/tasks/\(id)/status", ["status": "inProgress"])
        _ = try await ask(
          "POST", "/internal/agent/tasks/\(id)/status", ["status": "failed", "errorMessage": .string(message)])
        return
      }
      guard ContinuousClock.now < deadline else { throw ProgramError(description: "there is no task") }
      try await Task.sleep(for: .milliseconds(100))
    }
  }

  @Test func anAdminPutsAReleaseOffOverridesTheWindowsAndCancels() async throws {
    try await ReleaseChain.use { chain in
      let password = try await chain.account("ada@example.com")
      try await chain.publish("1.0.0", tag: "v1")
      _ = try await chain.waitForOffer(of: "1.0.0")
      // Open on one day of the year, which is not today.
      let year = String(ReleaseChain.now().wholeSeconds.description.prefix(4))
      let day = ReleaseChain.now().wholeSeconds.description.contains("-06-1") ? "01-15" : "06-15"
      let (status, answer) = try await chain.send(
        "PUT", "/api/admin/windows",
        [
          "windows": [
            ["dates": ["from": .string(day), "to": .string(day)], "from": "02:00", "to": "05:00", "timeZone": "UTC"]
          ], "freezes": [],
        ])
      #expect(status == 200, "\(answer.text)")
      try await Browser.use { browser in
        try await browser.prefer(dark: false)
        try await browser.signIn(at: chain.backend.url, "ada@example.com", password)
        try await browser.run("location.hash = '#/offers'")
        try await browser.press("Not now")
        try await browser.fill("Why not now", "The fair is on")
        try await browser.press("Not now")
        try await browser.wait(toRead: "v1.0.0 is put off.")
        try await browser.wait(toRead: "There is nothing but what was put off.")
        try await browser.press("Show what was put off (1)")
        try await browser.wait(toRead: "The fair is on")
        try await browser.lookAtPlace("tower-offer-put-off")
        try await browser.press("Take “not now” back")
        try await browser.wait(toRead: "v1.0.0 may be deployed again.")
        // Nobody is there to look at it again before the first deployment.
        #expect(try await browser.text().contains("Agents look at releases beforehand from the first deployment on."))

        // Outside the windows it takes a reason.
        try await browser.press("Schedule v1.0.0")
        try await browser.wait(toRead: "When is v1.0.0 to be deployed?")
        try await browser.click("dialog input[value=other]")
        try await browser.run(
          """
          const input = document.querySelector("dialog input[type=datetime-local]");
          input.value = `${Number(arguments[0]) + 1}-03-03T12:00`;
          input.dispatchEvent(new Event("input"));
          """, .string(year))
        try await browser.press("Schedule")
        try await browser.wait(toRead: "The time lies outside your windows.")
        try await browser.lookAtPlace("tower-override-dialog")
        try await browser.fill("Why it cannot wait", "A hole that has to be closed")
        try await browser.press("Schedule")
        try await browser.wait(toRead: "v1.0.0 is scheduled for")
        try await browser.wait(toRead: "Outside the windows: A hole that has to be closed")

        try await browser.press("Choose another time")
        try await browser.wait(toRead: "When is v1.0.0 to be deployed?")
        try await browser.click("dialog input[value=window-0]")
        try await browser.press("Schedule")
        try await browser.wait(
          for: "the window's time", "return document.querySelector('article').innerText.includes('02:00 UTC')")
        try await browser.press("Cancel it")
        try await browser.fill("Why (may be empty)", "Not needed")
        try await browser.press("Cancel the deployment")
        try await browser.wait(toRead: "Cancelled. Nothing was changed.")
        try await browser.wait(toRead: "Cancelled by ada@example.com: Not needed")

        // What an Agent reports that polls for tasks is text in every place that keeps it.
        _ = try await chain.send("PUT", "/api/admin/windows", ["windows": [], "freezes": []])
        try await chain.schedule("1.0.0")
        try await Self.failTask(chain, message: Browser.hostile)
        for (place, opened) in [
          ("now", "document.querySelectorAll('main details').forEach((one) => { one.open = true; })"),
          ("history", "location.hash = document.querySelector('tbody tr').dataset.href"), ("offers", ""), ("live", ""),
        ] {
          try await browser.run("location.hash = '#/' + arguments[0]", .string(place))
          try await browser.wait(
            for: place, "return document.querySelector('a[aria-current]')?.hash === '#/' + arguments[0]", .string(place)
          )
          if place == "history" { try await browser.wait(for: "a row", "return !!document.querySelector('tbody tr')") }
          if !opened.isEmpty { try await browser.run(opened) }
          // The server keeps no control characters of it.
          try await browser.expectHostileTextAsText(place, hasControls: false)
        }
        try await browser.run("location.hash = '#/history'")
        #expect(try await browser.console(besides: 422) == [])
      }
    }
  }
}
