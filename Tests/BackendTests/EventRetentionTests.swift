import Database
import DeploymentKinds
import Logging
import ResourceModel
import ResourceServer
import Testing
import WireFormats

@testable import Backend

@Suite struct EventRetentionTests {
  /// Events that last happened so many seconds ago.
  private func sweep(_ ages: [Int64], age: Duration, maximumCount: Int) async throws -> [String] {
    let database = try await BackendDatabase.open()
    let store = BackendDatabase.store(database)
    let now = Timestamp(seconds: 1_800_000_000)
    for seconds in ages {
      let moment = now + .seconds(-seconds)
      let event = Event(
        metadata: ObjectMeta(name: "e\(seconds)", namespace: "n", uid: "u\(seconds)"),
        involvedObject: Event.Reference(name: "x"), reason: "R", message: "m", firstTimestamp: moment,
        lastTimestamp: moment)
      _ = try await store.write(Event.definition, .create(object: try JSONValue(encoding: event)))
    }
    let retention = EventRetention(
      store: store, age: age, maximumCount: maximumCount, now: { now }, logger: Logger(label: "test"))
    _ = try await retention.sweep()
    let page = try await store.list(Event.definition, ListQuery())
    store.close()
    await database.close()
    return page.items.map(\.key.name)
  }

  @Test func whatIsOldGoes() async throws {
    #expect(try await sweep([10, 50, 61, 1000], age: .seconds(60), maximumCount: 100) == ["e10", "e50"])
  }

  @Test func ofTooManyTheOldestGo() async throws {
    #expect(try await sweep([4, 3, 2, 1], age: .seconds(60), maximumCount: 2) == ["e1", "e2"])
  }
}
