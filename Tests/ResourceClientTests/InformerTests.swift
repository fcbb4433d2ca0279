import DeploymentKinds
import ResourceClient
import ResourceModel
import TestSupport
import Testing
import WireFormats

@Suite struct InformerTests {
  private struct Running {
    let api = FakeResourceAPI()
    let clock = ManualClock()
    let informer: Informer<DesiredDeployment>

    init() {
      informer = Informer(
        client: Fixtures.client(api), namespace: "shop", clock: clock, random: { 1 }, logger: Fixtures.logger)
    }

    func put(_ name: String, version: String = "1.0.0") {
      api.put(Fixtures.deployment(name, version: version), at: "\(Fixtures.deployments)/\(name)")
    }

    func remove(_ name: String) { api.remove("\(Fixtures.deployments)/\(name)") }

    /// The informer at work while `body` runs.
    func run(_ body: (ChangedKeys) async throws -> Void) async throws {
      try await Fixtures.running(informer, body)
    }

    func watches(_ count: Int) async {
      await api.watches(count)
    }
  }

  @Test func itListsThenFollowsChanges() async throws {
    let running = Running()
    running.put("a")
    try await running.run { keys in
      try await running.informer.waitForSync()
      #expect(running.informer.hasSynced)
      #expect(await keys.next() == Fixtures.key("a"))
      await running.watches(1)
      running.put("a", version: "2.0.0")
      #expect(await keys.next() == Fixtures.key("a"))
      #expect(running.informer.object(Fixtures.key("a"))?.spec.version == "2.0.0")
      running.remove("a")
      #expect(await keys.next() == Fixtures.key("a"))
      #expect(running.informer.object(Fixtures.key("a")) == nil)
    }
  }

  @Test func aWatchThatTheServerEndsGoesOnFromItsBookmark() async throws {
    let running = Running()
    try await running.run { _ in
      await running.watches(1)
      running.api.bookmark()
      running.api.endWatches()
      await running.watches(2)
      let versions = running.api.requests.filter { $0.query.contains("watch=true") }.map {
        $0.query.contains("resourceVersion=11")
      }
      #expect(versions == [false, true])
      #expect(running.api.requests.count { !$0.query.contains("watch=true") } == 1, "no second list")
    }
  }

  @Test func aForgottenVersionIsListedAnewAndFindsDeletions() async throws {
    let running = Running()
    running.put("gone")
    running.put("kept")
    try await running.run { keys in
      #expect(await keys.next() == Fixtures.key("gone"))
      #expect(await keys.next() == Fixtures.key("kept"))
      await running.watches(1)
      running.api.setDown(true)
      running.api.endWatches()
      await running.clock.waitForSleepers(1)
      running.remove("gone")
      running.put("new")
      running.api.forgetChanges()
      running.api.setDown(false)
      // The first watch after the pause learns that its version is gone; the list follows at once.
      running.clock.advance(by: .seconds(5))
      #expect(await keys.next() == Fixtures.key("gone"))
      #expect(await keys.next() == Fixtures.key("new"))
      #expect(Set(running.informer.objects.keys) == [Fixtures.key("kept"), Fixtures.key("new")])
    }
  }

  @Test func anUnreachableServerIsAskedAgainAfterGrowingPauses() async throws {
    let running = Running()
    running.api.setDown(true)
    running.put("a")
    try await running.run { keys in
      for pause in [200, 400, 800, 1600] {
        await running.clock.waitForSleepers(1)
        let before = running.api.requests.count
        running.clock.advance(by: .milliseconds(pause - 1))
        #expect(running.api.requests.count == before)
        running.clock.advance(by: .milliseconds(1))
        await running.api.requests { $0.count > before }
      }
      running.api.setDown(false)
      await running.clock.waitForSleepers(1)
      running.clock.advance(by: .seconds(30))
      #expect(await keys.next() == Fixtures.key("a"))
    }
  }

  @Test func afterALongOutageTheViewIsFreshWithinFiveSeconds() async throws {
    let running = Running()
    running.api.setDown(true)
    running.put("a")
    try await running.run { keys in
      for _ in 0..<12 {
        await running.clock.waitForSleepers(1)
        running.clock.advance(by: .seconds(5))
      }
      await running.clock.waitForSleepers(1)
      running.api.setDown(false)
      running.clock.advance(by: .seconds(5))
      #expect(await keys.next() == Fixtures.key("a"))
    }
  }

  @Test func aWatchThatHeldForASecondIsNoFailureInARow() async throws {
    let running = Running()
    running.api.setDown(true)
    running.put("a")
    try await running.run { keys in
      for _ in 0..<6 {
        await running.clock.waitForSleepers(1)
        running.clock.advance(by: .seconds(5))
      }
      await running.clock.waitForSleepers(1)
      running.api.setDown(false)
      running.clock.advance(by: .seconds(5))
      #expect(await keys.next() == Fixtures.key("a"))
      await running.watches(1)
      running.clock.advance(by: .seconds(1))
      running.api.setDown(true)
      running.api.endWatches()
      await running.clock.waitForSleepers(1)
      let before = running.api.requests.count
      running.clock.advance(by: .milliseconds(200))
      await running.api.requests { $0.count > before }
    }
  }

  @Test func anObjectThatCannotBeReadDoesNotHideTheOthers() async throws {
    let running = Running()
    running.api.put(
      ["kind": "DesiredDeployment", "metadata": ["name": "odd", "namespace": "shop"], "spec": ["runtime": "Rocket"]],
      at: "\(Fixtures.deployments)/odd")
    running.put("a")
    try await running.run { keys in
      #expect(await keys.next() == Fixtures.key("a"))
      #expect(running.informer.objects.count == 1)
    }
  }

  @Test func waitingForTheFirstListCanBeCancelled() async {
    let running = Running()
    let waiting = Task { try await running.informer.waitForSync() }
    waiting.cancel()
    await #expect(throws: CancellationError.self) { try await waiting.value }
  }
}
