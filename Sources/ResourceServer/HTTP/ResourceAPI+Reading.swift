import Access
import Compression
import HTTPService
import HTTPTypes
import Hummingbird
import ResourceModel
import ResourceStorage
import WireFormats

extension ResourceAPI {
  /// Most objects read from the store at once.
  static let pageSize = 500

  func get(_ definition: ResourceDefinition, _ key: ObjectKey, _ call: APICall) async throws -> Response {
    let representation = try call.representation()
    guard let stored = try await store.get(definition, key) else {
      throw StatusError.notFound(definition.names, key.name)
    }
    return try response(definition, stored, representation, call)
  }

  /// An answer that shows one object.
  func response(
    _ definition: ResourceDefinition, _ stored: StoredObject, _ representation: Representation, _ call: APICall,
    status: HTTPResponse.Status = .ok, warnings: [String] = []
  ) throws -> Response {
    switch representation {
    case .json where call.isPretty: return .json(try stored.value(), status: status, indented: true, warnings: warnings)
    case .json: return .json(bytes: stored.json, status: status, warnings: warnings)
    case .metadata:
      let metadata = ResourceTable.partialMetadata(of: stored.valueOrMetadata)
      return .json(metadata, status: status, indented: call.isPretty, warnings: warnings)
    case .table:
      let table = ResourceTable(definition).json(
        of: [try stored.value()], listMetadata: ["resourceVersion": .string(String(stored.revision))],
        including: try includedObject(call), now: now())
      return .json(table, status: status, indented: call.isPretty, warnings: warnings)
    }
  }

  func includedObject(_ call: APICall) throws(StatusError) -> ResourceTable.IncludedObject {
    guard let text = call.query["includeObject"] else { return .metadata }
    guard let included = ResourceTable.IncludedObject(rawValue: text) else {
      throw StatusError(.badRequest, "includeObject must be None, Metadata or Object")
    }
    return included
  }

  func list(_ definition: ResourceDefinition, namespace: String?, _ call: APICall) async throws -> Response {
    let options = try ReadOptions(call.query, definition: definition)
    var encoder = ListEncoder(names: definition.names, form: try listForm(definition, call))
    var remaining = options.limit
    var query = ListQuery(
      namespace: namespace, selector: options.selector, limit: min(remaining ?? Self.pageSize, Self.pageSize),
      continueToken: options.continueToken)
    let first = try await page(definition, query, call.connection)
    try checkVersion(options.versionMatch, of: first)
    remaining = remaining.map { $0 - first.items.count }

    var output: [UInt8] = []
    encoder.begin(&output)
    try encoder.append(first.items, to: &output)
    guard let token = first.continueToken, remaining.map({ $0 > 0 }) ?? true else {
      encoder.end(
        revision: first.revision, continueToken: first.continueToken, remainingItemCount: first.remainingItemCount,
        &output)
      guard call.acceptsGzip, output.count >= Self.minimumCompressedByteCount else { return .json(bytes: output) }
      var response = Response.json(bytes: await compressed(output))
      response.headers[.contentEncoding] = "gzip"
      response.headers[.vary] = "Accept-Encoding"
      return response
    }
    query.continueToken = token
    let isCompressed = call.acceptsGzip
    let (start, query2, remaining2, encoder2) = (output, query, remaining, encoder)
    let body = ResponseBody { writer in
      try await sendPages(
        definition, query2, remaining2, revision: first.revision, encoder2, start, isCompressed: isCompressed,
        call.connection, call.caller.isStillValid, &writer)
    }
    var headers: HTTPFields = [.contentType: "application/json", .cacheControl: "no-cache, private"]
    if isCompressed {
      headers[.contentEncoding] = "gzip"
      headers[.vary] = "Accept-Encoding"
    }
    return Response(status: .ok, headers: headers, body: body)
  }

  /// Reads one page. With a selector that may take long, so it ends where nobody waits for it any more.
  func page(
    _ definition: ResourceDefinition, _ query: ListQuery, _ connection: ClientConnection
  ) async throws -> ListPage {
    if query.selector.isEverything { return try await store.list(definition, query) }
    let store = store
    return try await connection.whileClientStays { try await store.list(definition, query) }
  }

  /// Bytes of a list from which on compressing is worth its time, as Kubernetes has it.
  static let minimumCompressedByteCount = 128 << 10

  @concurrent
  private func compressed(_ bytes: [UInt8]) async -> [UInt8] { GzipEncoder().finish(bytes) }

  /// Sends a list whose first page begins with `start`. A page that cannot be read ends the connection in the middle, so that nobody
  /// takes half a list for the whole.
  @concurrent
  private func sendPages(
    _ definition: ResourceDefinition, _ query: ListQuery, _ limit: Int?, revision: Int64, _ encoder: ListEncoder,
    _ start: [UInt8], isCompressed: Bool, _ connection: ClientConnection,
    _ isIdentityValid: @Sendable () async throws -> Bool, _ writer: inout any ResponseBodyWriter
  ) async throws {
    let deadline = ContinuousClock.now + configuration.maximumListDuration
    var (query, remaining, encoder) = (query, limit, encoder)
    let gzip = isCompressed ? GzipEncoder() : nil
    try await Response.write(gzip?.compress(start) ?? start, to: &writer)
    while true {
      try await Self.checkIdentity(isIdentityValid)
      guard ContinuousClock.now < deadline else { throw StatusError(.timeout, "the list was read too slowly") }
      query.limit = min(remaining ?? Self.pageSize, Self.pageSize)
      let page = try await page(definition, query, connection)
      remaining = remaining.map { $0 - page.items.count }
      var output: [UInt8] = []
      try encoder.append(page.items, to: &output)
      if let token = page.continueToken, remaining.map({ $0 > 0 }) ?? true {
        query.continueToken = token
        try await Response.write(gzip?.compress(output) ?? output, to: &writer)
        continue
      }
      encoder.end(
        revision: revision, continueToken: page.continueToken, remainingItemCount: page.remainingItemCount, &output)
      try await Response.write(gzip?.finish(output) ?? output, to: &writer)
      try await writer.finish(nil)
      return
    }
  }

  func listForm(_ definition: ResourceDefinition, _ call: APICall) throws -> ListEncoder.Form {
    switch try call.representation() {
    case .json: .objects
    case .metadata: .metadata
    case .table: .table(ResourceTable(definition), including: try includedObject(call), now: now())
    }
  }

  private func checkVersion(_ match: ReadOptions.VersionMatch, of page: ListPage) throws(StatusError) {
    switch match {
    case .any: return
    case .notOlderThan(let version):
      guard version > page.revision else { return }
      throw StatusError(
        .timeout, "Too large resource version: \(version), current: \(page.revision)", retryAfterSeconds: 1)
    case .exact(let version):
      guard version != page.revision else { return }
      throw StatusError(
        .expired, "The resourceVersion for the provided list is too old: only the present state can be listed")
    }
  }
}
