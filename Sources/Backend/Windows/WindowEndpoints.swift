import Access
import Audit
import Cryptography
import Database
import HTTPService
import HTTPTypes
import Hummingbird
import MaintenanceWindows
import OfferPlanning
import ResourceModel
import WireFormats

/// Where admins read and set the maintenance windows.
struct WindowEndpoints: Sendable {
  static let maximumBodyByteCount = 64 << 10
  static let maximumNextCount: Int64 = 50

  let database: any Database
  let store: WindowStore
  let audit: AuditLedger
  let now: @Sendable () -> Timestamp
  /// The calendar has changed.
  let changed: @Sendable () -> Void

  func addRoutes(to router: Router<ServiceContext>) {
    router.endpoint(
      "/api/admin/windows",
      [
        .get: { request, context in
          try EndpointCaller.require(context, request)
          return Self.response(try await database.transaction(.read) { try WindowStore.json($0) })
        },
        .put: { request, context in
          let caller = try EndpointCaller.require(context, request)
          let body = try await JSONBody.read(request, maximumBytes: Self.maximumBodyByteCount)
          try JSONBody.requireJSON(request.headers[.contentType], sentWith: caller.credentials)
          let json = try JSONBody.parse(body)
          let known = request.headers[.ifMatch].map { $0.filter { $0 != "\"" && $0 != " " } }
          return Self.response(try await replace(json, where: known, by: caller, from: context.peer))
        },
      ])
    router.endpoint(
      "/api/admin/windows/next",
      [
        .get: { request, context in
          try EndpointCaller.require(context, request)
          let count = try QueryItems(request.uri.query).number("count") ?? 5
          guard (1...Self.maximumNextCount).contains(count) else {
            throw StatusError(
              .badRequest, "the query parameter count must be from 1 to \(Self.maximumNextCount), not \(count)")
          }
          return .json(try await next(Int(count)))
        }
      ])
  }

  /// The calendar, with the tag that `If-Match` takes (RFC 9110 §13.1.1).
  private static func response(_ calendar: JSONValue) -> Response {
    var response = Response.json(calendar)
    response.headers[.eTag] = "\"\(entityTag(of: calendar))\""
    return response
  }

  /// Differs where anything of the calendar does.
  static func entityTag(of calendar: JSONValue) -> String {
    String(SHA256.digest(of: calendar.text).hexadecimal.prefix(16))
  }

  /// - Parameter entityTag: of the calendar as the admin saw it, `*` for any; nil where that does not matter.
  /// - Returns: the calendar as it is kept.
  /// - Throws: `StatusError`: 422 naming the field; 409 where it is another now, or the policy Automatic needs what it leaves out; 403
  ///   where deployments may begin at more times than before, and the caller's sign-in is not of the last minutes.
  func replace(
    _ json: JSONValue, where entityTag: String? = nil, by caller: Caller, from address: String?
  ) async throws -> JSONValue {
    let (now, identity) = (now(), caller.identity)
    let calendar = try await database.transaction(.write) { connection in
      let policy = try PolicyState.read(connection, locked: true)
      // Zones are read from files, here on the connection's own thread.
      let calendar = try check(json)
      for name in ["windows", "freezes"] where json[name] == nil {
        throw StatusError(
          .invalid, "\(name): is missing: what is sent takes the place of all that there is; [] for none")
      }
      guard calendar.windows.isEmpty || calendar.contains(now) || !calendar.next(after: now, count: 1).isEmpty else {
        throw StatusError(.invalid, "windows: none of them ever opens again, so that nothing could be scheduled")
      }
      try check(calendar, policy, connection)
      let before = try WindowStore.json(connection)
      if let entityTag, entityTag != "*", entityTag != Self.entityTag(of: before) {
        throw StatusError(
          .conflict, "the maintenance windows were changed meanwhile: read them again, and then decide")
      }
      guard before != calendar.json else { return calendar }
      if calendar.json.widens(before) { try caller.requireRecentAuthentication() }
      try WindowStore.write(calendar, at: now, connection)
      try audit.record(
        [
          AuditEntry(
            actor: identity.name, roles: identity.roleText, address: address ?? "",
            action: "MaintenanceWindowsChanged", object: "windows",
            detail: ["before": before.without(calendar.json), "after": calendar.json.without(before)])
        ], in: connection)
      return calendar
    }
    changed()
    return calendar.json
  }

  private func check(_ json: JSONValue) throws(StatusError) -> MaintenanceCalendar {
    do {
      return try store.calendar(reading: json)
    } catch {
      throw StatusError(.invalid, "\(error)")
    }
  }

  private func check(
    _ calendar: MaintenanceCalendar, _ policy: PolicyState, _ connection: any SQLConnection
  ) throws {
    if policy.policy == .automatic, calendar.windows.isEmpty {
      throw StatusError(
        .conflict,
        "windows: the deployment policy is Automatic, which needs a window at least: set it to Manual first")
    }
    if let scheduled = try AutomaticDeployment.find(connection), !calendar.contains(scheduled.scheduledFor) {
      throw StatusError(
        .conflict,
        "windows: v\(scheduled.version) was scheduled automatically for \(scheduled.scheduledFor.wholeSeconds), which they do "
          + "not include: cancel it first")
    }
  }

  func next(_ count: Int) async throws -> JSONValue {
    let now = now()
    return try await database.transaction(.read) { connection in
      do {
        let calendar = try store.calendar(connection)
        var answer: JSONValue = [
          "isOpen": .bool(calendar.contains(now)), "next": .array(calendar.next(after: now, count: count).map(\.json)),
        ]
        answer["opening"] = calendar.opening(at: now).map(\.json) ?? .null
        answer["freeze"] = calendar.freeze(at: now).map { .string($0.reason) } ?? .null
        return answer
      } catch let error as CalendarError {
        throw StatusError(.serviceUnavailable, "the maintenance windows cannot be read: \(error)")
      }
    }
  }
}

extension JSONValue {
  /// Whether a calendar may let deployments begin at times at which another does not: it has another window, none at all where there
  /// were some, or a freeze less.
  func widens(_ before: JSONValue) -> Bool {
    func entries(_ json: JSONValue, _ name: String) -> [JSONValue] { json[name]?.array ?? [] }
    let (windows, old) = (entries(self, "windows"), entries(before, "windows"))
    let isOpener = !old.isEmpty && (windows.isEmpty || windows.contains { !old.contains($0) })
    let freezes = entries(self, "freezes")
    return isOpener || entries(before, "freezes").contains { !freezes.contains($0) }
  }

  /// Its members without what the other has as well, entry by entry: what was changed. A calendar as a whole can be longer than an entry
  /// of the audit may be.
  fileprivate func without(_ other: JSONValue) -> JSONValue {
    var difference: JSONValue = [:]
    for (name, value) in object ?? [:] where value != other[name] {
      guard let list = value.array, let kept = other[name]?.array else {
        difference[name] = value
        continue
      }
      difference[name] = .array(list.filter { !kept.contains($0) })
    }
    return difference
  }
}

extension Opening {
  fileprivate var json: JSONValue {
    [
      "start": .string(start.description), "end": end.map { .string($0.description) } ?? .null,
      "timeZone": .string(zone.name.description), "localStart": .string(zone.localText(of: start)),
      "localEnd": end.map { .string(zone.localText(of: $0)) } ?? .null,
    ]
  }
}
