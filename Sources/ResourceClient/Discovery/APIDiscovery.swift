import ResourceModel
import WireFormats

/// Finds out which resource of an API server holds the objects of a kind.
///
/// The resources of a group version are read once and remembered. A kind that is not among them has them read again, but
/// at most once a minute, since custom resource definitions may come later.
public actor APIDiscovery {
  private struct GroupVersion: Sendable {
    var resources: [String: DiscoveredResource]
    var readAt: Duration
  }

  static let minimumAge = Duration.seconds(60)

  private let client: ResourceClient
  private let time: MonotonicTime
  private var known: [String: GroupVersion] = [:]

  public init(client: ResourceClient, clock: any Clock<Duration> = ContinuousClock()) {
    self.client = client
    self.time = MonotonicTime(clock)
  }

  /// - Parameter apiVersion: as in manifests: `v1`, `apps/v1`.
  /// - Returns: nil where the server has no such kind.
  public func names(apiVersion: String, kind: String) async throws(ResourceClientError) -> DiscoveredResource? {
    if let known = known[apiVersion] {
      if let resource = known.resources[kind] { return resource }
      if time.uptime() - known.readAt < Self.minimumAge { return nil }
    }
    let resources = try await read(apiVersion)
    known[apiVersion] = GroupVersion(resources: resources, readAt: time.uptime())
    return resources[kind]
  }

  private func read(_ apiVersion: String) async throws(ResourceClientError) -> [String: DiscoveredResource] {
    let parts = apiVersion.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    let (group, version) = parts.count == 2 ? (parts[0], parts[1]) : ("", apiVersion)
    let root = group.isEmpty ? "/api" : "/apis/\(RequestURL.percentEncoded(group))"
    let path = "\(root)/\(RequestURL.percentEncoded(version))"
    let list: JSONValue
    do throws(ResourceClientError) {
      list = try await client.get(path: path)
    } catch {
      if error.isNotFound { return [:] }
      throw error
    }
    guard let resources = list["resources"]?.array else {
      throw .protocolViolation("\(client.endpoint.baseURL) answered no list of resources for \(apiVersion)")
    }
    let found = resources.compactMap { DiscoveredResource($0, group: group, version: version) }
    return Dictionary(found.map { ($0.names.kind, $0) }) { first, _ in first }
  }
}
