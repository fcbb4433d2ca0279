public import ResourceModel
public import WireFormats

extension ResourceClient {
  /// All objects, page after page; begins once more where the server forgot the list half way (410).
  public func list(
    _ names: ResourceNames, namespace: String?, selector: ObjectSelector = .everything, pageSize: Int = 500,
    representation: Representation = .object
  ) async throws(ResourceClientError) -> ResourceList<JSONValue> {
    try await list(
      names, namespace: namespace, selector: selector, pageSize: pageSize, representation: representation, item: { $0 })
  }

  /// - Parameter item: what is kept of each object, made before the next page is read; nil leaves it out.
  func list<Item: Sendable>(
    _ names: ResourceNames, namespace: String?, selector: ObjectSelector, pageSize: Int = 500,
    representation: Representation, item: @Sendable (JSONValue) -> Item?
  ) async throws(ResourceClientError) -> ResourceList<Item> {
    var restarts = 0
    while true {
      do throws(ResourceClientError) {
        return try await readPages(
          names, namespace: namespace, selector: selector, pageSize: pageSize, representation: representation,
          item: item)
      } catch {
        restarts += 1
        guard error.isExpired, restarts < 3 else { throw error }
      }
    }
  }

  private func readPages<Item: Sendable>(
    _ names: ResourceNames, namespace: String?, selector: ObjectSelector, pageSize: Int,
    representation: Representation, item: (JSONValue) -> Item?
  ) async throws(ResourceClientError) -> ResourceList<Item> {
    var items: [Item] = []
    var continueToken: String?
    while true {
      let page = try await page(
        names, namespace: namespace, selector: selector, limit: pageSize, continueToken: continueToken,
        representation: representation)
      guard let pageItems = page["items"]?.array, let version = page["metadata"]?["resourceVersion"]?.string else {
        throw .protocolViolation("\(endpoint.baseURL) answered a list without items and resourceVersion")
      }
      items += pageItems.compactMap { item(named($0, names)) }
      let next = page["metadata"]?["continue"]?.string
      guard let next, !next.isEmpty else { return ResourceList(items: items, resourceVersion: version) }
      if next == continueToken || pageItems.isEmpty {
        throw .protocolViolation("\(endpoint.baseURL) answered the same page of a list twice")
      }
      continueToken = next
    }
  }

  /// The items of a list may leave out what all of them have in common.
  private func named(_ item: JSONValue, _ names: ResourceNames) -> JSONValue {
    var item = item
    if item["apiVersion"] == nil { item["apiVersion"] = .string(names.apiVersion) }
    if item["kind"] == nil { item["kind"] = .string(names.kind) }
    return item
  }
}

/// The objects of a list, and the version from which a watch goes on.
public struct ResourceList<Object: Sendable>: Sendable {
  public var items: [Object]
  public var resourceVersion: String

  public init(items: [Object], resourceVersion: String) {
    self.items = items
    self.resourceVersion = resourceVersion
  }
}
