import HTTPTransport
import TestSupport
import Testing
import WireFormats

/// What an admin sets up before any release comes, by hand and by the keyboard.
extension TowerSessionTests {
  @Test func anAdminSetsWindowsAndPolicyAndLosesNothingOfWhatOthersSet() async throws {
    try await use { url, password, backend in
      let token = try await backend.secret(["token", "create", "--role", "admin", "--name", "other"])
      let http = HTTPClient(userAgent: "test")
      func send(_ calendar: JSONValue) async throws -> Int {
        try await http.send(
          HTTPRequest(
            method: "PUT", url: "\(url)/api/admin/windows",
            headers: [("Authorization", "Bearer \(token)"), ("Content-Type", "application/json")],
            body: .bytes(calendar.serialized()))
        ).status
      }
      let window: JSONValue = ["days": ["Sat"], "from": "01:00", "to": "04:00", "timeZone": "Europe/Berlin"]
      let freeze: JSONValue = [
        "from": "2027-03-27T18:00", "to": "2027-03-29", "timeZone": "Europe/Berlin", "reason": "Of somebody else",
      ]
      try await Browser.use { browser in
        try await browser.prefer(dark: false)
        try await browser.signIn(at: url, "ada@example.com", password)
        try await browser.wait(toRead: "Nothing is deployed yet")
        // By the keyboard alone: to the view, where its content has the focus, to the button, and through the dialog.
        try await browser.tab(to: "Schedule")
        try await browser.type("Enter")
        try await browser.wait(toRead: "Deployments begin only in these")
        #expect(try await browser.run("return document.activeElement.getAttribute('aria-label')") == "Schedule")
        try await browser.tab(to: "Add a window")
        try await browser.type("Enter")
        try await browser.wait(toRead: "Add a maintenance window")
        #expect(try await browser.accessibilityProblems() == [])
        try await browser.type("Enter")
        try await browser.wait(toMatch: "Saturday, Sunday, 02:00 to 05:00")

        // Somebody else changes them while a dialog is open: nothing of theirs is lost, and it is said.
        try await browser.press("Add a freeze")
        try await browser.fill("Why", "Inventory")
        #expect(try await send(["windows": [window], "freezes": [freeze]]) == 200)
        try await browser.press("Add it")
        try await browser.wait(toRead: "Somebody else has changed the windows or freezes meanwhile")
        try await browser.type("Escape")
        try await browser.wait(toRead: "Of somebody else")
        try await browser.press("Add a freeze")
        try await browser.fill("Why", "Inventory")
        try await browser.press("Add it")
        try await browser.wait(toMatch: "Inventory(.|\\n)*Of somebody else|Of somebody else(.|\\n)*Inventory")
        try await browser.wait(toRead: "Saturday, 01:00 to 04:00, Europe/Berlin")

        // The calendar with all that it can show.
        try await browser.run("location.hash = '#/schedule?month=2027-03'")
        try await browser.wait(toRead: "Clocks forward 60 min")
        try await browser.lookAtPlace("tower-schedule-calendar")

        try await browser.press("Change it")
        try await browser.click("dialog input[value=Automatic]")
        try await browser.press("Save")
        try await browser.wait(toRead: "Releases are deployed by themselves in your windows")
        try await browser.click("[aria-label^='Remove the window']")
        try await browser.press("Remove")
        try await browser.wait(toRead: "the deployment policy is Automatic, which needs a window at least")
        try await browser.press("Cancel")
        try await browser.click("[aria-label^='Remove the freeze']")
        try await browser.press("Remove")
        try await browser.wait(
          for: "one freeze to be left",
          "return document.querySelectorAll(\"[aria-label^='Remove the freeze']\").length === 1")
        #expect(try await browser.console(besides: 409) == [])
      }
      await http.shutdown()
    }
  }

