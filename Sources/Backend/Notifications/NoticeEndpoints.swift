import Access
import Database
import HTTPService
import HTTPTypes
import Hummingbird
import Mail
import OfferPlanning
import ResourceModel
import WireFormats

/// What the Control Tower sees of notices: the list, whether they arrive, and who gets mails.
struct NoticeEndpoints: Sendable {
  private static let maximumBodyByteCount = 4 << 10
  private static let maximumLimit: Int64 = 200

  let database: any Database
  let sender: NoticeSender
  let makeID: @Sendable () -> String

  func addRoutes(to router: Router<ServiceContext>) {
    router.endpoint(
      "/api/admin/notices",
      [
        .get: { request, context in
          try EndpointCaller.require(context, request)
          return .json(try await list(try QueryItems(request.uri.query)))
        }
      ])
    router.endpoint(
      "/api/admin/notices/test",
      [
        .post: { request, context in
          let caller = try EndpointCaller.require(context, request)
          let answers = try await sender.test(id: makeID(), actor: caller.identity.name)
          return .json(Self.json(answers))
        }
      ])
    router.endpoint(
      "/api/admin/notices/recipients",
      [
        .get: { request, context in
          try EndpointCaller.require(context, request)
          return .json(try await recipients())
        },
        .put: { request, context in
          let caller = try EndpointCaller.require(context, request)
          let body = try await JSONBody.read(request, maximumBytes: Self.maximumBodyByteCount)
          try JSONBody.requireJSON(request.headers[.contentType], sentWith: caller.credentials)
          return .json(try await setRecipient(try JSONBody.parse(body)))
        },
      ])
  }

  // MARK: The list

  /// Newest first, a page at a time: `limit`, and `continue` of the page before.
  func list(_ query: QueryItems) async throws -> JSONValue {
    let limit = try query.number("limit") ?? 50
    guard (1...Self.maximumLimit).contains(limit) else {
      throw StatusError(.badRequest, "the query parameter limit must be from 1 to \(Self.maximumLimit)")
    }
    let token = try query["continue"].map(Self.place)
    let (rows, channels) = try await database.transaction(.read) { connection in
      let dialect = connection.dialect
      let before = token == nil ? "" : "WHERE (n.\"createdAt\", n.id) < (\(dialect.time("$1")), $2)"
      let rows = try connection.query(
        """
        SELECT \(KeptNotice.columns(dialect)) FROM admin_notice AS n \(before)
        ORDER BY n."createdAt" DESC, n.id DESC LIMIT \(limit + 1)
        """, token.map { [$0.time.column, .text($0.id)] } ?? [])
      return (rows.map(KeptNotice.init), try Self.channels(connection))
    }
    let page = rows.prefix(Int(limit))
    var answer: JSONValue = [
      "notices": .array(page.map(json)), "channels": .array(channels),
    ]
    if rows.count > page.count, let last = page.last {
      answer["continue"] = .string("\(last.createdAt.columnText)/\(last.id)")
    }
    return answer
  }

  private func json(_ kept: KeptNotice) -> JSONValue {
    let document = sender.messages.document([kept])
    guard let text = document.texts.first else { return .null }
    var json = NoticeMessages.json(kept, text)
    json["resolvedAt"] = kept.resolvedAt.map { .string($0.description) }
    json["dispatchedAt"] = kept.dispatchedAt.map { .string($0.description) }
    json["facts"] = .array(text.facts.map { ["label": .string($0.label), "value": .string($0.value)] })
    return json
  }

  private static func place(_ token: String) throws(StatusError) -> (time: Timestamp, id: String) {
    let parts = token.split(separator: "/", maxSplits: 1)
    guard parts.count == 2, let time = Timestamp(String(parts[0])) else {
      throw StatusError(
        .badRequest, "the query parameter continue is not what a page before has said; begin without it")
    }
    return (time, String(parts[1]))
  }

  /// What waits for each recipient that does not answer, and why.
  private static func channels(_ connection: any SQLConnection) throws -> [JSONValue] {
    try connection.query(
      """
      SELECT destination, count(*), max(attempts), max(last_error) FROM outbox WHERE topic = $1
      GROUP BY destination ORDER BY destination LIMIT 200
      """, [.text(NoticeDelivery.topic)]
    ).map { row in
      var json: JSONValue = [
        "destination": .string(row[0].text ?? ""), "waiting": .integer(row[1].integer ?? 0),
        "attempts": .integer(row[2].integer ?? 0),
      ]
      json["lastError"] = row[3].text.map { .string($0) }
      return json
    }
  }

  static func json(_ answers: [NoticeSender.TestAnswer]) -> JSONValue {
    [
      "channels": .array(
        answers.map { answer in
          var json: JSONValue = ["channel": .string(answer.channel), "delivered": .bool(answer.problem == nil)]
          json["recipient"] = answer.recipient.map { .string($0) }
          json["error"] = answer.problem.map { .string($0) }
          return json
        })
    ]
  }

  // MARK: Recipients

  func recipients() async throws -> JSONValue {
    let all = try await database.transaction(.read) { try sender.recipients.all($0) }
    return [
      "recipients": .array(
        all.map { recipient in
          [
            "address": .string(recipient.address.address), "mail": .bool(recipient.wantsMail),
            "source": .string(recipient.isConfigured ? "WRKTALK_ADMIN_EMAIL" : "account"),
          ]
        })
    ]
  }

  /// - Parameter body: `{"address": "…", "mail": false}`.
  func setRecipient(_ body: JSONValue) async throws -> JSONValue {
    guard let text = body["address"]?.string, let wantsMail = body["mail"]?.bool else {
      throw StatusError(.badRequest, "the body must be {\"address\": \"…\", \"mail\": true or false}")
    }
    guard let address = MailAddress(text) else { throw StatusError(.invalid, "address: is not a mail address") }
    try await database.transaction(.write) { connection in
      let key = NoticeRecipients.key(address.address)
      guard try sender.recipients.all(connection).contains(where: { NoticeRecipients.key($0.address.address) == key })
      else { throw StatusError(.notFound, "address: \(address) is none of those that notices go to") }
      try sender.recipients.set(address, wantsMail: wantsMail, connection)
    }
    return try await recipients()
  }
}
