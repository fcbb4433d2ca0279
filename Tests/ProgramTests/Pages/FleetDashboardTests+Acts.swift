import TestSupport
import Testing
import WireFormats

/// What an engineer does by hand: with a rollout, and for one customer.
extension FleetDashboardTests {
  @Test func anEngineerApprovesPausesHaltsAndWithdraws() async throws {
    try await use { vendor in
      try await vendor.publish("2.0.0", notes: "Faster calls")
      try await vendor.addOrganizations(["acme", "bolt", "corp"].map { ($0, ["deploymentType": "Docker"]) })
      let keys = [try await vendor.key("acme"), try await vendor.key("bolt")]
      try await vendor.send(
        "POST", "/apis/deploy.wrktalk.com/v1/rollouts",
        [
          "apiVersion": "deploy.wrktalk.com/v1", "kind": "Rollout", "metadata": ["name": "careful"],
          "spec": [
            "release": "2.0.0",
            "stages": [
              ["name": "canary", "organizations": ["acme"], "gate": ["approval": true]], ["name": "rest"],
            ],
          ],
        ])
      try await vendor.send("POST", "/api/internal/releases/2.0.0/publish", [:])
      let release = try await vendor.send("GET", "/api/internal/releases/2.0.0")["id"]?.string ?? ""
      try await vendor.wait(for: "consent", of: 1, in: "careful")
      try await vendor.report("acme", keys[0], ["releaseId": .string(release), "status": "success"])
      try await Browser.use { browser in
        try await browser.prefer(dark: false)
        try await browser.signIn(at: vendor.server.url, "eng@example.com", vendor.password)
        try await browser.wait(toRead: "careful")
        // Each number of the list leads to those that it counts.
        let numbers = try await browser.run(
          "return [...document.querySelectorAll('tbody td.number a')].map((link) => link.hash)")
        #expect(
          numbers == [
            "#/rollouts/careful?state=succeeded", "#/rollouts/careful?state=all",
            "#/rollouts/careful?state=failed%2CrolledBack",
          ])
        try await browser.run("location.hash = '#/rollouts/careful?state=all'")
        try await browser.press("Approve canary")
        try await browser.wait(toRead: "canary is approved.")
        try await vendor.wait(for: "consent", of: 2, in: "careful")
        try await browser.press("Pause")
        try await browser.wait(toRead: "careful is paused: nothing new is offered.")
        try await browser.press("Resume")
        try await browser.wait(toRead: "careful goes on.")
        try await vendor.report(
          "bolt", keys[1],
          [
            "releaseId": .string(release), "status": "failed", "errorMessage": "no room", "reason": "DiskFull",
            "component": "media",
          ])
        try await browser.wait(toRead: "DiskFull")
        try await browser.press("Halt")
        try await browser.wait(toRead: "Halt careful?")
        try await browser.press("Halt it")
        try await browser.wait(toRead: "careful is halted.")
        try await browser.wait(toRead: "Taken back")
        try await browser.wait(
          for: "three customers", "return document.querySelectorAll('main tbody tr').length === 3")
        try await browser.lookAtPlace("fleet-rollout-halted")

        try await browser.press("Failures by cause")
        try await browser.wait(toRead: "1 customer of 2 that reported failed with 2.0.0.")
        try await browser.lookAtPlace("fleet-failures-with")
        try await browser.click("main .lead a")
        try await browser.wait(toRead: "Customers as you ask (1)")
        try await browser.wait(toRead: "Asked for besides: release 2.0.0; Failed.")

        // The list and a customer's page by the keyboard alone.
        try await browser.run("location.hash = '#/fleet'")
        try await browser.wait(toRead: "All customers (3)")
        try await browser.tab(to: "acme")
        try await browser.type("ArrowDown")
        try await browser.type("Enter")
        try await browser.wait(toRead: "What ran when")
        try await browser.wait(toRead: "A deployment failed")
        #expect(try await browser.url().hasSuffix("#/fleet/bolt"))
        try await browser.lookAtPlace("fleet-customer")
        try await browser.tab(to: "Resolve")
        try await browser.type("Enter")
        try await browser.wait(toRead: "What was done about it?")
        try await browser.fill("What was done", "They have more room now")
        try await browser.press("Resolve")
        try await browser.wait(toRead: "It is resolved.")
        try await browser.wait(toRead: "They have more room now")
        try await browser.press("Make a key")
        try await browser.press("Make it")
        try await browser.wait(toRead: "It is shown this once.")
        try await browser.press("I have kept it")
        try await browser.wait(
          for: "two keys",
          "return [...document.querySelectorAll('main button')].filter((one) => one.innerText.startsWith('Revoke')).length === 2"
        )
        try await browser.run(
          "[...document.querySelectorAll('main button')].find((one) => one.innerText.startsWith('Revoke')).click()")
        try await browser.press("Revoke it")
        try await browser.wait(
          for: "one key",
          "return [...document.querySelectorAll('main button')].filter((one) => one.innerText.startsWith('Revoke')).length === 1"
        )

        try await browser.run("location.hash = '#/rollouts/careful'")
        try await browser.press("Withdraw the release")
        try await browser.fill("Type 2.0.0 to go on", "2.0.0")
        try await browser.press("Withdraw it")
        try await browser.wait(toRead: "2.0.0 is withdrawn.")
        try await browser.wait(toRead: "Nothing more is offered of a release that was withdrawn.")
        #expect(try await browser.console() == [])
      }
    }
  }
}

extension FleetDashboardTests.Vendor {
  /// Waits until so many customers stand so in a rollout.
  func wait(for state: String, of count: Int64, in rollout: String) async throws {
    let deadline = ContinuousClock.now + .seconds(60)
    while true {
      let page = try? await send("GET", "/api/internal/rollouts/\(rollout)/targets?state=\(state)")
      if page?["total"] == .integer(count) { return }
      guard ContinuousClock.now < deadline else {
        throw ProgramError(description: "there are not \(count) customers of \(rollout) in \(state)")
      }
      try await Task.sleep(for: .milliseconds(100))
    }
  }
}
