public import DeploymentKinds
public import ResourceClient
public import ResourceModel

/// Where desired deployments come from, and where their status goes.
public protocol DeploymentSource: Sendable {
  /// The object as last seen, without any traffic; it may be older than what `fetch` gives.
  func cached(_ key: ObjectKey) -> DesiredDeployment?

  /// The object as it is now; nil where there is none.
  func fetch(_ key: ObjectKey) async throws(ResourceClientError) -> DesiredDeployment?

  /// Writes the status over exactly the version that `object` was read at.
  func replaceStatus(_ object: DesiredDeployment) async throws(ResourceClientError) -> DesiredDeployment
}

/// Desired deployments of a resource API, kept up to date by list and watch.
public struct WatchedDeployments: DeploymentSource {
  private let client: ResourceClient
  private let informer: Informer<DesiredDeploymentKind>

  public init(client: ResourceClient, informer: Informer<DesiredDeploymentKind>) {
    self.client = client
    self.informer = informer
  }

  public func cached(_ key: ObjectKey) -> DesiredDeployment? { informer.object(key) }

  public func fetch(_ key: ObjectKey) async throws(ResourceClientError) -> DesiredDeployment? {
    do throws(ResourceClientError) {
      return try await client.get(DesiredDeploymentKind.self, key)
    } catch {
      if error.isNotFound { return nil }
      throw error
    }
  }

  public func replaceStatus(_ object: DesiredDeployment) async throws(ResourceClientError) -> DesiredDeployment {
    try await client.replaceStatus(object)
  }
}
