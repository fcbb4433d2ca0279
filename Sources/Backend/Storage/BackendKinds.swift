import CoreKinds
import DeploymentKinds
import ResourceModel
import ResourceStorage

/// The kinds that the Backend serves.
enum BackendKinds {
  static let definitions = DeploymentKind.definitions + CoreKind.definitions

  /// How they are kept.
  static let stored = definitions.map { definition in
    // `kubectl describe` asks for the Events of one object.
    StoredKind.json(definition, indexedFields: definition.names == Event.names ? ["involvedObject.name"] : [])
  }
}
