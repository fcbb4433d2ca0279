public import DeploymentKinds
import DeploymentPlanning
public import ResourceClient
public import ResourceModel
import WireFormats

/// Where desired deployments come from, and where their status goes.
public protocol DeploymentSource: Sendable {
  /// The object as last seen, without any traffic; it may be older than what `fetch` gives.
  func cached(_ key: ObjectKey) -> DesiredDeployment?

  /// The object as it is now; nil where there is none.
  func fetch(_ key: ObjectKey) async throws(ResourceClientError) -> DesiredDeployment?

  /// The oldest other object that has the same Compose project or Helm release and was there before `deployment`, as
  /// last seen; nil where there is none.
  func owner(before deployment: DesiredDeployment) -> ObjectKey?

  /// The copies of settings that rollbacks of the other records may need, as last seen.
  func keptConfigurations(besides key: ObjectKey) -> Set<String>

  /// Writes the status over exactly the version that `object` was read at.
  func replaceStatus(_ object: DesiredDeployment) async throws(ResourceClientError) -> DesiredDeployment

  /// Writes `metadata.finalizers` over exactly the version that `object` was read at, and nothing else.
  /// - Returns: the object as it is then; with the last finalizer of a deleted object it was, and is gone.
  func setFinalizers(
    _ finalizers: [String], of object: DesiredDeployment
  ) async throws(ResourceClientError) -> DesiredDeployment
}

/// Desired deployments of a resource API, kept up to date by list and watch.
public struct WatchedDeployments: DeploymentSource {
  private let client: ResourceClient
  private let informer: Informer<DesiredDeployment>

  public init(client: ResourceClient, informer: Informer<DesiredDeployment>) {
    self.client = client
    self.informer = informer
  }

  public func cached(_ key: ObjectKey) -> DesiredDeployment? { informer.object(key) }

  public func fetch(_ key: ObjectKey) async throws(ResourceClientError) -> DesiredDeployment? {
    do throws(ResourceClientError) {
      let received = try await client.get(DesiredDeploymentKind.names, key)
      do throws(DeploymentReceiptError) {
        return try DeploymentReceipt.read(received)
      } catch {
        throw .protocolViolation("the server answered a DesiredDeployment that is not valid: \(error.message)")
      }
    } catch {
      if error.isNotFound { return nil }
      throw error
    }
  }

  public func owner(before deployment: DesiredDeployment) -> ObjectKey? {
    func age(_ object: DesiredDeployment) -> (Timestamp, ObjectKey) {
      (object.metadata.creationTimestamp ?? Timestamp(microseconds: .max), object.key)
    }
    guard deployment.target != nil else { return nil }
    return informer.objects.values
      .filter { $0.target == deployment.target }
      .filter { age($0) < age(deployment) }
      .min { age($0) < age($1) }?.key
  }

  public func keptConfigurations(besides key: ObjectKey) -> Set<String> {
    informer.objects.reduce(into: []) { if $1.key != key { $0.formUnion($1.value.keptConfigurations) } }
  }

  public func replaceStatus(_ object: DesiredDeployment) async throws(ResourceClientError) -> DesiredDeployment {
    try await client.replaceStatus(object)
  }

  public func setFinalizers(
    _ finalizers: [String], of object: DesiredDeployment
  ) async throws(ResourceClientError) -> DesiredDeployment {
    var metadata: JSONValue = ["finalizers": .array(finalizers.map { .string($0) })]
    if let version = object.metadata.resourceVersion { metadata["resourceVersion"] = .string(version) }
    if let uid = object.metadata.uid { metadata["uid"] = .string(uid) }
    return try await client.mergePatch(DesiredDeploymentKind.self, object.key, ["metadata": metadata])
  }
}
