import ResourceClient
import ResourceModel
import TestSupport
import Testing
import WireFormats

@Suite struct EventRecorderTests {
  private let api = FakeResourceAPI()
  private let clock = ManualClock()
  private let object = ObjectReference(
    apiVersion: "deploy.wrktalk.com/v1", kind: "DesiredDeployment", namespace: "shop", name: "a", uid: "u")

  private func recorder() -> EventRecorder {
    EventRecorder(
      client: Fixtures.client(api), component: "wrktalk-agent", host: "here", clock: clock,
      now: { Timestamp(seconds: 1000) }, logger: Fixtures.logger)
  }

  private var events: [JSONValue] { api.objects(below: Fixtures.events) }

  @Test func theSameOccurrenceBecomesOneEventWithACount() async {
    let recorder = recorder()
    for _ in 0..<3 { recorder.record(.normal, reason: "Deployed", message: "1.0.0 runs", about: object) }
    recorder.record(.warning, reason: "Failed", message: "no", about: object)
    recorder.finish()
    await recorder.run()
    #expect(events.count == 2)
    let counts = Dictionary(
      uniqueKeysWithValues: events.map { ($0["reason"]?.string ?? "", $0["count"]?.integer ?? 0) })
    #expect(counts == ["Deployed": 3, "Failed": 1])
    #expect(events.allSatisfy { $0["involvedObject"]?["uid"] == "u" && $0["source"]?["component"] == "wrktalk-agent" })
  }

  @Test func anEventThatTheServerRemovedIsWrittenAnew() async {
    let recorder = recorder()
    recorder.record(.normal, reason: "Deployed", message: "x", about: object)
    recorder.record(.normal, reason: "Deployed", message: "x", about: object)
    let api = api
    let running = Task { await recorder.run() }
    await api.requests { $0.contains { $0.method == "PATCH" } }
    for event in events { api.remove("\(Fixtures.events)/\(event["metadata"]?["name"]?.string ?? "")") }
    recorder.record(.normal, reason: "Deployed", message: "x", about: object)
    recorder.finish()
    await running.value
    #expect(events.count == 1)
    #expect(events.first?["count"] == 1)
  }

  @Test func oneObjectCannotFloodTheServer() async {
    let recorder = recorder()
    for number in 0..<200 { recorder.record(.warning, reason: "Flood", message: "\(number)", about: object) }
    recorder.finish()
    await recorder.run()
    #expect(events.count == 50)
  }

  @Test func whatCannotBeWrittenIsDroppedAndTheNextIsTried() async {
    let recorder = recorder()
    api.failNext(FakeResourceAPI.failure(.forbidden))
    recorder.record(.normal, reason: "Lost", message: "x", about: object)
    recorder.record(.normal, reason: "Kept", message: "y", about: object)
    recorder.finish()
    await recorder.run()
    #expect(events.map { $0["reason"]?.string } == ["Kept"])
  }

  @Test func aLongMessageIsCutAndALongNameStaysAName() async throws {
    let recorder = recorder()
    let long = ObjectReference(
      apiVersion: "v1", kind: "DesiredDeployment", namespace: "shop", name: String(repeating: "n", count: 253), uid: nil
    )
    recorder.record(.normal, reason: "Long", message: String(repeating: "ä", count: 2000), about: long)
    recorder.finish()
    await recorder.run()
    let event = try #require(events.first)
    #expect((event["message"]?.string ?? "").utf8.count <= 1024)
    #expect((event["metadata"]?["name"]?.string ?? "").count <= 253)
  }
}
