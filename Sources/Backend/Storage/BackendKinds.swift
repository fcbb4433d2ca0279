import CoreKinds
import DeploymentKinds
import ResourceModel

/// The kinds that the Backend serves.
enum BackendKinds {
  static let definitions = DeploymentKind.definitions + CoreKind.definitions
}
