import Database
import ResourceModel
import WireFormats

/// Several writes carried out in one transaction, each with its own outcome.
struct WriteTransaction: Sendable {
  static let channel = "resource_change"

  let requests: [RequestedWrite]
  /// When, in microseconds since 1970.
  let writtenAt: Int64

  typealias Outcome = Result<StoredObject, StatusError>

  /// - Returns: the outcomes, in the order of the requests, the newest revision where there is a new one, and what the
  ///   change log was given.
  func run(_ connection: any SQLConnection) throws -> (outcomes: [Outcome], newest: Int64?, logged: LoggedChanges) {
    var current = try readCurrent(connection)
    var quota = Quota()
    // Planned first, against what each write before would leave, and carried out once the revisions are known.
    let decisions = try requests.map { request in
      let decision = try quota.checked(WriteDecision(request, current: current[request.key]), request, connection)
      switch decision {
      // The revision is not known yet, and nobody can have read it: whatever the next write expects, it is not this.
      case .create, .replace: current[request.key] = StoredRow(uid: "", revision: -1, object: "")
      case .remove: current[request.key] = nil
      case .refuse: break
      }
      return decision
    }
    let count = Int64(decisions.count(where: \.isAccepted))
    guard count > 0 else {
      return (try zip(requests, decisions).map { try carryOut($1, $0, 0, connection) }, nil, LoggedChanges())
    }
    // Held until the commit, this row's lock makes the order of revisions the order of commits.
    let row = try connection.query(
      "UPDATE resource_revision SET revision = revision + $1 WHERE id = 1 RETURNING revision", [.integer(count)]
    ).first
    guard let newest = row?[0].integer else {
      throw StatusError(.internalError, "the table resource_revision has no row; was the database migrated?")
    }
    var revision = newest - count
    var outcomes: [Outcome] = []
    outcomes.reserveCapacity(requests.count)
    var logged = LoggedChanges()
    for (request, decision) in zip(requests, decisions) {
      if decision.isAccepted { revision += 1 }
      let outcome = try carryOut(decision, request, revision, connection)
      if case .success(let stored) = outcome {
        logged += LoggedChanges(changes: 1, bytes: decision.loggedBytes(stored))
      }
      outcomes.append(outcome)
    }
    try connection.notify(channel: Self.channel, payload: String(newest))
    return (outcomes, newest, logged)
  }

  /// Counts the objects of the kinds that may only have so many, each once a transaction.
  private struct Quota {
    private struct Namespace: Hashable {
      var table: String
      var name: String
    }
    private var inNamespace: [Namespace: Int] = [:]
    private var total: [String: Int] = [:]

    mutating func checked(
      _ decision: WriteDecision, _ request: RequestedWrite, _ connection: any SQLConnection
    ) throws -> WriteDecision {
      let (table, namespace) = (request.table, request.key.key.namespace)
      let limits = table.limits
      switch decision {
      case .create(let object):
        if let refusal = limits.refusal(of: object, bytes: request.size) { return .refuse(refusal) }
        guard limits.perNamespace != nil || limits.total != nil else { return decision }
        let key = Namespace(table: table.table, name: namespace)
        let count = ObjectCount(
          inNamespace: try inNamespace[key]
            ?? Self.count(connection, "SELECT count(*) FROM \(table.table) WHERE namespace = $1", [.text(namespace)]),
          total: try total[table.table] ?? Self.count(connection, "SELECT count(*) FROM \(table.table)", []))
        let refusal = limits.refusal(table.names, in: namespace, beside: count)
        let added = refusal == nil ? 1 : 0
        inNamespace[key] = count.inNamespace + added
        total[table.table] = count.total + added
        return refusal.map { .refuse($0) } ?? decision
      case .replace(let object, let previous):
        let refusal = limits.refusal(of: object, bytes: request.size, previousBytes: previous.object.utf8.count)
        return refusal.map { .refuse($0) } ?? decision
      case .remove, .refuse: return decision
      }
    }

