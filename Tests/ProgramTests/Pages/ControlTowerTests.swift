import HTTPTransport
import ResourceModel
import TestSupport
import Testing
import WireFormats

/// The customer's page in a real browser, over the real programs: what an admin does from the first sign-in to the way back.
@Suite(.needs(.docker), .needs(.images), .needs(.browser), .usesEngine, .timeLimit(.minutes(20)))
struct ControlTowerTests {
  static let views = ["now", "offers", "schedule", "live", "history", "settings", "audit", "people"]

  @Test func anAdminTakesReleasesInAndGoesBackWithoutReloading() async throws {
    try await ReleaseChain.use { chain in
      let password = try await chain.account("ada@example.com")
      try await chain.startAgent()
      try await chain.publish("1.0.0", tag: "v1")
      try await Browser.use { browser in
        try await browser.prefer(dark: false)
        try await browser.signIn(at: chain.backend.url, "ada@example.com", password)
        try await browser.run("window.isTheSamePage = true")
        try await browser.wait(toRead: "v1.0.0 waits for you to say when", timeout: .seconds(120))
        try await browser.screenshot(named: "tower-first-offer")

        try await browser.press("Look at it and schedule")
        try await browser.press("Schedule v1.0.0")
        // A view is called so, too.
        try await browser.wait(toRead: "When is v1.0.0 to be deployed?")
        try await browser.press("Schedule")
        try await browser.wait(toRead: "is scheduled for")
        try await browser.press("Now")
        try await browser.wait(toMatch: "v1.0.0 (was deployed and is watched|runs in full health)")

        // The next one by the keyboard alone, once its checks have passed.
        try await chain.publish("2.0.0", tag: "v2")
        try await browser.wait(toRead: "v2.0.0 waits for you to say when", timeout: .seconds(120))
        try await browser.tab(to: "Offers")
        try await browser.type("Enter")
        try await browser.wait(toRead: "2 on this host", timeout: .seconds(90))
        try await browser.tab(to: "Check v2.0.0 again")
        try await browser.type("Enter")
        try await browser.wait(toRead: "The Agent is asked to look at v2.0.0 again.")
        try await browser.tab(to: "Schedule v2.0.0")
        try await browser.screenshot(named: "tower-offer")
        try await browser.type("Enter")
        try await browser.wait(toRead: "When is v2.0.0 to be deployed?")
        try await browser.screenshot(named: "tower-schedule-dialog")
        #expect(try await browser.accessibilityProblems() == [])
        try await browser.type("Enter")
        try await browser.wait(toRead: "v2.0.0 is scheduled for")
        try await browser.tab(to: "Live")
        try await browser.type("Enter")
        try await browser.wait(toMatch: "v2.0.0 (was deployed and is watched|runs in full health)")
        #expect(try await chain.servedVersion(of: "backend") == "v2")

        // A bad one comes back by itself, and the page says why.
        try await chain.publish("3.0.0", tag: "crash")
        try await browser.press("Offers")
        try await browser.press("Schedule v3.0.0")
        // A view is called so, too.
        try await browser.wait(toRead: "When is v3.0.0 to be deployed?")
        try await browser.press("Schedule")
        try await browser.press("Live")
        try await browser.wait(toRead: "v3.0.0 could not be deployed; v2.0.0 runs", timeout: .seconds(120))
        #expect(try await browser.text().contains("What the last failure said"))
        try await browser.screenshot(named: "tower-failed")

        // One press of a key back, which says what will run then.
        try await browser.tab(to: "Go back to v1.0.0")
        try await browser.type("Enter")
        try await browser.wait(toRead: "The policy Automatic is off afterwards")
        try await browser.screenshot(named: "tower-rollback-dialog")
        try await browser.tab(to: "Go back to v1.0.0")
        try await browser.type("Enter")
        try await browser.wait(
          for: "v1.0.0 to run", timeout: .seconds(90),
          "return document.body.innerText.includes('Health watch') && !document.querySelector('.steps') && [...document.querySelectorAll('.services .mono')].every((one) => one.innerText === 'v1') && document.querySelectorAll('.services .mono').length > 0"
        )
        try await chain.waitForVendor(toKnow: "1.0.0")
        #expect(try await chain.servedVersion(of: "backend") == "v1")
        #expect(try await browser.run("return window.isTheSamePage === true") == true, "nothing was reloaded")
        #expect(try await browser.console() == [])
        // From History leads a way back to any version that ran.
        try await browser.run("location.hash = '#/history'")
        try await browser.run(
          "location.hash = [...document.querySelectorAll('tbody tr')].find((row) => row.innerText.includes('v2.0.0')).dataset.href"
        )
        try await browser.press("Go back to v2.0.0")
        try await browser.wait(toMatch: "Runs now\\s+v1.0.0\\s+Will run then\\s+v2.0.0")
        try await browser.type("Escape")
        try await browser.lookAtPlace("tower-history-opened")
        try await Self.lookAtEveryView(browser, url: chain.backend.url)
      }
    }
  }

