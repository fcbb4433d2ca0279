import ResourceModel
import WireFormats

extension DesiredDeploymentKind {
  static let rules: [ValidationRule] =
    [runtimeStays, nameStays("compose", "projectName"), nameStays("helm", "releaseName")]
    + [release("version"), release("artifact"), section("helm", .helm), section("compose", .compose), driftIgnore]
    + [manifest, key("artifact", "path"), key("helm", "valuesPath"), key("compose", "envPath"), imageTags]
    + [
      span(["interval"], atMost: 24), span(["helm", "timeout"], atMost: 24), span(["compose", "timeout"], atMost: 24),
      span(["schedule", "startingDeadline"], atMost: 168), settings,
    ]

  /// The rules that no schema says, over an object that the schema accepts.
  static func validate(_ object: JSONValue, old: JSONValue?) -> [FieldError] {
    guard let spec = object["spec"] else { return [] }
    // What else is wrong follows from it.
    let moved = runtimeStays.errors(spec, old?["spec"])
    return moved.isEmpty ? rules.flatMap { $0.errors(spec, old?["spec"]) } : moved
  }

  // MARK: What the environment is called cannot change: the Agent would leave the old one behind.

  private static let unchangeable = "cannot be changed; delete the DesiredDeployment and create it anew"

  private static let runtimeStays = ValidationRule(
    path: ["spec", "runtime"], expression: "self == oldSelf", message: unchangeable
  ) { spec, old in
    guard let old, spec["runtime"] != old["runtime"] else { return [] }
    return [.forbidden("spec.runtime", unchangeable)]
  }

  private static func nameStays(_ section: String, _ field: String) -> ValidationRule {
    ValidationRule(path: ["spec", section, field], expression: "self == oldSelf", message: unchangeable) { spec, old in
      guard let was = old?[section]?[field], let now = spec[section]?[field], was != now else { return [] }
      return [.forbidden("spec.\(section).\(field)", unchangeable)]
    }
  }

  // MARK: What belongs together

  /// Either a version with its artifact, or a revision to return to.
  private static func release(_ field: String) -> ValidationRule {
    ValidationRule(
      path: ["spec"], expression: "has(self.\(field)) != has(self.rollbackTo)",
      message: "\(field) must be set unless rollbackTo is, and may not be set together with it"
    ) { spec, _ in
      switch (spec["rollbackTo"] != nil, spec[field] != nil) {
      case (true, true):
        [.forbidden("spec.\(field)", "may not be set together with spec.rollbackTo; remove one of them")]
      case (false, false): [.required("spec.\(field)", "must be set unless spec.rollbackTo is")]
      default: []
      }
    }
  }

  private static func section(_ field: String, _ kind: DeploymentRuntimeKind) -> ValidationRule {
    let name = kind.rawValue
    return ValidationRule(
      path: ["spec"], expression: "has(self.\(field)) == (self.runtime == '\(name)')",
      message: "\(field) must be set where runtime is \(name), and only there"
    ) { spec, _ in
      switch (spec["runtime"]?.string == name, spec[field] != nil) {
      case (true, false): [.required("spec.\(field)", "must be set where spec.runtime is \(name)")]
      case (false, true): [.forbidden("spec.\(field)", "may be set only where spec.runtime is \(name); remove it")]
      default: []
      }
    }
  }

  private static let driftIgnore = ValidationRule(
    path: ["spec"], expression: "self.runtime == 'Helm' || !has(self.driftIgnore) || size(self.driftIgnore) == 0",
    message: "driftIgnore may be set only where runtime is Helm"
  ) { spec, _ in
    guard spec["runtime"]?.string != DeploymentRuntimeKind.helm.rawValue, spec["driftIgnore"]?.array?.isEmpty == false
    else { return [] }
    return [.forbidden("spec.driftIgnore", "may be set only where spec.runtime is Helm; remove it")]
  }

  // MARK: Sizes and names

  /// The schema counts characters; stores count bytes.
  private static func key(_ section: String, _ field: String) -> ValidationRule {
    ValidationRule(
      path: ["spec", section, field], expression: "size(bytes(self)) <= 1024", message: "must have at most 1024 bytes"
    ) { spec, _ in
      guard let key = spec[section]?[field]?.string, key.utf8.count > 1024 else { return [] }
      return [.tooLong("spec.\(section).\(field)", maximumBytes: 1024)]
    }
  }

  private static let manifest = ValidationRule(
    path: ["spec", "manifest"],
    expression: "size(bytes(self)) <= \(DesiredDeploymentSpec.maximumManifestByteCount)",
    message: "must have at most \(DesiredDeploymentSpec.maximumManifestByteCount) bytes"
  ) { spec, _ in
    let limit = DesiredDeploymentSpec.maximumManifestByteCount
    guard let text = spec["manifest"]?.string, text.utf8.count > limit else { return [] }
    return [.tooLong("spec.manifest", maximumBytes: limit)]
  }

  private static let serviceNamePattern = "^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$"
  private static let serviceName = RegularExpression(serviceNamePattern)
  private static let serviceNameMeaning =
    "must be the name of a service: at most 63 letters, digits, '.', '_' and '-', starting with a letter or digit"

  private static let imageTags = ValidationRule(
    path: ["spec", "imageTags"], expression: "self.all(name, name.matches('\(serviceNamePattern)'))",
    message: "each key \(serviceNameMeaning)"
  ) { spec, _ in
    (spec["imageTags"]?.object ?? [:]).keys.sorted().filter { serviceName?.matches($0) != true }
      .map { .invalid("spec.imageTags[\($0)]", $0, serviceNameMeaning) }
  }

  private static func span(_ path: [String], atMost hours: Int) -> ValidationRule {
    let most = DurationText(.seconds(hours * 3600))
    return ValidationRule(
      path: ["spec"] + path,
      expression: "duration(self) >= duration('1s') && duration(self) <= duration('\(most)')",
      message: "must be between 1s and \(most)"
    ) { spec, _ in
      let value = path.reduce(spec as JSONValue?) { $0?[$1] }
      guard let text = value?.string else { return [] }
      if let span = DurationText(text), span.duration >= .seconds(1), span <= most { return [] }
      return [.invalid("spec." + path.joined(separator: "."), text, "must be between 1s and \(most)")]
    }
  }

  /// The schema counts characters; what is kept has its size in bytes.
  private static let settings = ValidationRule(
    path: ["spec", "newNonEssentialEnvs", "[]", "value"],
    expression: "size(bytes(self)) <= \(DesiredDeploymentSpec.maximumSettingByteCount)",
    message: "must have at most \(DesiredDeploymentSpec.maximumSettingByteCount) bytes"
  ) { spec, _ in
    let limit = DesiredDeploymentSpec.maximumSettingByteCount
    return (spec["newNonEssentialEnvs"]?.array ?? []).enumerated().compactMap { index, setting in
      guard let value = setting["value"]?.string, value.utf8.count > limit else { return nil }
      return .tooLong("spec.newNonEssentialEnvs[\(index)].value", maximumBytes: limit)
    }
  }
}
