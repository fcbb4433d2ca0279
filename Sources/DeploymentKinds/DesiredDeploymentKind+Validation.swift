import ResourceModel
import WireFormats

extension DesiredDeploymentKind {
  /// The rules that no schema says, over an object that the schema accepts.
  static func validate(_ object: JSONValue, old: JSONValue?) -> [FieldError] {
    guard let spec = object["spec"] else { return [] }
    if let oldSpec = old?["spec"], spec["runtime"] != oldSpec["runtime"] {
      return [.forbidden("spec.runtime", "cannot be changed; delete the DesiredDeployment and create it anew")]
    }
    var errors =
      releaseErrors(spec) + runtimeErrors(spec) + keyErrors(spec) + durationErrors(spec) + settingErrors(spec)
    if let oldSpec = old?["spec"] { errors += nameChangeErrors(spec, oldSpec) }
    return errors
  }

  /// Either a version with its artifact, or a revision to return to.
  private static func releaseErrors(_ spec: JSONValue) -> [FieldError] {
    let isRollback = spec["rollbackTo"] != nil
    return ["version", "artifact"].compactMap { field in
      switch (isRollback, spec[field] != nil) {
      case (true, true):
        .forbidden("spec.\(field)", "may not be set together with spec.rollbackTo; remove one of them")
      case (false, false): .required("spec.\(field)", "must be set unless spec.rollbackTo is")
      default: nil
      }
    }
  }

  private static func runtimeErrors(_ spec: JSONValue) -> [FieldError] {
    let runtime = spec["runtime"]?.string
    let sections = [("helm", DeploymentRuntimeKind.helm), ("compose", .compose)]
    var errors: [FieldError] = sections.compactMap { field, kind in
      switch (runtime == kind.rawValue, spec[field] != nil) {
      case (true, false): .required("spec.\(field)", "must be set where spec.runtime is \(kind.rawValue)")
      case (false, true):
        .forbidden("spec.\(field)", "may be set only where spec.runtime is \(kind.rawValue); remove it")
      default: nil
      }
    }
    if runtime != DeploymentRuntimeKind.helm.rawValue, spec["driftIgnore"]?.array?.isEmpty == false {
      errors.append(.forbidden("spec.driftIgnore", "may be set only where spec.runtime is Helm; remove it"))
    }
    return errors
  }

  private static let serviceName = RegularExpression("^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")

  private static func keyErrors(_ spec: JSONValue) -> [FieldError] {
    var errors: [FieldError] = []
    for (section, field) in [("artifact", "path"), ("helm", "valuesPath"), ("compose", "envPath")] {
      // The schema counts characters; stores count bytes.
      guard let key = spec[section]?[field]?.string, key.utf8.count > 1024 else { continue }
      errors.append(.tooLong("spec.\(section).\(field)", maximumBytes: 1024))
    }
    for service in (spec["imageTags"]?.object ?? [:]).keys.sorted() where serviceName?.matches(service) != true {
      errors.append(
        .invalid(
          "spec.imageTags[\(service)]", service,
          "must be the name of a service: at most 63 letters, digits, '.', '_' and '-', starting with a letter or digit"
        ))
    }
    return errors
  }

  private static func durationErrors(_ spec: JSONValue) -> [FieldError] {
    let limits: [(path: [String], most: DurationText)] = [
      (["interval"], DurationText(.seconds(24 * 3600))),
      (["helm", "timeout"], DurationText(.seconds(24 * 3600))),
      (["compose", "timeout"], DurationText(.seconds(24 * 3600))),
      (["schedule", "startingDeadline"], DurationText(.seconds(168 * 3600))),
    ]
    return limits.compactMap { path, most in
      let value = path.reduce(spec as JSONValue?) { $0?[$1] }
      guard let text = value?.string else { return nil }
      if let span = DurationText(text), span.duration >= .seconds(1), span <= most { return nil }
      return .invalid("spec." + path.joined(separator: "."), text, "must be between 1s and \(most)")
    }
  }

  /// The schema counts characters; what is kept has its size in bytes.
  private static func settingErrors(_ spec: JSONValue) -> [FieldError] {
    let limit = DesiredDeploymentSpec.maximumSettingByteCount
    return (spec["newNonEssentialEnvs"]?.array ?? []).enumerated().compactMap { index, setting in
      guard let value = setting["value"]?.string, value.utf8.count > limit else { return nil }
      return .tooLong("spec.newNonEssentialEnvs[\(index)].value", maximumBytes: limit)
    }
  }

  /// What the environment is called cannot change: the Agent would leave the old one behind.
  private static func nameChangeErrors(_ spec: JSONValue, _ old: JSONValue) -> [FieldError] {
    [("compose", "projectName"), ("helm", "releaseName")].compactMap { section, field in
      guard let was = old[section]?[field], let now = spec[section]?[field], was != now else { return nil }
      return .forbidden(
        "spec.\(section).\(field)", "cannot be changed; delete the DesiredDeployment and create it anew")
    }
  }
}
