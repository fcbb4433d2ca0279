public import ResourceModel
import Timing
import WireFormats

/// A kind as an API server serves it.
public struct DiscoveredResource: Sendable, Hashable {
  public var names: ResourceNames
  public var isNamespaced: Bool

  public init(names: ResourceNames, isNamespaced: Bool) {
    self.names = names
    self.isNamespaced = isNamespaced
  }
}

/// Asks an API server which kinds it serves. Each group and version is asked for once; only for a kind that was not among
/// them it is asked again, at most once a minute, for its definition may have been added since.
public actor APIDiscovery {
  private struct GroupVersion {
    var resources: [String: DiscoveredResource]
    var askedAt: Duration
  }

  private static let pause = Duration.seconds(60)

  private let client: ResourceClient
  private let time: MonotonicTime
  private var known: [String: GroupVersion] = [:]

  public init(client: ResourceClient, clock: any Clock<Duration> = ContinuousClock()) {
    self.client = client
    self.time = MonotonicTime(clock)
  }

  /// - Parameter apiVersion: `apps/v1`, or `v1` for the core group.
  /// - Returns: nil where the server does not serve the kind.
  public func names(apiVersion: String, kind: String) async throws(ResourceClientError) -> DiscoveredResource? {
    if let known = known[apiVersion] {
      if let resource = known.resources[kind] { return resource }
      if time.uptime() - known.askedAt < Self.pause { return nil }
    }
    let resources = try await resources(of: apiVersion)
    known[apiVersion] = GroupVersion(resources: resources, askedAt: time.uptime())
    return resources[kind]
  }

  private func resources(of apiVersion: String) async throws(ResourceClientError) -> [String: DiscoveredResource] {
    let parts = apiVersion.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
    guard parts.count <= 2, parts.allSatisfy({ !$0.isEmpty }), let version = parts.last else { return [:] }
    let group = parts.count == 2 ? parts[0] : ""
    let path =
      (group.isEmpty ? "/api" : "/apis/\(RequestURL.percentEncoded(group))") + "/" + RequestURL.percentEncoded(version)
    let list: JSONValue
    do throws(ResourceClientError) {
      list = try await client.get(path: path)
    } catch {
      if error.isNotFound { return [:] }
      throw error
    }
    var resources: [String: DiscoveredResource] = [:]
    for resource in list["resources"]?.array ?? [] {
      guard let plural = resource["name"]?.string, !plural.contains("/"), let kind = resource["kind"]?.string else {
        continue
      }
      // Servers before 1.27 leave the singular of their own kinds empty.
      let singular = resource["singularName"]?.string ?? ""
      resources[kind] = DiscoveredResource(
        names: ResourceNames(
          group: group, version: version, kind: kind, plural: plural,
          singular: singular.isEmpty ? kind.lowercased() : singular),
        isNamespaced: resource["namespaced"]?.bool == true)
    }
    return resources
  }
}