    private static func count(_ connection: any SQLConnection, _ sql: String, _ parameters: [SQLValue]) throws -> Int {
      Int(try connection.query(sql, parameters).first?[0].integer ?? 0)
    }
  }

  /// The objects that the writes are about, locked in one order, so that two transactions never wait for each other.
  private func readCurrent(_ connection: any SQLConnection) throws -> [StoreKey: StoredRow] {
    let tables = Dictionary(requests.map { ($0.key, $0.table) }) { first, _ in first }
    var current: [StoreKey: StoredRow] = [:]
    for (key, table) in tables.sorted(by: { $0.key < $1.key }) {
      let rows = try connection.query(
        table.selectForUpdate, [.text(key.key.namespace), .text(key.key.name)])
      if let row = rows.first {
        current[key] = StoredRow(uid: row[0].text ?? "", revision: row[1].integer ?? 0, object: row[2].text ?? "")
      }
    }
    return current
  }

  private func carryOut(
    _ decision: WriteDecision, _ request: RequestedWrite, _ revision: Int64, _ connection: any SQLConnection
  ) throws -> Outcome {
    switch decision {
    case .refuse(let error): return .failure(error)
    case .create(let object):
      let bytes = object.stamped(revision).serialized()
      let stored = StoredObject(key: request.key.key, uid: object.uid, revision: revision, json: bytes)
      let text = String(decoding: bytes, as: UTF8.self)
      guard try connection.execute(request.table.insert, columns(of: object, stored, text)) == 1 else {
        return .failure(.alreadyExists(request.table.names, object.name))
      }
      try log(.added, request, stored, text, previous: nil, connection)
      return .success(stored)
    case .replace(let object, let previous):
      let bytes = object.stamped(revision).serialized()
      let stored = StoredObject(key: request.key.key, uid: object.uid, revision: revision, json: bytes)
      let text = String(decoding: bytes, as: UTF8.self)
      try connection.execute(request.table.update, columns(of: object, stored, text))
      try log(.modified, request, stored, text, previous: previous, connection)
      return .success(stored)
    case .remove(let previous):
      let key = request.key.key
      try connection.execute(request.table.delete, [.text(key.namespace), .text(key.name)])
      let before = StoredObject(
        key: key, uid: previous.uid, revision: previous.revision, json: Array(previous.object.utf8))
      // What it was before says all there is to tell of it.
      try log(.deleted, request, before, "", previous: previous, revision: revision, connection)
      return .success(before)
    }
  }

  private func columns(of object: JSONValue, _ stored: StoredObject, _ text: String) -> [SQLValue] {
    let metadata = object["metadata"]
    return [
      .text(stored.key.namespace), .text(stored.key.name), .text(stored.uid), .integer(stored.revision),
      .integer(metadata?["generation"]?.integer ?? 0), .text((metadata?["labels"] ?? [:]).text),
      .text(metadata?["creationTimestamp"]?.string ?? ""), .text(text), .integer(Int64(text.utf8.count)),
      .integer(writtenAt),
    ]
  }

  private func log(
    _ type: WatchEventType, _ request: RequestedWrite, _ stored: StoredObject, _ text: String, previous: StoredRow?,
    revision: Int64? = nil, _ connection: any SQLConnection
  ) throws {
    try connection.execute(
      """
      INSERT INTO resource_change
        (revision, kind, namespace, name, type, uid, object, previous_revision, previous, written_at, size)
      VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
      """,
      [
        .integer(revision ?? stored.revision), .text(request.table.kind), .text(stored.key.namespace),
        .text(stored.key.name), .text(type.rawValue), .text(stored.uid), .text(text),
        previous.map { .integer($0.revision) } ?? .null, previous.map { .text($0.object) } ?? .null,
        .integer(writtenAt), .integer(Int64(text.utf8.count + (previous?.object.utf8.count ?? 0))),
      ])
  }
}

extension JSONValue {
  fileprivate var uid: String { self["metadata"]?["uid"]?.string ?? "" }
}
