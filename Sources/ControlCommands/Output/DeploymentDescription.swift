import CoreKinds
import DeploymentKinds
import ResourceModel
import WireFormats

/// What `describe` prints of a deployment. A pure rendering.
struct DeploymentDescription {
  let object: DesiredDeployment
  let events: [Event]
  let now: Timestamp

  func render() -> String {
    var text = heading()
    text += section("Desired", desired())
    text += section("Running", running())
    if let progress = object.status?.progress {
      text += section(
        "Progress",
        [("Step", "\(progress.step.rawValue) (\(progress.done) of \(progress.total))"), ("Doing", progress.message)])
    }
    if let failure = object.status?.failure {
      text += section(
        "Failure",
        [
          ("Version", failure.version), ("Reason", failure.reason), ("Message", failure.message),
          ("When", "\(failure.at) (\(ago(failure.at)))"),
        ])
    }
    if let preflight = object.status?.preflight { text += section("Preflight", checks(preflight)) }
    text += conditions()
    text += "\nHistory:\n" + DeploymentHistory(object.status?.history ?? [], now: now).render(indentation: 2)
    text += "\nEvents:\n" + EventList(events, now: now).render(indentation: 2)
    return text
  }

  /// What another section says better.
  private static let longAnnotations: Set = [
    ThreeWayPatch.lastAppliedAnnotation, DesiredDeploymentKind.preflightAnnotation,
  ]

  private func heading() -> String {
    let metadata = object.metadata
    var fields: [(String, String)] = [
      ("Name", metadata.name), ("Namespace", metadata.namespace ?? ""),
      ("Labels", pairs(metadata.labels ?? [:])),
      ("Annotations", pairs((metadata.annotations ?? [:]).filter { !Self.longAnnotations.contains($0.key) })),
    ]
    if let created = metadata.creationTimestamp { fields.append(("Created", "\(created) (\(ago(created)))")) }
    if let deleted = metadata.deletionTimestamp { fields.append(("Deleted", "\(deleted) (\(ago(deleted)))")) }
    fields.append(("Finalizers", (metadata.finalizers ?? []).joined(separator: ", ")))
    let observed = object.status?.observedGeneration.map { "the Agent has seen \($0)" } ?? "not seen by the Agent yet"
    fields.append(("Generation", "\(metadata.generation ?? 0) (\(observed))"))
    fields.append(("Summary", DeploymentSummary.sentence(object)))
    return lines(fields, indentation: 0)
  }

  private func desired() -> [(String, String)] {
    let spec = object.spec
    var fields: [(String, String)] = []
    if let version = spec.version { fields.append(("Version", version)) }
    if let target = spec.rollbackTo { fields.append(("Roll back to", "revision \(target.revision)")) }
    switch spec.runtime {
    case .compose: fields.append(("Runtime", "Compose" + (spec.compose.map { ", project \($0.projectName)" } ?? "")))
    case .helm: fields.append(("Runtime", "Helm" + (spec.helm.map { ", release \($0.releaseName)" } ?? "")))
    }
    if let artifact = spec.artifact {
      fields.append(("Artifact", artifact.path))
      fields.append(("SHA-256", artifact.sha256))
      fields.append(("Signed", spec.manifest == nil ? "no" : "yes"))
    }
    if let path = spec.compose?.envPath ?? spec.helm?.valuesPath { fields.append(("Settings", path)) }
    if let tags = spec.imageTags, !tags.isEmpty { fields.append(("Image tags", pairs(tags))) }
    // Their values may be secrets.
    if let settings = spec.newNonEssentialEnvs, !settings.isEmpty {
      fields.append(("New settings", settings.map(\.key).joined(separator: ", ")))
    }
    if let schedule = spec.schedule {
      fields.append(("Not before", "\(schedule.notBefore), starting within \(schedule.startingDeadline)"))
    }
    fields.append(("On failure", spec.failurePolicy.rawValue))
    fields.append(("On drift", "\(spec.drift.rawValue), checked every \(spec.interval)"))
    fields.append(("On deletion", (spec.deletionPolicy ?? .orphan).rawValue))
    if spec.suspend { fields.append(("Suspended", "yes")) }
    return fields
  }

  private func running() -> [(String, String)] {
    guard let current = object.status?.current else { return [("Version", "none yet")] }
    var fields: [(String, String)] = [
      ("Version", current.version), ("Revision", "\(current.revision)"),
      ("Since", "\(current.since) (\(ago(current.since)))"), ("SHA-256", current.artifactSha256),
    ]
    for (service, digest) in current.imageDigests.sorted(by: { $0.key < $1.key }) {
      fields.append(("Image of \(service)", digest))
    }
    return fields
  }

  private func checks(_ preflight: DesiredDeploymentStatus.Preflight) -> [(String, String)] {
    let state = preflight.completedAt.map { "\($0) (\(ago($0)))" } ?? "not yet"
    return [("Version", preflight.version), ("Completed", state)]
      + preflight.checks.map { ($0.name, "\($0.status.rawValue): \($0.message)") }
  }

  private func conditions() -> String {
    let conditions = object.status?.conditions ?? []
    guard !conditions.isEmpty else { return "\nConditions:\n  none yet\n" }
    let rows = conditions.map { [$0.type, $0.status.rawValue, $0.reason, age($0.lastTransitionTime), $0.message] }
    return "\nConditions:\n"
      + TextTable.render(header: ["TYPE", "STATUS", "REASON", "AGE", "MESSAGE"], rows: rows, indentation: 2)
  }

  private func section(_ title: String, _ fields: [(String, String)]) -> String {
    "\n\(title):\n" + lines(fields, indentation: 2)
  }

  private func lines(_ fields: [(String, String)], indentation: Int) -> String {
    let width = max(14 - indentation, (fields.map(\.0.count).max() ?? 0) + 2)
    return fields.filter { !$0.1.isEmpty }.map { name, value in
      let label = "\(name):" + String(repeating: " ", count: max(1, width - name.count - 1))
      return String(repeating: " ", count: indentation) + printable(label + value) + "\n"
    }.joined()
  }

  private func pairs(_ pairs: [String: String]) -> String {
    pairs.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: ", ")
  }

  private func ago(_ moment: Timestamp) -> String { "\(age(moment)) ago" }
  private func age(_ moment: Timestamp) -> String { HumanDuration.text(now - moment) }
}
