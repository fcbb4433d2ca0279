public import ResourceModel
public import WireFormats

/// The same operations over a kind's Swift types.
extension ResourceClient {
  public func get<Kind: ResourceKind>(
    _ kind: Kind.Type, _ key: ObjectKey
  ) async throws(ResourceClientError) -> Resource<Kind> {
    try decode(try await get(Kind.definition.names, key))
  }

  /// All objects, page after page.
  public func list<Kind: ResourceKind>(
    _ kind: Kind.Type, namespace: String?, selector: ObjectSelector = .everything, pageSize: Int = 500
  ) async throws(ResourceClientError) -> ResourceList<Resource<Kind>> {
    let list = try await list(Kind.definition.names, namespace: namespace, selector: selector, pageSize: pageSize)
    var items: [Resource<Kind>] = []
    for item in list.items { items.append(try decode(item)) }
    return ResourceList(items: items, resourceVersion: list.resourceVersion)
  }

  /// The object's namespace must be set.
  public func create<Kind: ResourceKind>(
    _ object: Resource<Kind>, options: WriteOptions = WriteOptions()
  ) async throws(ResourceClientError) -> Resource<Kind> {
    try decode(
      try await create(
        Kind.definition.names, namespace: object.key.namespace, try encode(object), options: options))
  }

  /// Writes spec and metadata over exactly the version that was read (409 `Conflict` otherwise).
  public func replace<Kind: ResourceKind>(
    _ object: Resource<Kind>, options: WriteOptions = WriteOptions()
  ) async throws(ResourceClientError) -> Resource<Kind> {
    try decode(try await replace(Kind.definition.names, object.key, try encode(object), options: options))
  }

  /// Writes only the status, over exactly the version that was read (409 `Conflict` otherwise).
  public func replaceStatus<Kind: ResourceKind>(
    _ object: Resource<Kind>, options: WriteOptions = WriteOptions()
  ) async throws(ResourceClientError) -> Resource<Kind> {
    try decode(
      try await replace(
        Kind.definition.names, object.key, try encode(object), subresource: "status", options: options))
  }

  /// RFC 7386: members of `patch` replace the object's, null removes; with a `metadata.resourceVersion` only over exactly
  /// that version (409 `Conflict` otherwise). The status stays as it is.
  public func mergePatch<Kind: ResourceKind>(
    _ kind: Kind.Type, _ key: ObjectKey, _ patch: JSONValue, options: WriteOptions = WriteOptions()
  ) async throws(ResourceClientError) -> Resource<Kind> {
    try decode(try await mergePatch(Kind.definition.names, key, patch, options: options))
  }

  func decode<Kind: ResourceKind>(_ value: JSONValue) throws(ResourceClientError) -> Resource<Kind> {
    do {
      return try value.decoded(as: Resource<Kind>.self)
    } catch let error as DecodingError {
      throw .protocolViolation(
        "\(endpoint.baseURL) answered an object that is no \(Kind.definition.names.kind): \(Self.words(error))")
    } catch {
      throw .protocolViolation("\(endpoint.baseURL) answered an object that is no \(Kind.definition.names.kind)")
    }
  }

  private func encode<Kind: ResourceKind>(_ object: Resource<Kind>) throws(ResourceClientError) -> JSONValue {
    do {
      return try JSONValue(encoding: object)
    } catch {
      throw .protocolViolation("the \(Kind.definition.names.kind) \(object.key) cannot be written as JSON")
    }
  }

  private static func words(_ error: DecodingError) -> String {
    func field(_ context: DecodingError.Context) -> String {
      context.codingPath.map { $0.intValue.map { "[\($0)]" } ?? $0.stringValue }.joined(separator: ".")
    }
    return switch error {
    case .keyNotFound(let key, let context): "\(key.stringValue) is missing in \(field(context))"
    case .typeMismatch(_, let context), .valueNotFound(_, let context), .dataCorrupted(let context):
      "\(field(context)): \(context.debugDescription)"
    @unknown default: "unknown form"
    }
  }
}
