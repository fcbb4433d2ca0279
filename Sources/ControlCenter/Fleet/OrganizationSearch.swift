import Cryptography
import Database
import FleetPlanning
import HTTPService
import ResourceModel
import ResourceStorage
import WireFormats

/// Customers by what they have in common, in pages, with how many there are: the number and the list are of one statement's conditions.
struct OrganizationSearch: Sendable {
  enum Order: String, Sendable, CaseIterable {
    case name
    /// Never seen first.
    case lastSeen
    /// Since when the version runs.
    case since
    case behind
  }

  let database: any Database
  let now: @Sendable () -> Timestamp

  /// What stands for a time that is not known.
  private static let neverSeen = "0001-01-01T00:00:00.000Z"

  /// Where a page begins: after this value and name, in the order in which the page before was.
  private struct Place {
    var order: Order
    var isDescending: Bool
    var value: String
    var name: String

    init(_ order: Order, isDescending: Bool, value: String, name: String) {
      (self.order, self.isDescending, self.value, self.name) = (order, isDescending, value, name)
    }

    /// - Throws: `badRequest` where no page of this order has said so.
    init(_ token: String, of order: Order, isDescending: Bool) throws(StatusError) {
      guard let bytes = Base64.decode(token, alphabet: .urlSafe), let json = try? JSONValue(parsing: bytes),
        json["o"]?.string == Self.word(order, isDescending), let text = json["v"]?.string,
        let name = json["n"]?.string, !name.utf8.contains(0),
        let value = Self.value(text, of: order)
      else { throw PageRequest.invalidToken }
      self.init(order, isDescending: isDescending, value: value, name: name)
    }

    /// As the database compares it; nil where it is not one.
    private static func value(_ text: String, of order: Order) -> String? {
      switch order {
      case .name: return text.isEmpty ? text : nil
      case .lastSeen, .since:
        guard let time = Timestamp(text), let first = Timestamp(neverSeen), time >= first else { return nil }
        return time.columnText
      case .behind: return Int64(text).map { String($0) }
      }
    }

    private static func word(_ order: Order, _ isDescending: Bool) -> String {
      (isDescending ? "-" : "") + order.rawValue
    }

    var token: String {
      let json: JSONValue = [
        "o": .string(Self.word(order, isDescending)), "v": .string(value), "n": .string(name),
      ]
      return Base64.encode(json.serialized(), alphabet: .urlSafe)
    }
  }

  static func order(_ query: QueryItems) throws(StatusError) -> (Order, isDescending: Bool) {
    let word = query["sort"] ?? Order.name.rawValue
    guard let order = Order(rawValue: word.hasPrefix("-") ? String(word.dropFirst()) : word) else {
      let words = Order.allCases.map(\.rawValue).joined(separator: ", ")
      throw StatusError(.badRequest, "sort: must be one of \(words), after a minus for the other way round")
    }
    return (order, word.hasPrefix("-"))
  }

  func page(_ query: QueryItems, _ page: PageRequest) async throws -> JSONValue {
    let filter = try OrganizationFilter(query)
    let (order, isDescending) = try Self.order(query)
    let place = try page.token.map { (token) throws(StatusError) in
      try Place(token, of: order, isDescending: isDescending)
    }
    let now = now()
    return try await database.transaction(.read) { connection in
      let published = try RunningVersions.published(connection)
      var running: RunningVersions?
      func versions() throws -> RunningVersions {
        if let running { return running }
        let read = try RunningVersions(connection)
        running = read
        return read
      }
      let rows = try Self.rows(
        filter, order, isDescending: isDescending, after: place, limit: page.limit + 1, versions: versions, now: now,
        connection)
      let (shown, next) = page.page(rows) {
        Place(order, isDescending: isDescending, value: $0[7].text ?? "", name: $0[0].text ?? "").token
      }
      let names = shown.compactMap { $0[0].text }
      let open = try Self.openTargets(of: names, connection)
      let escalations = try Self.openEscalations(of: names, connection)
      var answer: JSONValue = [
        "organizations": .array(
          shown.map { row in
            var json = Self.json(row, published)
            json["open"] = open[row[0].text ?? ""]
            json["escalations"] = escalations[row[0].text ?? ""].map { .integer($0) }
            return json
          })
      ]
      // A page after the first is of the same list.
      if place == nil { answer["total"] = .integer(try Self.count(filter, now: now, versions: versions, connection)) }
      if let next { answer["continue"] = .string(next) }
      return answer
    }
  }

  /// How many a filter means.
  private static func count(
    _ filter: OrganizationFilter, now: Timestamp, versions: () throws -> RunningVersions,
    _ connection: any SQLConnection
  ) throws -> Int64 {
    var statement = SQLConditions(connection.dialect, table: "o")
    try filter.add(to: &statement, now: now, versions: versions)
    return try connection.query(
      "SELECT count(*) FROM organizational_service AS o \(statement.clause)", statement.parameters
    ).first?[0].integer ?? 0
  }

