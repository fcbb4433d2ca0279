import HTTPTransport
import TestSupport
import Testing
import WireFormats

/// Signing in, and what ends it, in a real browser over a real Backend.
@Suite(.needs(.browser), .timeLimit(.minutes(5)))
struct TowerSessionTests {
  /// A Backend of a customer that has no vendor yet, with an admin.
  func use(
    isSecure: Bool = false, _ body: (_ url: String, _ password: String, ServerProcess) async throws -> Void
  ) async throws {
    let folder = try TemporaryFolder()
    var environment: [String: String] = [:]
    if isSecure {
      let certificate = try await TestCertificate.make(in: folder, for: ["DNS:localhost", "IP:127.0.0.1"])
      environment = ["WRKTALK_TLS_CERT_FILE": certificate.certificateFile, "WRKTALK_TLS_KEY_FILE": certificate.keyFile]
    }
    let backend = try await ServerProcess(
      "wrktalk-backend", arguments: ["--data-dir", folder.file("backend")], environment: environment)
    let password = try await backend.secret(["admin", "create", "--email", "ada@example.com", "--role", "admin"])
    let result: Result<Void, any Error>
    do {
      result = .success(
        try await body(isSecure ? "https://localhost:\(backend.port)" : backend.url, password, backend))
    } catch {
      result = .failure(error)
      print(backend.output.suffix(20).joined(separator: "\n"))
    }
    await backend.program.stop()
    try result.get()
  }

  @Test func wrongPasswordsAreSlowedDownAndTheRightOneStillWorks() async throws {
    try await use { url, password, _ in
      try await Browser.use { browser in
        try await browser.open(url)
        for isDark in [false, true] {
          try await browser.prefer(dark: isDark)
          #expect(try await browser.accessibilityProblems() == [])
          try await browser.screenshot(named: "tower-sign-in-\(isDark ? "dark" : "light")")
        }
        try await browser.resize(width: 320, height: 720)
        #expect(try await browser.cutOff() == [], "at 320 px")
        try await browser.resize(width: 1280, height: 900)
        try await browser.fill("Email address", "ada@example.com")
        // Each wrong one makes the next wait longer, so that one of them is refused unseen however slow this machine is.
        for _ in 0..<12 {
          try await browser.fill("Password", "not the password")
          try await browser.press("Sign in")
          try await browser.wait(toMatch: "The email address or the password is wrong|Too many wrong passwords")
          if try await browser.text().contains("Too many wrong passwords. You can try again in") { break }
        }
        // What counts down is for eyes: a screen reader is told once.
        try await browser.run(
          """
          window.announced = 0;
          // The first waits are short, and may be over by now.
          const alert = document.querySelector("[role=alert]");
          if (alert) new MutationObserver(() => { if (alert.textContent.includes("try again in")) window.announced += 1; })
            .observe(alert, { childList: true, characterData: true, subtree: true });
          window.counting = document.querySelector("main [aria-hidden=true].hint")?.textContent ?? "";
          """)
        try await browser.wait(
          for: "the count to go on",
          "return document.querySelector('main [aria-hidden=true].hint')?.textContent !== window.counting")
        #expect(try await browser.run("return window.announced") == 0)
        let refused = try await browser.run(
          """
          return Promise.all([...Array(20)].map(() => fetch("/api/admin/session", { method: "POST",
            headers: { "Content-Type": "application/json" }, body: JSON.stringify({ email: "ada@example.com", password: "guess" }) })
            .then((answer) => answer.status))).then((all) => all.every((status) => status === 429 || status === 401) && all.includes(429))
          """)
        #expect(refused == true)
        try await browser.screenshot(named: "tower-throttled")
        // `press` waits until the button lets it. What was guessed meanwhile may have made the wait longer.
        for _ in 0..<6 {
          try await browser.fill("Password", password)
          try await browser.press("Sign in")
          let outcome = try await browser.wait(
            for: "an answer",
            "return document.querySelector('nav') ? 'in' : document.querySelector('button[type=submit]').disabled && document.querySelector('input[type=password]').value === '' ? 'wait' : null"
          )
          if outcome == "in" { break }
        }
        try await browser.wait(toRead: "Nothing is deployed yet")
        #expect(try await browser.console(besides: 401, 429) == [])
      }
    }
  }

  /// A page of whoever has the cookie but not the header token is asked who it is, and the server refuses what it sends by itself.
  @Test func aSessionWithoutItsHeaderTokenChangesNothing() async throws {
    try await use { url, password, _ in
      try await Browser.use { browser in
        try await browser.signIn(at: url, "ada@example.com", password)
        try await browser.run("sessionStorage.clear()")
        let status = try await browser.run(
          """
          return fetch("/api/admin/config", { method: "POST", headers: { "Content-Type": "application/json" },
            body: JSON.stringify({ key: "STOLEN", value: "1" }) }).then((answer) => answer.status)
          """)
        #expect(status == 403)
        try await browser.run("location.hash = '#/settings'")
        try await browser.press("Add a setting")
        try await browser.fill("Name", "OWN")
        try await browser.press("Save")
        try await browser.wait(toRead: "Confirm that it is you")
        try await browser.fill("Password of ada@example.com", password)
        try await browser.press("Confirm")
        try await browser.wait(toRead: "OWN is saved")
        #expect(!(try await browser.text().contains("STOLEN")))
        #expect(try await browser.console(besides: 403) == [])
      }
    }
  }