  @Test func anAdminLooksAfterPeopleTokensAndTheLicence() async throws {
    try await use { url, password, _ in
      try await Browser.use { browser in
        try await browser.prefer(dark: false)
        try await browser.signIn(at: url, "ada@example.com", password)
        try await browser.run("location.hash = '#/people'")
        try await browser.press("Add a person")
        try await browser.fill("Email address", "vera@example.com")
        try await browser.press("Add")
        try await browser.wait(toRead: "The password of vera@example.com")
        #expect(try await browser.accessibilityProblems() == [])
        try await browser.press("I have kept it")
        try await browser.wait(
          for: "the person", "return !!document.querySelector(\"[aria-label='Remove vera@example.com']\")")
        try await browser.press("Make a token")
        try await browser.fill("Name", "kubectl")
        try await browser.press("Make it")
        try await browser.wait(toRead: "The token kubectl")
        try await browser.press("I have kept it")
        try await browser.click("[aria-label='Revoke kubectl']")
        try await browser.wait(toRead: "Whoever uses it is refused within seconds")
        try await browser.press("Revoke")
        try await browser.wait(
          for: "the token to be gone", "return !document.querySelector(\"[aria-label='Revoke kubectl']\")")

        // A setting with its history, opened by the keyboard alone.
        try await browser.run("location.hash = '#/settings'")
        for (name, value) in [("A_SWITCH", "on"), ("B_SWITCH", "off")] {
          try await browser.press("Add a setting")
          try await browser.fill("Name", name)
          try await browser.fill("Value", value)
          try await browser.press("Save")
          try await browser.wait(toRead: "\(name) is saved")
        }
        try await browser.wait(
          for: "both settings",
          "return [...document.querySelectorAll('tbody tr')].some((row) => row.textContent.includes('B_SWITCH'))")
        try await browser.run("document.querySelector('tbody tr').focus()")
        try await browser.type("ArrowDown")
        try await browser.type("Enter")
        try await browser.wait(toRead: "History of B_SWITCH")
        try await browser.lookAtPlace("tower-settings-opened")
        try await browser.press("Set another licence")
        try await browser.fill("Licence", "not a licence")
        try await browser.press("Verify and set")
        try await browser.wait(toRead: "Not done")
        try await browser.press("Cancel")
        try await browser.run("location.hash = '#/audit'")
        try await browser.wait(toRead: "SettingChanged")
        try await browser.run("location.hash = document.querySelector('tbody tr').dataset.href")
        try await browser.wait(toRead: "Of the entry before")
        try await browser.click(".account summary")
        try await browser.lookAtPlace("tower-audit-opened")
        try await browser.run("location.hash = '#/no-such-view'")
        try await browser.wait(toRead: "There is no such view")
        #expect(try await browser.accessibilityProblems() == [])
        #expect(try await browser.console(besides: 422) == [])

        // Where the server cannot be reached, what is shown says that it is what was known last.
        try await browser.run("location.hash = '#/now'")
        try await browser.wait(toRead: "Nothing is deployed yet")
        func reach(_ isReached: Bool) async throws {
          try await browser.devTools("Network.enable", [:])
          try await browser.devTools(
            "Network.emulateNetworkConditions",
            ["offline": .bool(!isReached), "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1])
        }
        try await reach(false)
        try await browser.wait(toRead: "What you see is what was known last.")
        try await browser.lookAtPlace("tower-unreachable")
        try await reach(true)
        try await browser.wait(
          for: "the page to be up to date",
          "return !document.body.innerText.includes('What you see is what was known last.')")
      }
    }
  }
}

extension Browser {
  /// Markup, a terminal's escape sequence and a change of the direction of writing.
  static let hostile =
    "<img src=x onerror=\"window.hostile=1\">\u{1B}[31mred\u{202E}desrever<script>window.hostile=1</script>"

  /// Waits until what is shown holds the hostile text as people may read it, and that nothing was made of it.
  /// - Parameter hasControls: false where no control characters are kept, or quotation marks are written otherwise.
  func expectHostileTextAsText(_ place: String, hasControls: Bool = true) async throws {
    try await wait(toRead: hasControls ? "<img src=x onerror=\"window.hostile=1\">" : "<img src=x onerror=")
    let text = try await text()
    #expect(!hasControls || text.contains("[U+202E]") && text.contains("\u{241B}[31mred"), "\(place)")
    #expect(!text.contains("\u{202E}") && !text.contains("\u{1B}"), "\(place)")
    let made = try await run(
      """
      return document.querySelectorAll("main img, main script, main iframe, main b, [onerror]").length
        + [...document.querySelectorAll("a")].filter((one) => !["http:", "https:", "mailto:"].includes(one.protocol)).length
        + (window.hostile === undefined ? 0 : 1)
      """)
    #expect(made == 0, "\(place)")
  }

  /// What is shown now, in both themes and on a narrow screen: nothing that shuts people out, nothing cut off. The screenshots are for
  /// people to look at.
  func lookAtPlace(_ name: String) async throws {
    for isDark in [false, true] {
      try await prefer(dark: isDark)
      #expect(try await accessibilityProblems() == [], "\(name)\(isDark ? ", dark" : "")")
      try await screenshot(named: "\(name)-\(isDark ? "dark" : "light")")
    }
    try await prefer(dark: false)
    try await resize(width: 320, height: 720)
    #expect(try await cutOff() == [], "\(name) at 320 px")
    try await screenshot(named: "\(name)-narrow")
    try await resize(width: 1280, height: 900)
  }
}