  /// Each view in both themes and on a narrow screen: nothing that shuts people out, nothing cut off, a silent console. The
  /// screenshots are for people to look at.
  static func lookAtEveryView(_ browser: Browser, url: String) async throws {
    for view in views {
      try await browser.run("location.hash = '#/' + arguments[0]", .string(view))
      try await browser.wait(
        for: view,
        "return document.querySelector('a[aria-current]')?.hash === '#/' + arguments[0] && !!document.querySelector('main h1')",
        .string(view))
      // What it asks for has come.
      try await browser.wait(
        for: "\(view) to be whole",
        "return ![...document.querySelectorAll('main p')].some((one) => one.innerText === '…')")
      try await browser.lookAtPlace("tower-\(view)")
    }
    // On a wall, and with the motion that most ask for.
    try await browser.prefer(dark: false, reducedMotion: false)
    try await browser.resize(width: 3840, height: 2160)
    #expect(try await browser.cutOff() == [], "at 3840 px")
    #expect(try await browser.accessibilityProblems() == [], "at 3840 px")
    try await browser.screenshot(named: "tower-people-wide")
    try await browser.prefer(dark: false)
    try await browser.resize(width: 1280, height: 900)
    // Every view has an address of its own, and going back leads there.
    try await browser.back()
    #expect(try await browser.url().hasSuffix("#/audit"))
    #expect(try await browser.console() == [])
  }

