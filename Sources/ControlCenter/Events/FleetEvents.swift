import CoreKinds
import Database
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

  /// One of the last statements of a transaction.
  func record(_ events: [FleetEvent], in connection: any SQLConnection) throws {
    guard !events.isEmpty else { return }
    var kept = Array(events.prefix(Self.maximumPerSet))
    if let last = kept.last, events.count > kept.count {
      kept[kept.count - 1].message = "\(last.message) (and \(events.count - kept.count) more at the same time)"
    }
    let writes = try kept.map { event in ObjectWrite.create(object: try object(event)) }
    // Where there is no room for more Events, what happened has happened all the same.
    _ = try store.write(Event.definition, writes, in: connection)
  }

  private func object(_ event: FleetEvent) throws -> JSONValue {
    let moment = now()
    var metadata = ObjectMeta(name: "\(event.name.prefix(200)).\(makeID().prefix(8))", namespace: Self.namespace)
    metadata.uid = makeID()
    metadata.creationTimestamp = moment.wholeSeconds
    return try JSONValue(
      encoding: Event(
        metadata: metadata,
        involvedObject: Event.Reference(
          apiVersion: event.names.apiVersion, kind: event.names.kind, name: event.name),
        reason: event.reason, message: String(event.message.prefix(4000)),
        source: Event.Source(component: Self.component), firstTimestamp: moment.wholeSeconds,
        lastTimestamp: moment.wholeSeconds, type: event.level, reportingComponent: Self.component))
  }
}
