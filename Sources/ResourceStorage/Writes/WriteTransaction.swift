import Database
import ResourceModel
import WireFormats

/// Several writes carried out in one transaction, each with its own outcome, by a few statements for each kind.
struct WriteTransaction: Sendable {
  let requests: [RequestedWrite]
  /// When, in microseconds since 1970.
  let writtenAt: Int64
  /// Of the requests that have an origin.
  var audit: (any WriteAudit)?

  typealias Outcome = Result<StoredObject, StatusError>

  /// - Returns: the outcomes, in the order of the requests, the newest revision where there is a new one, and what the
  ///   journal was given.
  func run(_ connection: any SQLConnection) throws -> (outcomes: [Outcome], newest: Int64?, logged: LoggedChanges) {
    let isAudited = audit != nil && requests.contains { $0.origin != nil }
    if isAudited { try audit?.prepare(in: connection) }
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
    // What a removal gives back is what was there.
    let removed = try removedObjects(accepted, connection)
    // An object may be removed and made anew: its removal comes first in the journal.
    let early = accepted.filter(\.numbersItself)
    for (_, writes) in Dictionary(grouping: early, by: \.request.table.kind).sorted(by: { $0.key < $1.key }) {
      _ = try carryOut(writes, connection)
    }
    var newest = try ChangeJournal.allocate(accepted.count - early.count, connection)
    for position in accepted.indices where !accepted[position].numbersItself {
      newest += 1
      accepted[position].revision = newest
    }
    var made: [StoreKey: Bool] = [:]
    let kinds = Dictionary(grouping: accepted.filter { !$0.numbersItself }, by: \.request.table.kind)
    for (kind, writes) in kinds.sorted(by: { $0.key < $1.key }) {
      for key in try carryOut(writes, connection) { made[StoreKey(kind: kind, key: key)] = true }
    }
    var logged = LoggedChanges()
    var audited: [AuditedWrite] = []
    for write in accepted {
      let (request, names) = (write.request, write.request.table.names)
      let outcome: Outcome =
        switch write.decision {
        case .create where made[request.key] == nil: .failure(.alreadyExists(names, request.key.key.name))
        case .create, .replace: .success(request.stored(under: write.revision))
        case .remove: removed[request.key].map { .success($0) } ?? .failure(.notFound(names, request.key.key.name))
        case .refuse(let error): .failure(error)
        }
      outcomes[write.index] = outcome
      guard case .success = outcome else { continue }
      logged += LoggedChanges(
        changes: 1, bytes: write.decision.loggedBytes(request.object?.text.bytes.count ?? 0))
      guard isAudited, let origin = request.origin else { continue }
      audited.append(
        AuditedWrite(kind: names, key: request.key.key, origin: origin, object: request.object?.object))
    }
    if !audited.isEmpty { try audit?.record(audited, in: connection) }
    return (outcomes.compactMap(\.self), newest, logged)
  }

  private func removedObjects(
    _ writes: [PlannedWrite], _ connection: any SQLConnection
  ) throws -> [StoreKey: StoredObject] {
    var removed: [StoreKey: StoredObject] = [:]
    let kinds = Dictionary(grouping: writes.filter(\.isRemoval), by: \.request.table.kind)
    for (kind, writes) in kinds.sorted(by: { $0.key < $1.key }) {
      for (key, object) in try writes[0].request.table.objects(writes.map(\.request.key.key), connection) {
        removed[StoreKey(kind: kind, key: key)] = object
      }
    }
    return removed
  }

  /// The writes to one kind. Removals come first: an object that is removed may be made anew by the same transaction.
  /// - Returns: the keys of the objects that were made.
  private func carryOut(_ writes: [PlannedWrite], _ connection: any SQLConnection) throws -> Set<ObjectKey> {
    let table = writes[0].request.table
    var (created, replaced, removed): ([TableChange], [TableChange], [TableChange]) = ([], [], [])
    for write in writes {
      let change = TableChange(key: write.request.key.key, revision: write.revision, object: write.request.object)
      switch write.decision {
      case .create: created.append(change)
      case .replace: replaced.append(change)
      case .remove: removed.append(change)
      case .refuse: break
      }
    }
    if !removed.isEmpty { try table.remove(removed, at: writtenAt, connection) }
    if !replaced.isEmpty { try table.replace(replaced, at: writtenAt, connection) }
    return created.isEmpty ? [] : try table.create(created, at: writtenAt, connection)
  }

  /// Counts the objects of the kinds that may only have so many, each once a transaction.
  private struct Quota {
    private struct Namespace: Hashable {
      var kind: String
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
      case .create:
        guard let object = request.object?.object else { return decision }
        if let refusal = limits.refusal(of: object, bytes: request.size) { return .refuse(refusal) }
        guard limits.perNamespace != nil || limits.total != nil else { return decision }
        let key = Namespace(kind: table.kind, name: namespace)
        let rows = "SELECT count(*) FROM \(table.relation.source)"
        let count = ObjectCount(
          inNamespace: try inNamespace[key]
            ?? Self.count(connection, "\(rows) WHERE namespace = $1", [.text(namespace)]),
          total: try total[table.kind] ?? Self.count(connection, rows, []))
        let refusal = limits.refusal(table.names, in: namespace, beside: count)
        let added = refusal == nil ? 1 : 0
        inNamespace[key] = count.inNamespace + added
        total[table.kind] = count.total + added
        return refusal.map { .refuse($0) } ?? decision
      case .replace(let previous):
        guard let object = request.object?.object else { return decision }
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
      let keys = Set(requests.map(\.key.key))
      for (key, row) in try requests[0].table.lock(Array(keys), connection) {
        current[StoreKey(kind: kind, key: key)] = row
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

  var isRemoval: Bool { if case .remove = decision { true } else { false } }

  /// See `ObjectTable.numbersRemovals`.
  var numbersItself: Bool { isRemoval && request.table.numbersRemovals }
}

extension RequestedWrite {
  /// The object as it is stored.
  fileprivate func stored(under revision: Int64) -> StoredObject {
    StoredObject(
      key: key.key, uid: object?.uid ?? "", revision: revision, text: object?.text.bytes ?? [],
      versionOffset: object?.text.versionOffset ?? 0)
  }
}
