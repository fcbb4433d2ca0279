import DeploymentKinds
import Logging
import ResourceClient
import ResourceModel
import WireFormats

enum Fixtures {
  static let deployments = "/apis/deploy.wrktalk.com/v1/namespaces/shop/desireddeployments"
  static let leases = "/apis/coordination.k8s.io/v1/namespaces/shop/leases"
  static let events = "/api/v1/namespaces/shop/events"

  static let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

  static func client(_ api: any APITransport, token: TokenSource = .none) -> ResourceClient {
    ResourceClient(endpoint: APIEndpoint("https://api/", token: token), transport: api)
  }

  static func deployment(_ name: String, version: String = "1.0.0") -> JSONValue {
    [
      "apiVersion": "deploy.wrktalk.com/v1", "kind": "DesiredDeployment",
      "metadata": ["name": .string(name), "namespace": "shop"],
      "spec": [
        "version": .string(version), "runtime": "Compose", "failurePolicy": "RollBack", "drift": "Correct",
        "interval": "1m", "suspend": false,
      ],
    ]
  }

  /// The informer at work while `body` runs.
  static func running<Object>(
    _ informer: Informer<Object>, _ body: (ChangedKeys) async throws -> Void
  ) async throws {
    let keys = ChangedKeys(informer.changes)
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { await informer.run() }
      try await body(keys)
      group.cancelAll()
    }
  }

  static func key(_ name: String) -> ObjectKey { ObjectKey(namespace: "shop", name: name) }
}
