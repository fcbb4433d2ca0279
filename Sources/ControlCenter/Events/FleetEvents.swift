import Access
import CoreKinds
import Database
import FleetKinds
import FoundationEssentials
import ResourceModel
import ResourceStorage
import WireFormats

/// Something that happened to an object, for `kubectl describe`.
struct FleetEvent: Sendable, Hashable {
  var names: ResourceNames
  /// The object's.
  var name: String
  var level: Event.Level = .normal
  /// One word in CamelCase.
  var reason: String
  var message: String
}

/// Writes Events in the transaction of what they tell of.
struct FleetEvents: Sendable {
  /// Where Events of objects lie that are in no namespace, as in Kubernetes.
  static let namespace = "default"
  static let component = "wrktalk-gcc"
  /// Of one set: who changes a thousand objects at once tells of some, and of how many more there are.
  static let maximumPerSet = 50

  let store: SQLResourceStore
  let now: @Sendable () -> Timestamp
  let makeID: @Sendable () -> String
  /// As Kubernetes does it: 25 of one object at once, and one every five minutes for long. An object to which things happen
  /// without end leaves the others' Events room.
  private let allowance = RateLimiter(rate: 1.0 / 300, burst: 25, maximumCallers: 20_000)

  init(store: SQLResourceStore, now: @escaping @Sendable () -> Timestamp, makeID: @escaping @Sendable () -> String) {
    self.store = store
    self.now = now
    self.makeID = makeID
  }

  /// One of the last statements of a transaction.
  func record(_ events: [FleetEvent], in connection: any SQLConnection) throws {
    let events = events.filter { allowance.take(for: "\($0.names.plural)/\($0.name)") == nil }
    guard !events.isEmpty else { return }
    var kept = Array(events.prefix(Self.maximumPerSet))
    if let last = kept.last, events.count > kept.count {
      kept[kept.count - 1].message = "\(last.message) (and \(events.count - kept.count) more at the same time)"
    }
    let identities = try identities(of: kept, connection)
    let writes = try kept.map { event in
      ObjectWrite.create(object: try object(event, uid: identities[Subject(names: event.names, name: event.name)]))
    }
    // Where there is no room for more Events, what happened has happened all the same.
    _ = try store.write(Event.definition, writes, in: connection)
  }

  private struct Subject: Hashable {
    var names: ResourceNames
    var name: String
  }

  /// Where the uids of objects stand, by which their Events are found.
  private static let tables: [(names: ResourceNames, table: String, name: String, uid: String)] = [
    (OrganizationKind.names, "organizational_service", "name", "id"),
    (ReleaseKind.names, "gcc_release", "version", "id"),
    (DeploymentTargetKind.names, "gcc_deployment_target", "\"objectName\"", "id"),
    (RolloutKind.names, "gcc_rollout", "name", "uid"),
  ]

  private func identities(of events: [FleetEvent], _ connection: any SQLConnection) throws -> [Subject: String] {
    var found: [Subject: String] = [:]
    for (names, table, name, uid) in Self.tables {
      var rows = RowSet([("name", .text)])
      for event in events where event.names == names { rows.append([.text(event.name)]) }
      guard rows.count > 0 else { continue }
      for row in try connection.query(
        """
        SELECT t.\(name), t.\(uid) FROM \(table) AS t
        WHERE t.\(name) IN (SELECT r.name FROM \(rows.source(connection.dialect)))
        """, [rows.parameter])
      { found[Subject(names: names, name: row[0].text ?? "")] = row[1].text }
    }
    return found
  }

  private func object(_ event: FleetEvent, uid: String?) throws -> JSONValue {
    let moment = now()
    var metadata = ObjectMeta(name: "\(event.name.prefix(200)).\(makeID().prefix(8))", namespace: Self.namespace)
    metadata.uid = makeID()
    metadata.creationTimestamp = moment.wholeSeconds
    return try JSONValue(
      encoding: Event(
        metadata: metadata,
        involvedObject: Event.Reference(
          apiVersion: event.names.apiVersion, kind: event.names.kind, name: event.name, uid: uid),
        reason: event.reason, message: String(event.message.prefix(4000)),
        source: Event.Source(component: Self.component), firstTimestamp: moment.wholeSeconds,
        lastTimestamp: moment.wholeSeconds, type: event.level, reportingComponent: Self.component))
  }
}
