import ResourceModel
import ResourceStorage
import TestSupport
import Testing
import WireFormats

@Suite(.postgreSQLServer, .timeLimit(.minutes(10))) struct StorageWriteTests {
  private let key = ObjectKey(namespace: "default", name: "a")

  @Test(arguments: TestDatabase.available)
  func whatIsCreatedIsReadBackWithItsRevision(_ database: TestDatabase) async throws {
    try await StorageFixture.with(database) { fixture in
      let written = try await fixture.create("a", labels: ["app": "ünï"], size: 7)
      let read = try await fixture.store.get(StorageFixture.widgets, key)
      #expect(read == written)
      #expect(try written.resourceVersion == String(written.revision))
      #expect(try written.size == 7)
      #expect(written.uid == "uid-default-a")
      #expect(try await fixture.store.currentRevision() == written.revision)
      #expect(try await fixture.store.get(StorageFixture.gadgets, key) == nil)
    }
  }

  @Test(arguments: TestDatabase.available)
  func everyWriteHasItsOwnRevisionAcrossKinds(_ database: TestDatabase) async throws {
    try await StorageFixture.with(database) { fixture in
      let first = try await fixture.create("a")
      let second = try await fixture.create("a", kind: StorageFixture.gadgets)
      let third = try await fixture.replace("a", size: 1)
      #expect(first.revision < second.revision && second.revision < third.revision)
    }
  }

  @Test(arguments: TestDatabase.available)
  func refusalsSayWhatKubernetesSays(_ database: TestDatabase) async throws {
    try await StorageFixture.with(database) { fixture in
      let (store, widgets) = (fixture.store, StorageFixture.widgets)
      let object = StorageFixture.object("a")
      let missing = [ObjectWrite.update(object: object, expected: 1), .remove(key: key, expected: 1)]
      for write in missing {
        let error = await #expect(throws: StatusError.self) { try await store.write(widgets, write) }
        #expect(error?.reason == .notFound)
        #expect(error?.message == "widgets.test.example \"a\" not found")
      }
      let stored = try await fixture.create("a")
      let taken = await #expect(throws: StatusError.self) { try await fixture.create("a") }
      #expect(taken?.reason == .alreadyExists)
      #expect(taken?.message == "widgets.test.example \"a\" already exists")
      for write in [ObjectWrite.update(object: object, expected: 99), .remove(key: key, expected: stored.revision - 1)]
      {
        let error = await #expect(throws: StatusError.self) { try await store.write(widgets, write) }
        #expect(error?.reason == .conflict)
        #expect(error?.message.hasPrefix("Operation cannot be fulfilled on widgets.test.example \"a\"") == true)
      }
      // Nothing of it was a write.
      #expect(try await store.currentRevision() == stored.revision)
    }
  }

  @Test(arguments: TestDatabase.available)
  func removingGivesTheObjectAsItWas(_ database: TestDatabase) async throws {
    try await StorageFixture.with(database) { fixture in
      let stored = try await fixture.create("a")
      let removed = try await fixture.store.write(
        StorageFixture.widgets, .remove(key: key, expected: stored.revision))
      #expect(removed == stored)
      #expect(try await fixture.store.get(StorageFixture.widgets, key) == nil)
      let again = try await fixture.create("a")
      #expect(again.revision > stored.revision + 1)
    }
  }

  @Test(arguments: TestDatabase.available)
  func ofManyWhoCreateOneObjectOneSucceeds(_ database: TestDatabase) async throws {
    try await StorageFixture.with(database) { fixture in
      let other = try await fixture.another()
      let reasons = await withTaskGroup(of: StatusError.Reason?.self) { group in
        for number in 1...40 {
          group.addTask {
            do {
              try await (number.isMultiple(of: 2) ? fixture : other).create("a")
              return nil
            } catch {
              return (error as? StatusError)?.reason ?? .internalError
            }
          }
        }
        return await group.reduce(into: []) { $0.append($1) }
      }
      #expect(reasons.filter { $0 == nil }.count == 1)
      #expect(reasons.filter { $0 == .alreadyExists }.count == 39)
      await other.close()
    }
  }

  @Test(arguments: TestDatabase.available)
  func concurrentUpdatesOfOneObjectLoseNone(_ database: TestDatabase) async throws {
    try await StorageFixture.with(database) { fixture in
      let other = try await fixture.another()
      try await fixture.create("a")
      try await withThrowingTaskGroup(of: Void.self) { group in
        for number in 1...20 {
          group.addTask {
            let store = (number.isMultiple(of: 2) ? fixture : other).store
            while true {
              guard let now = try await store.get(StorageFixture.widgets, key) else { return }
              let next = StorageFixture.object("a", size: (try now.size ?? 0) + 1)
              do {
                _ = try await store.write(StorageFixture.widgets, .update(object: next, expected: now.revision))
                return
              } catch let error as StatusError where error.reason == .conflict {}
            }
          }
        }
        try await group.waitForAll()
      }
      let final = try await fixture.store.get(StorageFixture.widgets, key)
      #expect(try final?.size == 20)
      await other.close()
    }
  }

  @Test(arguments: TestDatabase.available)
  func aWriteThatTheDatabaseRefusesHarmsNoOther(_ database: TestDatabase) async throws {
    try await StorageFixture.with(database) { fixture in
      // The same uid under two names: the table refuses the second.
      try await fixture.create("a")
      var object = StorageFixture.object("twin")
      object["metadata"]?["uid"] = "uid-default-a"
      let twin = object
      let outcomes = await withTaskGroup(of: Bool.self) { group in
        for number in 1...20 {
          group.addTask {
            do {
              let object = number == 10 ? twin : StorageFixture.object("b\(number)")
              _ = try await fixture.store.write(StorageFixture.widgets, .create(object: object))
              return true
            } catch {
              return false
            }
          }
        }
        return await group.reduce(into: []) { $0.append($1) }
      }
      #expect(outcomes.filter { $0 }.count == 19)
      #expect(try await fixture.list().count == 20)
    }
  }

  @Test func aStoreSaysWhichKindItDoesNotKeep() async throws {
    try await StorageFixture.with(.sqlite) { fixture in
      let unknown = ResourceDefinition(
        names: ResourceNames(group: "", version: "v1", kind: "Pod", plural: "pods", singular: "pod"), table: "pod",
        schema: .any())
      let error = await #expect(throws: StatusError.self) { try await fixture.store.get(unknown, key) }
      #expect(error?.message.contains("pods") == true)
    }
  }
}
