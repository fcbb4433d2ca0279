import Database
import ResourceModel
import Testing
import WireFormats

@testable import ResourceStorage

/// The parts of the store that need no database.
@Suite struct StorageDecisionTests {
  private static let table = JSONObjectTable(StorageFixture.widgets, .sqlite)
  private static let object = StorageFixture.object("a")
  private static let row = StoredRow(uid: "u", revision: 5, size: 2)

  @Test(
    arguments: [
      (ObjectWrite.create(object: object), nil, nil),
      (.create(object: object), row, StatusError.Reason.alreadyExists),
      (.update(object: object, expected: 5), row, nil),
      (.update(object: object, expected: 4), row, .conflict),
      (.update(object: object, expected: 5), nil, .notFound),
      (.remove(key: ObjectKey(namespace: "default", name: "a"), expected: 5), row, nil),
      (.remove(key: ObjectKey(namespace: "default", name: "a"), expected: 6), row, .conflict),
      (.remove(key: ObjectKey(namespace: "default", name: "a"), expected: 5), nil, .notFound),
    ] as [(ObjectWrite, StoredRow?, StatusError.Reason?)])
  func aWriteIsDecidedByWhatIsThere(
    _ write: ObjectWrite, _ current: StoredRow?, _ refusal: StatusError.Reason?
  ) throws {
    let decision = WriteDecision(try RequestedWrite(table: Self.table, write: write), current: current)
    switch decision {
    case .refuse(let error): #expect(error.reason == refusal)
    case .create, .replace, .remove: #expect(refusal == nil)
    }
  }

  private func record(_ revision: Int64, kind: String = "k") -> ChangeRecord {
    ChangeRecord(
      SQLRow(
        columns: [],
        values: [
          .integer(revision), .text(kind), .text("ns"), .text("n"), .text("MODIFIED"), .text("u"), .text("{}"),
          .integer(0),
          .null, .integer(0),
          .integer(revision),
        ]))
  }

  @Test func aWindowFindsTheFirstBatchOfAScopeAfterARevision() {
    var window = ChangeWindow(start: 10, maximumSize: 1_000_000)
    window.append(ChangeBatch([record(11), record(12)], end: 12))
    window.append(ChangeBatch([], end: 15))
    window.append(ChangeBatch([record(16, kind: "other")], end: 16))
    window.append(ChangeBatch([record(17)], end: 18))
    #expect(window.start == 10 && window.end == 18)
    #expect(window.batch(in: WatchScope(kind: "k"), after: 10)?.end == 12)
    #expect(window.batch(in: WatchScope(kind: "k"), after: 11)?.end == 12)
    #expect(window.batch(in: WatchScope(kind: "k"), after: 12)?.end == 18)
    #expect(window.batch(in: WatchScope(kind: "other"), after: 12)?.end == 16)
    #expect(window.batch(in: WatchScope(kind: "k"), after: 18) == nil)
    #expect(window.batch(in: WatchScope(kind: "absent"), after: 10) == nil)
    #expect(window.batch(in: WatchScope(kind: "k", namespace: "ns"), after: 12)?.end == 18)
    #expect(window.batch(in: WatchScope(kind: "k", namespace: "elsewhere"), after: 10) == nil)
  }

  @Test func aWindowForgetsTheOldestButNeverTheNewest() {
    var window = ChangeWindow(start: 0, maximumSize: 1000)
    for revision in 1...200 as ClosedRange<Int64> { window.append(ChangeBatch([record(revision)], end: revision)) }
    #expect(window.end == 200)
    #expect((190..<200).contains(window.start))
    #expect(window.batch(in: WatchScope(kind: "k"), after: window.start)?.end == window.start + 1)
    var tiny = ChangeWindow(start: 0, maximumSize: 1)
    tiny.append(ChangeBatch([record(1)], end: 1))
    #expect(tiny.start == 0)
    tiny.append(ChangeBatch([record(2)], end: 2))
    #expect(tiny.start == 1 && tiny.batch(in: WatchScope(kind: "k"), after: 1)?.end == 2)
  }

  @Test func aContinueTokenComesBackAsItWas() throws {
    for (remaining, namespace) in [(nil, "a"), (7, nil), (7, "")] as [(Int?, String?)] {
      let token = ContinueToken(
        kind: "widget", namespace: namespace, revision: 42, last: ObjectKey(namespace: "a", name: "b"),
        remaining: remaining)
      #expect(try ContinueToken(token.text) == token)
    }
  }

  @Test(arguments: [
    (DatabaseError.Code.cannotConnect, StatusError.Reason.serviceUnavailable), (.connectionLost, .serviceUnavailable),
    (.timedOut, .serviceUnavailable), (.diskFull, .serviceUnavailable), (.other, .internalError),
  ])
  func aFailureOfTheDatabaseIsAStatus(_ code: DatabaseError.Code, _ reason: StatusError.Reason) {
    let error = StatusError(storeFailure: DatabaseError(code: code, message: "why"))
    #expect(error.reason == reason)
    #expect(error.message.contains("why"))
  }
}
