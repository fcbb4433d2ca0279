import DeploymentKinds
import FoundationEssentials
import WireFormats
import YAMLDocuments

/// What the values in the bucket may not set where only what was signed may run: they say how a release is used, not what its
/// containers execute nor what of the node they get.
///
/// Which values do so a chart decides. Looked for are the names that Kubernetes itself gives to such fields, since charts pass
/// them on under these, and variables by which programs load code. What the chart's own values say there is signed with it.
/// The values that `valuesFrom` names are not looked at: whoever writes those administers the cluster.
enum UnsignedValues {
  private static let names: Set<String> = [
    "exec", "hostipc", "hostnetwork", "hostpath", "hostpid", "lifecycle", "poststart", "prestop", "privileged",
  ]
  private static let endings = ["args", "command", "containers", "entrypoint", "script", "scripts", "sidecars"]

  /// Why the values are refused; nil where they are not.
  /// - Parameters:
  ///   - values: the file's content.
  ///   - file: where people find it.
  ///   - chart: the unpacked chart's folder.
  static func refusal(of values: [UInt8], named file: String, chart: String) -> RuntimeFailure? {
    // What is not valid YAML helm refuses.
    guard let documents = try? YAMLStream.parse(values, file: file, keys: .lenient) else { return nil }
    let signed = Self.values(ofChart: chart)
    for document in documents {
      guard let (path, isVariable) = offence(in: document.value, signed: signed, at: []) else { continue }
      let what =
        isVariable
        ? "can have a container load code that nobody signed"
        : "decides what a container runs or what of its node it gets, and the signed chart has something else there"
      return RuntimeFailure(
        kind: .permanent, reason: "SettingNotAllowed",
        message: "The values file \(file) sets \(path.joined(separator: ".")), which \(what). Take it out; where it is "
          + "needed, put it into a Secret of this cluster that spec.helm.valuesFrom names, or have the vendor set it in the "
          + "chart")
    }
    return nil
  }

  private static func offence(
    in value: JSONValue, signed: JSONValue?, at path: [String]
  ) -> (path: [String], isVariable: Bool)? {
    if value == signed { return nil }
    switch value {
    case .object(let members):
      if let name = members["name"]?.string, isLoader(name), members["value"] != nil || members["valueFrom"] != nil {
        return (path + [name], true)
      }
      for (key, member) in members.sorted(by: { $0.key < $1.key }) where !isEmpty(member) {
        let place = path + [key]
        if isLoader(key), member.object == nil, member.array == nil { return (place, true) }
        if executes(key), member != signed?[key] { return (place, false) }
        if let found = offence(in: member, signed: signed?[key], at: place) { return found }
      }
    case .array(let elements):
      let known = signed?.array ?? []
      for (index, element) in elements.enumerated() {
        let counterpart = index < known.count ? known[index] : nil
        if let found = offence(in: element, signed: counterpart, at: path + ["\(index)"]) { return found }
      }
    case .null, .bool, .integer, .number, .string: return nil
    }
    return nil
  }

  private static func executes(_ key: String) -> Bool {
    let key = key.lowercased()
    return names.contains(key) || endings.contains(where: key.hasSuffix)
  }

  /// As a variable it is written in capitals; `env` and `path` are the names of other things.
  private static func isLoader(_ name: String) -> Bool {
    LoaderVariable.loadsCode(name) && (name == name.uppercased() || name.hasPrefix("npm_config_"))
  }

  /// Sets nothing: the image's own command runs, which is signed.
  private static func isEmpty(_ value: JSONValue) -> Bool {
    switch value {
    case .null, .bool(false), .string(""): true
    case .array(let elements): elements.isEmpty
    case .object(let members): members.isEmpty
    case .bool, .integer, .number, .string: false
    }
  }

  /// What the chart sets by itself, with what the charts in it do, under their names.
  private static func values(ofChart folder: String) -> JSONValue? {
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
