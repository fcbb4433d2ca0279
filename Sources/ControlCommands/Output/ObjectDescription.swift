import CoreKinds
import FleetKinds
import ResourceModel
import WireFormats

/// What `describe` prints of an object of the vendor's. A pure rendering.
struct ObjectDescription {
  let object: JSONValue
  let events: [Event]
  let now: Timestamp
  let console: Console

  func render() -> String {
    var text = heading()
    var status = object["status"]
    if object["kind"]?.string == RolloutKind.names.kind {
      let view = RolloutView(progress: RolloutProgress(object), console: console)
      text += "\nProgress:\n" + view.lines().dropFirst().map { "  \($0)\n" }.joined()
      status?["stages"] = nil
    }
    if let spec = object["spec"] { text += "\nSpec:\n" + Self.indented(spec) }
    if let status, status != .object([:]) { text += "\nStatus:\n" + Self.indented(status) }
    return text + "\nEvents:\n" + EventList(events, now: now).render(indentation: 2)
  }

  private func heading() -> String {
    let metadata = object["metadata"]
    var fields = [("Name", metadata?["name"]?.string ?? ""), ("Kind", object["kind"]?.string ?? "")]
    fields.append(("Labels", pairs(metadata?["labels"])))
    var annotations = metadata?["annotations"] ?? .object([:])
    annotations[ThreeWayPatch.lastAppliedAnnotation] = nil
    fields.append(("Annotations", pairs(annotations)))
    if let text = metadata?["creationTimestamp"]?.string, let created = Timestamp(text) {
      fields.append(("Created", "\(text) (\(HumanDuration.text(now - created)) ago)"))
    }
    return fields.filter { !$0.1.isEmpty }.map { name, value in
      printable("\(name):" + String(repeating: " ", count: 13 - name.count) + value) + "\n"
    }.joined()
  }

  private func pairs(_ value: JSONValue?) -> String {
    (value?.object ?? [:]).sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value.string ?? "")" }
      .joined(separator: ", ")
  }

  private static func indented(_ value: JSONValue) -> String {
    YAMLText.render(value).split(separator: "\n").map { "  \($0)\n" }.joined()
  }
}
