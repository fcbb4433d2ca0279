import Access
import Audit
import AuditChain
import Database
import HTTPService
import HTTPTypes
import Hummingbird
import NIOCore
import ResourceModel
import WireFormats

/// The audit, in pages, and whole as JSON lines.
struct AuditEndpoints: Sendable {
  private static let exportedAtOnce = 500
  private static let maximumExportDuration = Duration.seconds(600)

  let database: any Database
  let policy: AccessPolicy

  func addRoutes(to router: Router<ServiceContext>) {
    router.endpoint(
      "/api/admin/audit",
      [
        .get: { request, context in
          try policy.requireCaller(context, request)
          let page = try PageRequest(request.uri.query)
          var query = try Self.query(request, limit: page.limit)
          if let token = page.token {
            guard let after = Int64(token), after >= 0 else { throw PageRequest.invalidToken }
            query.after = after
          }
          return .json(Self.json(try await read(query)))
        }
      ])
    router.endpoint(
      "/api/admin/audit/export",
      [
        .get: { request, context in
          let caller = try policy.requireCaller(context, request)
          let query = try Self.query(request, limit: Self.exportedAtOnce)
          guard !query.isNewestFirst else {
            throw StatusError(.badRequest, "the query parameter order: an export goes from the oldest entry on")
          }
          let first = try await read(query)
          let isStillValid = caller.isStillValid
          return Response(
            status: .ok, headers: [.contentType: "application/x-ndjson", .cacheControl: "no-cache, private"],
            body: ResponseBody { writer in try await send(first, query, isStillValid, &writer) })
        }
      ])
  }

  /// A page that cannot be read ends the connection in the middle, so that nobody takes a part for the whole.
  @concurrent
  private func send(
    _ first: AuditPage, _ query: AuditQuery, _ isStillValid: @Sendable () async throws -> Bool,
    _ writer: inout any ResponseBodyWriter
  ) async throws {
    let deadline = ContinuousClock.now + Self.maximumExportDuration
    var (page, query) = (first, query)
    while true {
      var bytes: [UInt8] = []
      for record in page.records {
        record.json.serialize(into: &bytes)
        bytes.append(0x0A)
      }
      try await Response.write(bytes, to: &writer)
      guard page.hasMore, let last = page.records.last else { break }
      guard ContinuousClock.now < deadline, try await isStillValid() else {
        throw StatusError(.timeout, "the export was read too slowly, or its reader may not read it any more")
      }
      query.after = last.sequence
      page = try await read(query)
    }
    try await writer.finish(nil)
  }

  private func read(_ query: AuditQuery) async throws -> AuditPage {
    try await database.transaction(.read) { try AuditLedger.page(query, in: $0) }
  }

  private static func json(_ page: AuditPage) -> JSONValue {
    var answer: JSONValue = [
      "entries": .array(page.records.map(\.json)),
      "head": ["sequence": .integer(page.head.sequence), "digest": .string(page.head.digest)],
    ]
    if page.hasMore, let last = page.records.last { answer["continue"] = .string(String(last.sequence)) }
    return answer
  }

  private static func query(_ request: Request, limit: Int) throws(StatusError) -> AuditQuery {
    let items = try QueryItems(request.uri.query)
    func moment(_ name: String) throws(StatusError) -> Timestamp? {
      guard let text = items[name] else { return nil }
      guard let moment = Timestamp(text) else {
        throw StatusError(
          .badRequest,
          "the query parameter \(name) must be a time such as 2026-12-15T02:00:00Z, not \"\(text.prefix(40))\"")
      }
      return moment
    }
    func text(_ name: String) throws(StatusError) -> String? {
      guard let text = items[name] else { return nil }
      guard text.utf8.count <= 256, !text.utf8.contains(0) else {
        throw StatusError(.badRequest, "the query parameter \(name) is too long, or no text")
      }
      return text
    }
    let order = items["order"] ?? "oldest"
    guard order == "oldest" || order == "newest" else {
      throw StatusError(.badRequest, "the query parameter order must be oldest or newest")
    }
    return AuditQuery(
      actor: try text("actor"), action: try text("action"), from: try moment("from"), to: try moment("to"),
      isNewestFirst: order == "newest", limit: limit)
  }
}
