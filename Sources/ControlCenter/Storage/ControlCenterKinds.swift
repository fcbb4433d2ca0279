import CoreKinds
import ResourceModel
import ResourceStorage

/// The kinds that the vendor's server serves.
enum ControlCenterKinds {
  static let stored: [StoredKind] =
    FleetTables.kinds + [
      .json(Event.definition, indexedFields: ["involvedObject.name"]), .json(LeaseKind.definition),
      .json(NamespaceKind.definition),
    ]

  static var definitions: [ResourceDefinition] { stored.map(\.definition) }
}
