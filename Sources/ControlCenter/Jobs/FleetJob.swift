import Database
import FleetKinds
import FleetPlanning
import HTTPService
import ResourceModel
import WireFormats

/// One change for many customers, carried out by the server in sets; whoever asked for it need not wait.
struct FleetJob: Sendable, Hashable {
  enum Action: Sendable, Hashable {
    /// A value of null takes the label away.
    case label([String: String?])
    /// What is open of the customers', of one type or of all.
    case resolveEscalations(resolution: String, type: EscalationType?)
    /// What failed of a release waits to be offered again, with the same content.
    case retry(release: String)

    /// Of all that this version carries out.
    static let names = ["label", "resolveEscalations", "retry"]

    var name: String {
      switch self {
      case .label: "label"
      case .resolveEscalations: "resolveEscalations"
      case .retry: "retry"
      }
    }

    /// The members that say what is to be done, as they came.
    var json: JSONValue {
      switch self {
      case .label(let labels):
        ["labels": .object(labels.mapValues { value in value.map { JSONValue.string($0) } ?? .null })]
      case .resolveEscalations(let resolution, let type):
        ["resolution": .string(resolution), "type": type.map { .string($0.rawValue) } ?? .null]
      case .retry(let release): ["release": .string(release)]
      }
    }

    /// - Throws: `StatusError`, which names the member at fault.
    init(_ name: String, _ body: JSONValue) throws(StatusError) {
      switch name {
      case "label": self = .label(try Self.labels(body["labels"]))
      case "resolveEscalations":
        guard let text = body["resolution"]?.string, (1...2_000).contains(text.utf8.count), !text.utf8.contains(0)
        else {
          throw StatusError(.invalid, "resolution: must say what was done, in at most 2000 bytes")
        }
        var type: EscalationType?
        // Only what is left out, or is kept as null, stands for all types.
        if let word = body["type"], word != .null {
          type = word.string.flatMap(EscalationType.init)
          if type == nil { throw StatusError(.invalid, "type: is not a type of escalations") }
        }
        self = .resolveEscalations(resolution: text, type: type)
      case "retry":
        guard let release = body["release"]?.string, (1...100).contains(release.utf8.count), !release.utf8.contains(0)
        else { throw StatusError(.invalid, "release: is missing: the version to retry") }
        self = .retry(release: release)
      default:
        throw StatusError(.invalid, "action: must be one of \(Self.names.joined(separator: ", "))")
      }
    }

    private static func labels(_ json: JSONValue?) throws(StatusError) -> [String: String?] {
      guard let members = json?.object, (1...20).contains(members.count) else {
        throw StatusError(.invalid, "labels: must be 1 to 20 labels, such as {\"ring\": \"canary\"}")
      }
      var labels: [String: String?] = [:]
      for (key, value) in members {
        if let problem = NameRules.qualifiedNameProblems(key).first {
          throw StatusError(.invalid, "labels.\(key.prefix(80)): \(problem)")
        }
        switch value {
        case .null: labels[key] = .some(nil)
        case .string(let text):
          if let problem = NameRules.labelValueProblems(text).first {
            throw StatusError(.invalid, "labels.\(key.prefix(80)): \(problem)")
          }
          labels[key] = text
        default: throw StatusError(.invalid, "labels.\(key.prefix(80)): must be text, or null to take it away")
        }
      }
      return labels
    }
  }

  enum State: String, Sendable, Hashable, CaseIterable {
    /// Its customers are fixed, and nothing is done until it is started.
    case prepared = "Prepared"
    case running = "Running"
    case completed = "Completed"
    case cancelled = "Cancelled"
    case failed = "Failed"
  }

  var id: String
  /// Possibly of a later version.
  var actionName: String
  /// What is to be done, as it came.
  var parameters: JSONValue
  /// For whom it was asked, in short.
  var filter: JSONValue
  var state: State
  /// Of customers: fixed when it was made.
  var total: Int64
  var done: Int64
  /// Of what it is about: customers, escalations or targets that are another now.
  var changed: Int64
  /// Customers that are as they were, since the change would have broken a rule.
  var refused: Int64
  var createdBy: String
  var createdAt: Timestamp
  var finishedAt: Timestamp?
  /// Why it ended before it was done.
  var reason: String?
  /// Passes in a row that failed.
  var failures: Int64

  /// - Throws: `StatusError` where it is of a later version.
  func action() throws(StatusError) -> Action { try Action(actionName, parameters) }

  var json: JSONValue {
    var json: JSONValue = [
      "id": .string(id), "action": .string(actionName), "parameters": parameters, "filter": filter,
      "state": .string(state.rawValue), "total": .integer(total), "done": .integer(done), "changed": .integer(changed),
      "refused": .integer(refused),
      "createdBy": .string(createdBy), "createdAt": .string(createdAt.wholeSeconds.description),
    ]
    json["finishedAt"] = finishedAt.map { .string($0.wholeSeconds.description) }
    json["reason"] = reason.map { .string($0) }
    return json
  }

  // MARK: - Its row

  static func columns(_ dialect: SQLDialect) -> String {
    let times = ["createdAt", "finishedAt"].map { dialect.text(ofTime: "j.\"\($0)\"") }
    return """
      j.id, j.action, j.parameters, j.filter, j.state, j.total, j.done, j.changed, j.refused, j."createdBy", \(times[0]), \(times[1]),
      j.reason, j.failures
      """
  }

  /// Nil where a later version wrote it, in a state that this one does not know.
  init?(_ row: SQLRow) {
    guard let id = row[0].text, let name = row[1].text, let state = row[4].text.flatMap(State.init(rawValue:)) else {
      return nil
    }
    func json(_ value: SQLValue) -> JSONValue { value.text.flatMap { try? JSONValue(parsing: Array($0.utf8)) } ?? [:] }
    self.id = id
    actionName = name
    parameters = json(row[2])
    filter = json(row[3])
    self.state = state
    total = row[5].integer ?? 0
    done = row[6].integer ?? 0
    changed = row[7].integer ?? 0
    refused = row[8].integer ?? 0
    createdBy = row[9].text ?? ""
    createdAt = row[10].time ?? Timestamp(seconds: 0)
    finishedAt = row[11].time
    reason = row[12].text
    failures = row[13].integer ?? 0
  }
}