  private static func rows(
    _ filter: OrganizationFilter, _ order: Order, isDescending: Bool, after place: Place?, limit: Int,
    versions: () throws -> RunningVersions, now: Timestamp, _ connection: any SQLConnection
  ) throws -> [SQLRow] {
    let dialect = connection.dialect
    var statement = SQLConditions(dialect, table: "o")
    try filter.add(to: &statement, now: now, versions: versions)
    let name = dialect == .postgresql ? "o.name COLLATE \"C\"" : "o.name"
    var source = "organizational_service AS o"
    let beginning = dialect.time("'\(neverSeen)'")
    let (value, cast): (String, (String) -> String) =
      switch order {
      case .name: (name, { $0 })
      case .lastSeen: ("coalesce(o.\"lastSeen\", \(beginning))", dialect.time)
      case .since: ("coalesce(o.\"versionSince\", \(beginning))", dialect.time)
      case .behind: ("coalesce(b.behind, -1)", { "CAST(\($0) AS bigint)" })
      }
    if order == .behind {
      var set = RowSet([("version", .text), ("behind", .integer)])
      let known = try versions()
      for (version, _) in known.counts {
        guard let behind = known.published.behind(version) else { continue }
        set.append([.text(version), .integer(Int64(behind.releases))])
      }
      let parameter = statement.parameter(set.parameter)
      source += " LEFT JOIN \(set.source(dialect, parameter, as: "b")) ON b.version = o.\"currentVersion\""
    }
    if let place {
      let sign = isDescending ? "<" : ">"
      let after = statement.parameter(.text(place.name))
      if order == .name {
        statement.add("\(name) \(sign) \(after)")
      } else {
        statement.add("(\(value), \(name)) \(sign) (\(cast(statement.parameter(.text(place.value)))), \(after))")
      }
    }
    let direction = isDescending ? " DESC" : ""
    let sorting = order == .name ? "\(name)\(direction)" : "\(value)\(direction), \(name)\(direction)"
    let shown =
      switch order {
      case .name: "''"
      case .lastSeen, .since: dialect.text(ofTime: value)
      case .behind: "CAST(\(value) AS text)"
      }
    let times = ["versionSince", "lastSeen", "licenseExpiresAt"].map { dialect.text(ofTime: "o.\"\($0)\"") }
    return try connection.query(
      """
      SELECT o.name, o."currentVersion", \(times[0]), o.health, \(times[1]), CAST(o.labels AS text),
        CAST(o."deploymentType" AS text), \(shown), o."spocName", \(times[2]),
        o."pendingReports"
      FROM \(source) \(statement.clause) ORDER BY \(sorting) LIMIT \(limit)
      """, statement.parameters)
  }

  private static func json(_ row: SQLRow, _ published: PublishedVersions) -> JSONValue {
    var json: JSONValue = ["name": .string(row[0].text ?? "")]
    json["version"] = row[1].text.map { .string($0) }
    json["since"] = row[2].time.map { .string($0.wholeSeconds.description) }
    json["behind"] = published.behind(row[1].text).map { .integer(Int64($0.releases)) }
    json["health"] = row[3].text.map { .string($0) }
    json["lastSeen"] = row[4].time.map { .string($0.wholeSeconds.description) }
    if let labels = row[5].text.flatMap({ try? JSONValue(parsing: Array($0.utf8)) }), labels.object?.isEmpty == false {
      json["labels"] = labels
    }
    if let pending = row[10].integer, pending > 0 { json["pendingReports"] = .integer(pending) }
    json["contact"] = row[8].text.map { .string($0) }
    json["licenseExpiresAt"] = row[9].time.map { .string($0.wholeSeconds.description) }
    return json
  }

  /// Of each the offer that has waited for its customer for longest, or else one with a time that it has chosen, or else the failure
  /// of its newest release.
  private static func openTargets(of names: [String], _ connection: any SQLConnection) throws -> [String: JSONValue] {
    let (dialect, set) = (connection.dialect, RowSet("name", of: names))
    let rows = try connection.query(
      """
      SELECT t."organizationName", t."releaseVersion", t.bucket, \(dialect.text(ofTime: "t.\"offeredAt\"")), t."rolloutName",
        CAST(t.status AS text)
      FROM gcc_deployment_target AS t
      WHERE t."organizationName" IN (SELECT r.name FROM \(set.source(dialect)))
        AND (t.bucket IN (\(OrganizationFilter.unansweredBuckets), 'scheduled') OR t.bucket = 'failed' AND NOT EXISTS
          (SELECT 1 FROM gcc_deployment_target AS later
            WHERE later."organizationName" = t."organizationName" AND later."createdAt" > t."createdAt"))
      ORDER BY t.bucket = 'failed', t.bucket = 'scheduled', t."offeredAt", t.id
      """, [set.parameter])
    var open: [String: JSONValue] = [:]
    for row in rows where open[row[0].text ?? ""] == nil {
      let state = TargetState(bucket: row[2].text, status: row[5].text)?.rawValue ?? row[2].text ?? ""
      var json: JSONValue = ["release": .string(row[1].text ?? ""), "state": .string(state)]
      json["offeredAt"] = row[3].time.map { .string($0.wholeSeconds.description) }
      json["rollout"] = row[4].text.map { .string($0) }
      open[row[0].text ?? ""] = json
    }
    return open
  }

  private static func openEscalations(of names: [String], _ connection: any SQLConnection) throws -> [String: Int64] {
    let set = RowSet("name", of: names)
    let rows = try connection.query(
      """
      SELECT e."organizationName", count(*) FROM gcc_escalation AS e
      WHERE e."resolvedAt" IS NULL AND e."organizationName" IN (SELECT r.name FROM \(set.source(connection.dialect)))
      GROUP BY e."organizationName"
      """, [set.parameter])
    return Dictionary(uniqueKeysWithValues: rows.map { ($0[0].text ?? "", $0[1].integer ?? 0) })
  }
}
