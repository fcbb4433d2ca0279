import Database
import FleetKinds
import FleetPlanning
import HTTPService
import ResourceModel
import ResourceStorage
import Timing
import WireFormats

/// Which customers are meant: the same words in a list's query, behind a number of the fleet, and in a job for many of them.
struct OrganizationFilter: Sendable, Hashable {
  /// In the order in which they are written.
  static let names = [
    "q", "version", "behind", "behindExactly", "health", "notSeenFor", "stuckFor", "label", "escalation",
    "deploymentType", "release", "bucket", "blocked", "hasVersion",
  ]
  static let maximumTextByteCount = 200
  static let neverSeen = "NeverSeen"
  /// A number of releases that is not known.
  static let unknown = "unknown"

  /// As they were given, without those that are empty.
  let items: [String: String]
  private var health: String?
  private var behind: Int?
  private var behindExactly: Int?
  private var notSeenFor: Duration?
  private var stuckFor: Duration?
  private var labels: [(key: String, value: String?)] = []
  private var buckets: [TargetBucket] = []
  private var blocked: BlockReason?
  private var deploymentType: DeploymentType?

  static func == (left: OrganizationFilter, right: OrganizationFilter) -> Bool { left.items == right.items }
  func hash(into hasher: inout Hasher) { hasher.combine(items) }

  init(_ query: QueryItems) throws(StatusError) {
    var items: [String: String] = [:]
    for name in Self.names { items[name] = query[name] }
    try self.init(items)
  }

  /// A filter that is misspelt must not pass for none, with which everybody is meant.
  /// - Parameters:
  ///   - query: as it stands in the request's target.
  ///   - others: what else the request may ask for.
  /// - Throws: `badRequest`, which names one that there is not.
  static func checkNames(_ query: String?, besides others: [String]) throws(StatusError) {
    let known = names + others
    for item in (query ?? "").split(separator: "&") {
      let name = String(item.prefix { $0 != "=" })
      if known.contains(name) { continue }
      let meant = Suggestion.nearest(to: name, among: known).map { "; did you mean \($0)?" }
      throw StatusError(
        .badRequest,
        "\(name.prefix(60)): there is no such filter\(meant ?? "; there are \(known.joined(separator: ", "))")")
    }
  }

  /// - Throws: `badRequest`, which names what is wrong.
  init(_ given: [String: String]) throws(StatusError) {
    items = given.filter { !$0.value.isEmpty }
    for (name, text) in items {
      guard Self.names.contains(name) else {
        throw StatusError(
          .badRequest,
          "\(name.prefix(60)): there is no such filter; there are \(Self.names.joined(separator: ", "))")
      }
      guard text.utf8.count <= Self.maximumTextByteCount, !text.utf8.contains(0) else {
        throw StatusError(.badRequest, "\(name): is too long, or no text")
      }
    }
    health = items["health"]
    if let health, health != Self.neverSeen, OrganizationHealth(rawValue: health) == nil {
      let words = OrganizationHealth.allCases.map(\.rawValue) + [Self.neverSeen]
      throw StatusError(.badRequest, "health: must be one of \(words.joined(separator: ", "))")
    }
    behind = try Self.number("behind", items["behind"])
    if items["behindExactly"] != Self.unknown {
      behindExactly = try Self.number("behindExactly", items["behindExactly"])
    }
    notSeenFor = try Self.duration("notSeenFor", items["notSeenFor"])
    stuckFor = try Self.duration("stuckFor", items["stuckFor"])
    if let word = items["hasVersion"], !["true", "false"].contains(word) {
      throw StatusError(.badRequest, "hasVersion: must be true or false")
    }
    for part in (items["label"] ?? "").split(separator: ",") {
      let pair = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
      guard NameRules.qualifiedNameProblems(pair[0]).isEmpty else {
        throw StatusError(.badRequest, "label: must be such as ring=canary, or ring alone")
      }
      if pair.count == 2, let problem = NameRules.labelValueProblems(pair[1]).first {
        throw StatusError(.badRequest, "label: \"\(pair[1])\" cannot be the value of a label: \(problem)")
      }
      labels.append((pair[0], pair.count == 2 ? pair[1] : nil))
    }
    if let word = items["escalation"], word != "any", EscalationType(rawValue: word) == nil {
      throw StatusError(.badRequest, "escalation: must be any, or a type such as CLIENT_OFFLINE")
    }
    if let word = items["deploymentType"] {
      guard let type = DeploymentType(rawValue: word) else {
        throw StatusError(.badRequest, "deploymentType: must be Kubernetes or Docker")
      }
      deploymentType = type
    }
    for word in (items["bucket"] ?? "").split(separator: ",") {
      guard let bucket = TargetBucket(rawValue: String(word)) else {
        let words = TargetBucket.allCases.map(\.rawValue).joined(separator: ", ")
        throw StatusError(.badRequest, "bucket: must be of \(words)")
      }
      buckets.append(bucket)
    }
    guard buckets.isEmpty || items["release"] != nil else {
      throw StatusError(.badRequest, "bucket: needs release, of which it is")
    }
    if let word = items["blocked"] {
      guard let reason = BlockReason(rawValue: word) else {
        let words = BlockReason.allCases.map(\.rawValue).joined(separator: ", ")
        throw StatusError(.badRequest, "blocked: must be one of \(words)")
      }
      guard items["release"] != nil else {
        throw StatusError(.badRequest, "blocked: needs release, for which they are passed over")
      }
      blocked = reason
    }
  }

