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
        if let word = body["type"]?.string {
          type = EscalationType(rawValue: word)
          if type == nil { throw StatusError(.invalid, "type: is not a type of escalations") }
        }
        self = .resolveEscalations(resolution: text, type: type)
      case "retry":
        guard let release = body["release"]?.string, (1...100).contains(release.utf8.count), !release.utf8.contains(0)
        else { throw StatusError(.invalid, "release: is missing: the version to retry") }
        self = .retry(release: release)
      default:
        throw StatusError(.invalid, "action: must be one of label, resolveEscalations, retry")
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
    case running = "Running"
    case completed = "Completed"
    case cancelled = "Cancelled"
  }

  var id: String
  var action: Action
  var filter: JSONValue
  var state: State
  /// Of customers: fixed when it was made.
  var total: Int64
  var done: Int64
  /// Of what it is about: customers, escalations or targets that are another now.
  var changed: Int64
  var createdBy: String
  var createdAt: Timestamp
  var finishedAt: Timestamp?

  var json: JSONValue {
    var json: JSONValue = [
      "id": .string(id), "action": .string(action.name), "parameters": action.json, "filter": filter,
      "state": .string(state.rawValue), "total": .integer(total), "done": .integer(done), "changed": .integer(changed),
      "createdBy": .string(createdBy), "createdAt": .string(createdAt.wholeSeconds.description),
    ]
    json["finishedAt"] = finishedAt.map { .string($0.wholeSeconds.description) }
    return json
  }

  // MARK: - Its row

  static func columns(_ dialect: SQLDialect) -> String {
    let times = ["createdAt", "finishedAt"].map { dialect.text(ofTime: "j.\"\($0)\"") }
    return """
      j.id, j.action, j.parameters, j.filter, j.state, j.total, j.done, j.changed, j."createdBy", \(times.joined(separator: ", "))
      """
  }

  /// Nil where a later version wrote it.
  init?(_ row: SQLRow) {
    guard let id = row[0].text, let name = row[1].text,
      let parameters = row[2].text.flatMap({ try? JSONValue(parsing: Array($0.utf8)) }),
      let action = try? Action(name, parameters), let state = row[4].text.flatMap(State.init(rawValue:))
    else { return nil }
    self.init(
      id: id, action: action, filter: row[3].text.flatMap { try? JSONValue(parsing: Array($0.utf8)) } ?? [:],
      state: state, total: row[5].integer ?? 0, done: row[6].integer ?? 0, changed: row[7].integer ?? 0,
      createdBy: row[8].text ?? "", createdAt: row[9].time ?? Timestamp(seconds: 0), finishedAt: row[10].time)
  }

  init(
    id: String, action: Action, filter: JSONValue, state: State, total: Int64, done: Int64, changed: Int64,
    createdBy: String, createdAt: Timestamp, finishedAt: Timestamp?
  ) {
    self.id = id
    self.action = action
    self.filter = filter
    self.state = state
    self.total = total
    self.done = done
    self.changed = changed
    self.createdBy = createdBy
    self.createdAt = createdAt
    self.finishedAt = finishedAt
  }
}
