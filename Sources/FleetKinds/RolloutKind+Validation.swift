import ResourceModel
import WireFormats

extension RolloutKind {
  /// The rules that no schema says, over an object that the schema accepts.
  static func validate(_ object: JSONValue, old: JSONValue?) -> [FieldError] {
    guard let spec = object["spec"] else { return [] }
    let stages = spec["stages"]?.array ?? []
    var errors = annotationErrors(object) + stageErrors(stages)
    let names = Set(stages.compactMap { $0["name"]?.string })
    for (index, name) in (spec["approvedStages"]?.array ?? []).enumerated() {
      guard let name = name.string, !names.contains(name) else { continue }
      errors.append(.invalid("spec.approvedStages[\(index)]", name, "is not the name of a stage"))
    }
    if let old { errors += changeErrors(spec, old) }
    return errors
  }

  private static func annotationErrors(_ object: JSONValue) -> [FieldError] {
    guard let text = object["metadata"]?["annotations"]?[retryAnnotation]?.string, Timestamp(text) == nil else {
      return []
    }
    return [
      .invalid(
        "metadata.annotations[\(retryAnnotation)]", text, "must be an RFC 3339 time such as \"2026-12-15T02:00:00Z\"")
    ]
  }

  /// Who is in a stage; one of them at most.
  static let membershipFields = ["organizations", "selector", "percent", "count"]

  private static func stageErrors(_ stages: [JSONValue]) -> [FieldError] {
    if stages.isEmpty { return [.required("spec.stages", "must have at least one stage")] }
    var errors: [FieldError] = []
    for (index, stage) in stages.enumerated() {
      let path = "spec.stages[\(index)]"
      let fields = membershipFields.filter { stage[$0] != nil }
      for extra in fields.dropFirst() {
        errors.append(.forbidden("\(path).\(extra)", "may not be set together with \(fields[0]); remove one of them"))
      }
      if fields.isEmpty, index < stages.count - 1 {
        errors.append(
          .required(
            path,
            "only the last stage may be for everyone left; set one of organizations, selector, percent and count"))
      }
      if let names = stage["organizations"]?.array {
        var seen: Set<String> = []
        for (position, name) in names.enumerated() {
          guard let name = name.string, !seen.insert(name).inserted else { continue }
          errors.append(.duplicate("\(path).organizations[\(position)]", name))
        }
      }
      for field in ["soak", "silentAfter"] {
        guard let text = stage["gate"]?[field]?.string else { continue }
        let least: Duration = field == "soak" ? .zero : .seconds(1)
        if let span = DurationText(text), span.duration >= least, span.duration <= .seconds(90 * 86_400) { continue }
        errors.append(
          .invalid("\(path).gate.\(field)", text, "must be between \(DurationText(least)) and 2160h"))
      }
    }
    return errors
  }

  /// What has begun stays what it was: limits and gates may change at any time, what is rolled out and to whom may not.
  private static func changeErrors(_ spec: JSONValue, _ old: JSONValue) -> [FieldError] {
    guard let was = old["spec"] else { return [] }
    var errors: [FieldError] = []
    if spec["release"] != was["release"] {
      errors.append(.forbidden("spec.release", "cannot be changed; create another rollout for another release"))
    }
    let stages = spec["stages"]?.array ?? []
    let before = was["stages"]?.array ?? []
    let started = Set(
      (old["status"]?["stages"]?.array ?? []).filter { $0["startedAt"] != nil }.compactMap { $0["name"]?.string })
    for (index, stage) in before.enumerated() {
      guard let name = stage["name"]?.string, started.contains(name) else { continue }
      guard index < stages.count, stages[index]["name"]?.string == name else {
        errors.append(.forbidden("spec.stages[\(index)]", "stage \(name) has started: it must stay where it is"))
        continue
      }
      for field in membershipFields where stages[index][field] != stage[field] {
        errors.append(
          .forbidden("spec.stages[\(index)].\(field)", "stage \(name) has started: its members are fixed"))
      }
    }
    return errors
  }
}
