import DeploymentKinds
import FoundationEssentials
import WireFormats
import YAMLDocuments

/// Values that nobody signed, as those in the bucket: they may say how a release is used, not what it executes.
///
/// Which values decide that only the chart knows. So it is rendered once more, with every text of them replaced by another
/// one: what of the release decides on code has to come out the same (see `ExecutedParts`). What the chart itself says is
/// signed with it.
struct UnsignedValues: Sendable {
  /// Where people find them.
  var name: String
  private var values: JSONValue
  private var signed: JSONValue

  /// Turning these on needs no text.
  private static let switches: Set<String> = [
    "allowprivilegeescalation", "hostipc", "hostnetwork", "hostpid", "privileged",
  ]

  /// - Parameter chart: the unpacked chart's folder.
  /// - Throws: where they cannot be judged, or turn on what a container must not get by them.
  init(_ content: [UInt8], named name: String, chart: String) throws(RuntimeFailure) {
    let documents: [YAMLDocument]
    do throws(YAMLError) {
      // As Helm reads them. A parser's words may quote what it read.
      documents = try YAMLStream.parse(content, file: name, keys: .lenient)
    } catch {
      throw Self.refusal("The values of \(name) cannot be read: see line \(error.location.line)")
    }
    guard documents.count <= 1 else {
      throw Self.refusal("\(name) holds \(documents.count) YAML documents, of which Helm reads one")
    }
    self.name = name
    values = documents.first?.value ?? .null
    signed = Self.values(ofChart: chart)
    if let problem = Self.problem(in: values, signed: signed, at: "") {
      throw Self.refusal("The values of \(name) \(problem)")
    }
  }

  static func refusal(_ what: String) -> RuntimeFailure {
    RuntimeFailure(
      kind: .permanent, reason: "SettingNotAllowed",
      message:
        "\(what). What a signed release executes, and what of its node it gets, is the vendor's to say. Take it out, "
        + "or put it into a Secret of this cluster that WRKTALK_AGENT_VALUES_SOURCES and spec.helm.valuesFrom name")
  }

  /// What makes it useless to render them: another reader might see something else in it.
  private static func problem(in value: JSONValue, signed: JSONValue?, at path: String) -> String? {
    if value == signed { return nil }
    switch value {
    case .object(let members):
      for (key, member) in members.sorted(by: { $0.key < $1.key }) {
        let isName = key.utf8.count <= 253 && key.utf8.allSatisfy { isSafe($0) || $0 == 0x7E || $0 == 0x20 }
        guard isName || signed?[key] != nil else {
          return "have the name \(String(key.prefix(40)).debugDescription) at \(path.isEmpty ? "their top" : path)"
        }
        let place = path.isEmpty ? key : "\(path).\(key)"
        if switches.contains(key.lowercased()), member == .bool(true) { return "set \(place)" }
        if let problem = problem(in: member, signed: signed?[key], at: place) { return problem }
      }
    case .array(let elements):
      for (index, value) in elements.enumerated() {
        let place = "\(path)[\(index)]"
        if let problem = problem(in: value, signed: element(index, of: signed), at: place) { return problem }
      }
    case .string(let text):
      if text.contains("<<") { return "have \"<<\" in \(path), by which YAML merges something in" }
    case .null, .bool, .integer, .number: break
    }
    return nil
  }

  /// The same with other texts, as JSON, which is YAML too.
  /// - Parameter mark: what each text is to end with; nothing else holds it.
  func marked(_ mark: String) -> [UInt8] { Array(Self.marked(values, signed: signed, mark).text.utf8) }

  private static func marked(_ value: JSONValue, signed: JSONValue?, _ mark: String) -> JSONValue {
    if value == signed { return value }
    switch value {
    case .object(let members):
      return .object(
        Dictionary(uniqueKeysWithValues: members.map { ($0, marked($1, signed: signed?[$0], mark)) }))
    case .array(let elements):
      return .array(elements.enumerated().map { marked($1, signed: element($0, of: signed), mark) })
    case .string(let text):
      // As much of it as can be part of a name stays, so that what checks its form is content.
      return text.isEmpty
        ? value : .string(String(decoding: text.utf8.prefix(40).prefix(while: isSafe), as: UTF8.self) + mark)
    case .null, .bool, .integer, .number: return value
    }
  }

  private static func element(_ index: Int, of value: JSONValue?) -> JSONValue? {
    value?.array.flatMap { index < $0.count ? $0[index] : nil }
  }

  /// Of names, versions, hosts and paths.
  private static func isSafe(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x2D...0x3A, 0x41...0x5A, 0x5F, 0x61...0x7A: true
    default: false
    }
  }

  /// What the chart sets by itself, with what the charts in it do, under their names.
  private static func values(ofChart folder: String) -> JSONValue {
    var values = file("\(folder)/values.yaml") ?? [:]
    let parts = ((try? FileManager.default.contentsOfDirectory(atPath: "\(folder)/charts")) ?? []).sorted()
    for part in parts where values[part] == nil || values[part]?.object != nil {
      guard var own = file("\(folder)/charts/\(part)/values.yaml")?.object else { continue }
      own.merge(values[part]?.object ?? [:]) { _, outer in outer }
      values[part] = .object(own)
    }
    return values
  }

  private static func file(_ path: String) -> JSONValue? {
    guard let content = FileManager.default.contents(atPath: path).map({ [UInt8]($0) }) else { return nil }
    return (try? YAMLStream.parse(content, file: path, keys: .lenient))?.first?.value
  }
}