  private static func number(_ name: String, _ text: String?) throws(StatusError) -> Int? {
    guard let text else { return nil }
    guard let number = Int(text), (0...100_000).contains(number) else {
      throw StatusError(.badRequest, "\(name): must be a whole number from 0")
    }
    return number
  }

  private static func duration(_ name: String, _ text: String?) throws(StatusError) -> Duration? {
    guard let text else { return nil }
    guard let span = Duration(lifetime: text) else {
      throw StatusError(.badRequest, "\(name): must be a span of time that is longer than 0: \(Duration.lifetimeForms)")
    }
    return span
  }

  var json: JSONValue { .object(items.mapValues { .string($0) }) }

  // MARK: - As conditions of a statement

  /// Targets that wait for their customers: offered, not ended, and without a time that the customer has chosen. Those with one
  /// are open, too (`OfferIndex.openBuckets`), and not stuck.
  static let unansweredBuckets = "'notifying', 'consent', 'inProgress', 'silent', 'offline'"

  /// Adds to conditions on `organizational_service` as `o`, which is the table with labels.
  /// - Parameter versions: what is known of the versions that run: it reads every customer, and is asked for only where that is needed.
  func add(to statement: inout SQLConditions, now: Timestamp, versions: () throws -> RunningVersions) rethrows {
    let dialect = statement.dialect
    if let text = items["q"] {
      statement.add("lower(o.name) LIKE \(statement.parameter(.text(Self.pattern(text)))) ESCAPE '!'")
    }
    if let version = items["version"] {
      statement.add("o.\"currentVersion\" = \(statement.parameter(.text(version)))")
    }
    if let word = items["hasVersion"] {
      statement.add("coalesce(o.\"currentVersion\", '') \(word == "true" ? "<>" : "=") ''")
    }
    if let health {
      statement.add(
        health == Self.neverSeen ? "o.health IS NULL" : "o.health = \(statement.parameter(.text(health)))")
    }
    if behind != nil || behindExactly != nil || items["behindExactly"] != nil {
      let known = try versions()
      if let behind { statement.add(Self.isOne(of: known.versions { $0 >= behind }, &statement)) }
      if let behindExactly { statement.add(Self.isOne(of: known.versions { $0 == behindExactly }, &statement)) }
      if items["behindExactly"] == Self.unknown {
        statement.add(
          "NOT coalesce(\(Self.isOne(of: known.versions { _ in true }, &statement)), \(dialect.boolean(false)))")
      }
    }
    if let notSeenFor {
      let limit = statement.parameter((now + (.zero - notSeenFor)).column)
      // Who was never seen has not been seen since it is known.
      statement.add(
        "(o.\"lastSeen\" < \(dialect.time(limit)) OR (o.\"lastSeen\" IS NULL AND o.\"createdAt\" < \(dialect.time(limit))))"
      )
    }
    if let stuckFor {
      let limit = statement.parameter((now + (.zero - stuckFor)).column)
      statement.add(
        """
        o.name IN (SELECT t."organizationName" FROM gcc_deployment_target AS t
          WHERE t.bucket IN (\(Self.unansweredBuckets)) AND t."offeredAt" < \(dialect.time(limit)))
        """)
    }
    for (key, value) in labels {
      if let value {
        statement.add(statement.hasLabel(key, value))
      } else {
        statement.add(statement.hasLabel(key))
      }
    }
    if let word = items["escalation"] {
      let type = word == "any" ? "" : " AND CAST(e.type AS text) = \(statement.parameter(.text(word)))"
      statement.add(
        """
        o.name IN (SELECT e."organizationName" FROM gcc_escalation AS e WHERE e."resolvedAt" IS NULL\(type))
        """)
    }
    if let deploymentType {
      statement.add("CAST(o.\"deploymentType\" AS text) = '\(deploymentType.columnWord)'")
    }
    if let release = items["release"] {
      var among =
        buckets.isEmpty ? "" : " AND t.bucket IN (\(buckets.map { "'\($0.rawValue)'" }.joined(separator: ", ")))"
      // Why somebody was passed over is kept for those who are no more.
      if let blocked { among += " AND t.bucket = 'blocked' AND t.blocked = '\(blocked.columnWord)'" }
      statement.add(
        """
        o.name IN (SELECT t."organizationName" FROM gcc_deployment_target AS t
          WHERE t."releaseId" = (SELECT g.id FROM gcc_release AS g WHERE g.version = \(statement.parameter(.text(release))))\(among))
        """)
    }
  }

  /// Anywhere in the name; what means something to LIKE means itself.
  static func pattern(_ text: String) -> String {
    var pattern = "%"
    for character in text.lowercased() {
      if "%_!".contains(character) { pattern.append("!") }
      pattern.append(character)
    }
    return pattern + "%"
  }

  private static func isOne(of versions: [String], _ statement: inout SQLConditions) -> String {
    let set = RowSet("version", of: versions)
    let parameter = statement.parameter(set.parameter)
    return "o.\"currentVersion\" IN (SELECT r.version FROM \(set.source(statement.dialect, parameter)))"
  }
}