  /// What an Agent, the vendor or a container fills in is text, whatever it looks like.
  @Test func textFromElsewhereIsShownAsText() async throws {
    let hostile = Browser.hostile
    try await ReleaseChain.use { chain in
      let password = try await chain.account("ada@example.com")
      try await chain.publish(
        "1.0.0", tag: "v1", notes: "\(hostile) javascript:window.hostile=1",
        settings: [["key": "HOSTILE", "value": .string(hostile)]])
      _ = try await chain.waitForOffer(of: "1.0.0")
      let time = ReleaseChain.now().wholeSeconds.description
      var record: JSONValue = [
        "apiVersion": "deploy.wrktalk.com/v1", "kind": "DesiredDeployment",
        "metadata": ["name": "wrktalk", "namespace": "wrktalk"],
        "spec": [
          "version": "0.9.0", "runtime": "Compose",
          "artifact": ["path": "artifacts/compose/x.tgz", "sha256": .string(String(repeating: "a", count: 64))],
          "compose": ["projectName": "hostile"],
        ],
      ]
      let path = "/apis/deploy.wrktalk.com/v1/namespaces/wrktalk/desireddeployments"
      let (created, made) = try await chain.send("POST", path, record)
      #expect(created == 201, "\(made.text)")
      record = made
      record["status"] = [
        "observedGeneration": 1,
        "current": [
          "version": "0.9.0", "revision": 1, "artifactSha256": .string(hostile), "since": .string(time),
          "release": [
            "version": .string(hostile), "artifact": ["path": .string(hostile), "sha256": .string(hostile)],
          ],
          "imageDigests": ["backend": .string(hostile)],
          "services": [
            [
              "name": .string(hostile), "image": .string("javascript:alert(1)//\(hostile)"),
              "imageID": .string(hostile),
              "configHash": "x", "replicas": 1, "runsToCompletion": false,
            ]
          ],
        ],
        "progress": [
          "step": .string("Pulling"), "message": .string(hostile), "done": 1, "total": 2,
        ],
        "failure": [
          "generation": 1, "version": .string(hostile), "reason": "DeploymentFailed", "message": .string(hostile),
          "at": .string(time),
        ],
        "conditions": [
          [
            "type": "Ready", "status": "False", "reason": "DeploymentFailed", "message": .string(hostile),
            "lastTransitionTime": .string(time),
          ],
          [
            "type": "Healthy", "status": "False", "reason": "WorkloadUnhealthy", "message": .string(hostile),
            "lastTransitionTime": .string(time),
          ],
        ],
      ]
      // The Backend writes it, too.
      var (updated, answer) = try await chain.send("PUT", "\(path)/wrktalk/status", record)
      for _ in 0..<20 where updated == 409 {
        record["metadata"] = try await chain.send("GET", "\(path)/wrktalk").1["metadata"]
        (updated, answer) = try await chain.send("PUT", "\(path)/wrktalk/status", record)
      }
      #expect(updated == 200, "\(answer.text)")
      let event: JSONValue = [
        "apiVersion": "v1", "kind": "Event", "metadata": ["name": "hostile", "namespace": "wrktalk"],
        "involvedObject": [
          "apiVersion": "deploy.wrktalk.com/v1", "kind": "DesiredDeployment", "name": "wrktalk", "namespace": "wrktalk",
        ],
        "reason": "Deploying", "message": .string(hostile), "type": "Warning", "firstTimestamp": .string(time),
        "lastTimestamp": .string(time), "count": 1,
      ]
      let (noted, problem) = try await chain.send("POST", "/api/v1/namespaces/wrktalk/events", event)
      #expect(noted == 201, "\(problem.text)")
      for (key, value) in [("A_SETTING", hostile), ("ANOTHER", "javascript:window.hostile=1")] {
        let (saved, refusal) = try await chain.send(
          "POST", "/api/admin/config",
          ["key": .string(key), "value": .string(value), "description": .string(hostile), "category": "<b>bold</b>"])
        #expect(saved == 200, "\(refusal.text)")
      }
      let (named, unnamed) = try await chain.send(
        "POST", "/api/admin/accounts",
        [
          "email": "eve@example.com", "name": "<img src=x onerror=\"window.hostile=1\"> javascript:window.hostile=1",
          "role": "viewer", "signIn": "password",
        ])
      #expect((200..<300).contains(named), "\(unnamed.text)")

      try await Browser.use { browser in
        try await browser.signIn(at: chain.backend.url, "ada@example.com", password)
        for view in ["offers", "live", "settings", "now", "people", "audit"] {
          try await browser.run("location.hash = '#/' + arguments[0]", .string(view))
          if view == "audit" {
            // The setting that was kept last; its text is in the entry.
            try await browser.wait(toRead: "SettingChanged")
            try await browser.run(
              "location.hash = [...document.querySelectorAll('tbody tr')].find((row) => row.innerText.includes('A_SETTING')).dataset.href"
            )
          }
          // Names of people have no control characters, and an entry of the audit is JSON.
          try await browser.expectHostileTextAsText(view, hasControls: !["people", "audit"].contains(view))
          try await browser.screenshot(named: "tower-hostile-\(view)")
        }
        #expect(try await browser.run("return window.hostile ?? null") == .null)
        #expect(try await browser.console() == [])
      }
    }
  }
}

extension ReleaseChain {
  /// Makes an account that may do everything.
  /// - Returns: its password.
  func account(_ email: String, role: String = "admin") async throws -> String {
    try await backend.secret(["admin", "create", "--email", email, "--role", role])
  }
}

extension Browser {
  func signIn(at url: String, _ email: String, _ password: String) async throws {
    try await open(url)
    try await fill("Email address", email)
    try await fill("Password", password)
    try await press("Sign in")
    try await wait(for: "the page behind the sign-in", "return !!document.querySelector('nav')")
  }
}