  @Test func asSoonAsASessionEndsItsPageWatchesNoMore() async throws {
    try await use { url, password, backend in
      let other = try await backend.secret(["admin", "create", "--email", "eve@example.com", "--role", "viewer"])
      try await Browser.use { browser in
        try await browser.signIn(at: url, "eve@example.com", other)
        try await browser.wait(toRead: "Nothing is deployed yet")
        // A viewer sees no way to change anything.
        #expect(!(try await browser.text().contains("People and tokens")))
        _ = try await backend.command("admin", "disable", "eve@example.com")
        try await browser.wait(toRead: "Your session has ended")
        #expect(
          try await browser.run("return document.querySelector('[role=alert].note')?.textContent")
            == "Your session has ended. Sign in again to go on.")
        let asked = "return performance.getEntriesByType('resource').filter((one) => one.name.includes('/api')).length"
        let count = try await browser.run(asked)
        // Longer than any of its intervals at this point: nobody asks for a page that nobody is signed in to.
        try await browser.run("return new Promise((done) => setTimeout(done, 5000))")
        #expect(try await browser.run(asked) == count)
        #expect(try await browser.run("return Object.keys(sessionStorage).length") == 0)

        try await browser.fill("Email address", "ada@example.com")
        try await browser.fill("Password", password)
        try await browser.press("Sign in")
        try await browser.wait(toRead: "People and tokens")
        try await browser.click(".account summary")
        try await browser.press("Sign out")
        try await browser.wait(toRead: "You are signed out.")
        #expect(try await browser.console(besides: 401) == [])
      }
    }
  }

  /// All tabs have one session: a page does not go on under the name of somebody who has left.
  @Test func whoSignsInOrOutInAnotherTabDoesSoInAll() async throws {
    try await use { url, password, backend in
      let other = try await backend.secret(["admin", "create", "--email", "eve@example.com", "--role", "viewer"])
      try await Browser.use { browser in
        try await browser.signIn(at: url, "ada@example.com", password)
        try await browser.wait(toRead: "Nothing is deployed yet")
        // What the storage of this origin says of another tab is what that tab would have written.
        func inAnotherTab(_ script: String) async throws {
          try await browser.run(
            """
            return new Promise((done) => {
              const frame = document.createElement("iframe");
              document.body.append(frame);
              const { localStorage } = frame.contentWindow;
              const key = Object.keys(localStorage).find((name) => name.startsWith("signed-in"));
              \(script)
              setTimeout(() => { frame.remove(); done(true); }, 50);
            })
            """)
        }
        let session = JSONValue.object(["email": "eve@example.com", "password": .string(other)]).text
        _ = try await browser.run(
          """
          return fetch("/api/admin/session", { method: "POST", headers: { "Content-Type": "application/json" },
            body: JSON.stringify(\(session)) }).then((answer) => answer.status)
          """)
        try await browser.run("window.isTheSamePage = true")
        try await inAnotherTab(
          "localStorage.setItem(key, JSON.stringify({ name: 'eve@example.com', roles: ['viewer'] }));")
        try await browser.wait(
          for: "the page of the other",
          """
          return window.isTheSamePage !== true && document.querySelector(".account")?.textContent.includes("eve@example.com") ? "there" : null
          """)
        try await browser.wait(toRead: "Nothing is deployed yet")
        try await inAnotherTab("localStorage.removeItem(key);")
        try await browser.wait(toRead: "You signed out in another tab.")
        #expect(try await browser.console(besides: 401) == [])
      }
    }
  }

  /// Behind TLS the cookie is one that no other host can set, and no script reads.
  @Test func behindTLSTheSessionIsOneOfThisHostAlone() async throws {
    try await use(isSecure: true) { url, password, _ in
      try await Browser.use { browser in
        try await browser.signIn(at: url, "ada@example.com", password)
        let cookies = try await browser.cookies()
        #expect(cookies["__Host-wrktalk"]?["httpOnly"] == true && cookies["__Host-wrktalk"]?["secure"] == true)
        #expect(try await browser.run("return document.cookie") == "")
        // It is still there in a page that was opened anew, with all that belongs to it, however often it is drawn.
        try await browser.reload()
        try await browser.wait(toRead: "Nothing is deployed yet")
        for view in ["history", "settings", "now"] {
          try await browser.run("location.hash = '#/\(view)'")
          try await browser.wait(
            for: "the ways out of the session in the view \(view)",
            """
            const words = [...document.querySelectorAll(".account button")].map((button) => button.textContent);
            return document.querySelector("nav [aria-current=page]")?.hash === "#/\(view)"
              && words.includes("Sign out") && words.includes("Change password") ? "there" : null
            """)
        }
        #expect(try await browser.console() == [])
      }
    }
  }
}
