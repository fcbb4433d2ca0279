import Database
import ResourceModel
import WireFormats

/// Several writes carried out in one transaction, each with its own outcome, by a few statements for each kind.
struct WriteTransaction: Sendable {
  let requests: [RequestedWrite]
  /// When, in microseconds since 1970.
  let writtenAt: Int64

  typealias Outcome = Result<StoredObject, StatusError>

  /// - Returns: the outcomes, in the order of the requests, the newest revision where there is a new one, and what the
  ///   journal was given.
  func run(_ connection: any SQLConnection) throws -> (outcomes: [Outcome], newest: Int64?, logged: LoggedChanges) {
    var current = try readCurrent(connection)
    var quota = Quota()
    // Planned first, against what each write before would leave, and carried out once the revisions are known.
    var outcomes: [Outcome?] = []
    var accepted: [PlannedWrite] = []
    for (index, request) in requests.enumerated() {
      let decision = try quota.checked(WriteDecision(request, current: current[request.key]), request, connection)
      switch decision {
      // The revision is not known yet, and nobody can have read it: whatever the next write expects, it is not this.
      case .create, .replace: current[request.key] = StoredRow(uid: "", revision: -1, size: 0)
      case .remove: current[request.key] = nil
      case .refuse(let error):
        outcomes.append(.failure(error))
        continue
      }
      outcomes.append(nil)
      accepted.append(PlannedWrite(index: index, request: request, decision: decision))
    }
    guard !accepted.isEmpty else { return (outcomes.compactMap(\.self), nil, LoggedChanges()) }
    let last = try ChangeJournal.allocate(accepted.count, connection)
    for position in accepted.indices { accepted[position].revision = last + Int64(position) + 1 }
    let kinds = Dictionary(grouping: accepted, by: \.request.table.kind)
    for (_, writes) in kinds.sorted(by: { $0.key < $1.key }) {
      let batch = KindBatch(table: writes[0].request.table, writtenAt: writtenAt)
      for (write, outcome) in try batch.carryOut(writes, connection) { outcomes[write.index] = outcome }
    }
    var logged = LoggedChanges()
    for write in accepted {
      guard case .success(let stored) = outcomes[write.index] else { continue }
      logged += LoggedChanges(changes: 1, bytes: write.decision.loggedBytes(stored))
    }
    let newest = last + Int64(accepted.count)
    try ChangeJournal.announce(newest, connection)
    return (outcomes.compactMap(\.self), newest, logged)
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
        let refusal = limits.refusal(of: object, bytes: request.size, previousBytes: previous.size)
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
    var current: [StoreKey: StoredRow] = [:]
    let kinds = Dictionary(grouping: requests, by: \.table.kind)
    for (kind, requests) in kinds.sorted(by: { $0.key < $1.key }) {
      let table = requests[0].table
      let keys = Set(requests.map(\.key.key))
      var rows = RowSet(KindTable.keyColumns)
      for key in keys { rows.append([.text(key.namespace), .text(key.name)]) }
      for row in try connection.query(table.selectForUpdate(rows), [rows.parameter]) {
        let key = ObjectKey(namespace: row[0].text ?? "", name: row[1].text ?? "")
        current[StoreKey(kind: kind, key: key)] = StoredRow(
          uid: row[2].text ?? "", revision: row[3].integer ?? 0, size: Int(row[4].integer ?? 0))
      }
    }
    return current
  }
}

/// A write that will be carried out.
private struct PlannedWrite {
  /// In the order of the requests.
  var index: Int
  var request: RequestedWrite
  var decision: WriteDecision
  var revision: Int64 = 0

  var key: ObjectKey { request.key.key }
}

/// The writes of one transaction to one kind.
private struct KindBatch {
  let table: KindTable
  let writtenAt: Int64

  typealias Result = (write: PlannedWrite, outcome: WriteTransaction.Outcome)

  /// Removals come first: an object that is removed may be made anew by the same transaction.
  func carryOut(_ writes: [PlannedWrite], _ connection: any SQLConnection) throws -> [Result] {
    var (created, replaced, removed): ([PlannedWrite], [PlannedWrite], [PlannedWrite]) = ([], [], [])
    for write in writes {
      switch write.decision {
      case .create: created.append(write)
      case .replace: replaced.append(write)
      case .remove: removed.append(write)
      case .refuse: break
      }
    }
    return try remove(removed, connection) + replace(replaced, connection) + create(created, connection)
  }

  private func remove(_ writes: [PlannedWrite], _ connection: any SQLConnection) throws -> [Result] {
    guard !writes.isEmpty else { return [] }
    var rows = RowSet(KindTable.keyColumns + [("revision", .integer)])
    for write in writes { rows.append([.text(write.key.namespace), .text(write.key.name), .integer(write.revision)]) }
    let parameter = rows.parameter
    try connection.execute(table.journalRemovals(rows), [parameter, .text(table.kind), .integer(writtenAt)])
    var before: [ObjectKey: StoredObject] = [:]
    for row in try connection.query(table.delete(rows), [parameter]) {
      let object = KindTable.object(row)
      before[object.key] = object
    }
    return writes.map { write in
      (write, before[write.key].map { .success($0) } ?? .failure(.notFound(table.names, write.key.name)))
    }
  }

  private func replace(_ writes: [PlannedWrite], _ connection: any SQLConnection) throws -> [Result] {
    guard !writes.isEmpty else { return [] }
    let (rows, objects) = contents(writes)
    let parameter = rows.parameter
    try connection.execute(table.journalReplacements(rows), [parameter, .text(table.kind), .integer(writtenAt)])
    try connection.execute(table.update(rows), [parameter, .integer(writtenAt)])
    return zip(writes, objects).map { ($0, .success($1)) }
  }

  private func create(_ writes: [PlannedWrite], _ connection: any SQLConnection) throws -> [Result] {
    guard !writes.isEmpty else { return [] }
    let (rows, objects) = contents(writes)
    // One that another process made in the meantime is left as it is.
    let made = Set(
      try connection.query(table.insert(rows), [rows.parameter, .integer(writtenAt)]).map { row in
        ObjectKey(namespace: row[0].text ?? "", name: row[1].text ?? "")
      })
    let fresh = made.count == writes.count ? rows : contents(writes.filter { made.contains($0.key) }).rows
    if fresh.count > 0 {
      try connection.execute(
        table.journalCreations(fresh), [fresh.parameter, .text(table.kind), .integer(writtenAt)])
    }
    return zip(writes, objects).map { write, object in
      (write, made.contains(write.key) ? .success(object) : .failure(.alreadyExists(table.names, write.key.name)))
    }
  }

  private func contents(_ writes: [PlannedWrite]) -> (rows: RowSet, objects: [StoredObject]) {
    var rows = RowSet(KindTable.contentColumns)
    var objects: [StoredObject] = []
    objects.reserveCapacity(writes.count)
    for write in writes {
      guard let object = write.decision.object, let text = write.request.text else { continue }
      let metadata = object["metadata"]
      rows.append([
        .text(write.key.namespace), .text(write.key.name), .integer(write.revision), .text(object.uid),
        .integer(metadata?["generation"]?.integer ?? 0), .text((metadata?["labels"] ?? [:]).text),
        .text(metadata?["creationTimestamp"]?.string ?? ""),
        .text(String(decoding: text.bytes, as: UTF8.self)), .integer(Int64(text.versionOffset)),
        .integer(Int64(text.bytes.count)),
      ])
      objects.append(
        StoredObject(
          key: write.key, uid: object.uid, revision: write.revision, text: text.bytes,
          versionOffset: text.versionOffset))
    }
    return (rows, objects)
  }
}
