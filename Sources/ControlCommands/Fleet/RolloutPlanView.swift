import ResourceClient
import WireFormats

/// What a rollout would do, as the server plans it: the same decision by which it then runs.
struct RolloutPlanView {
  struct Stage: Hashable {
    struct Blocked: Hashable {
      var organization: String
      var reason: String
    }

    var name: String
    var members: Int64
    /// The first of them.
    var organizations: [String]
    var blocked: [Blocked]
    /// More than those.
    var moreBlocked: Int64
  }

  let manifest: JSONValue
  let answer: JSONValue
  let stages: [Stage]

  init(manifest: JSONValue, answer: JSONValue) {
    self.manifest = manifest
    self.answer = answer
    stages = (answer["stages"]?.array ?? []).map { stage in
      let blocked = (stage["blocked"]?.array ?? []).map {
        Stage.Blocked(organization: $0["organization"]?.string ?? "", reason: $0["reason"]?.string ?? "")
      }
      let count = stage["blockedCount"]?.integer ?? Int64(blocked.count)
      return Stage(
        name: stage["name"]?.string ?? "", members: stage["members"]?.integer ?? 0,
        organizations: (stage["organizations"]?.array ?? []).compactMap(\.string), blocked: blocked,
        moreBlocked: max(0, count - Int64(blocked.count)))
    }
  }

  static func ask(_ manifest: Manifest, _ session: Session) async throws(CommandFailure) -> RolloutPlanView {
    let client = session.client
    let object = manifest.object
    let answer = try await session.request { () async throws(ResourceClientError) in
      try await client.post(path: InternalPath.rolloutPlan, body: object)
    }
    guard answer["stages"]?.array != nil else {
      throw CommandFailure("\(session.server) answered no plan")
    }
    return RolloutPlanView(manifest: object, answer: answer)
  }

  func text() -> String {
    let release = manifest["spec"]?["release"]?.string ?? ""
    let members = stages.reduce(0) { $0 + $1.members }
    let name = manifest["metadata"]?["name"]?.string ?? ""
    let stageWord = stages.count == 1 ? "stage" : "stages"
    var text =
      "\(printable(name)): release \(printable(release)) for \(members) customers in \(stages.count) \(stageWord)\n"
    text += TextTable.render(
      header: ["STAGE", "CUSTOMERS", "BLOCKED", "AT ONCE", "A MINUTE", "BEFORE THE NEXT STAGE"],
      rows: stages.map(row))
    for stage in stages { text += details(stage) }
    return text
  }

  private func declared(_ stage: Stage) -> JSONValue? {
    manifest["spec"]?["stages"]?.array?.first { $0["name"]?.string == stage.name }
  }

  private func row(_ stage: Stage) -> [String] {
    let spec = declared(stage)
    let blocked = Int64(stage.blocked.count) + stage.moreBlocked
    return [
      stage.name, String(stage.members), blocked == 0 ? "-" : String(blocked),
      spec?["maxInFlight"]?.integer.map(String.init) ?? "all",
      spec?["startsPerMinute"]?.integer.map(String.init) ?? "any", Self.gate(spec?["gate"]),
    ]
  }

  /// What has to be true before the next stage starts, in a few words.
  static func gate(_ gate: JSONValue?) -> String {
    var parts: [String] = []
    if let percent = gate?["successPercent"]?.integer { parts.append("\(percent)% succeed") }
    if let count = gate?["maxFailures"]?.integer { parts.append(count == 0 ? "no failure" : "at most \(count) failed") }
    if let percent = gate?["maxFailuresPercent"]?.integer { parts.append("at most \(percent)% failed") }
    if let count = gate?["minReports"]?.integer { parts.append("\(count) reported") }
    if let soak = gate?["soak"]?.string { parts.append("soak \(soak)") }
    if gate?["approval"]?.bool == true { parts.append("approval") }
    if let silence = gate?["silentAfter"]?.string { parts.append("silent after \(silence)") }
    return parts.isEmpty ? "all reported" : parts.joined(separator: ", ")
  }

  private func details(_ stage: Stage) -> String {
    var text = "\n\(printable(stage.name)):\n"
    if stage.members == 0 { text += "  nobody: the stage passes at once\n" }
    if !stage.organizations.isEmpty {
      let more = stage.members - Int64(stage.organizations.count)
      let names =
        stage.organizations.map { printable($0) }.joined(separator: ", ")
        + (more > 0 ? ", and \(more) more" : "")
      text += RolloutView.wrapped(names, width: 98).map { "  \($0)\n" }.joined()
    }
    guard !stage.blocked.isEmpty else { return text }
    text += "  Not offered as they are now:\n"
    text += TextTable.render(
      header: ["ORGANIZATION", "WHY NOT"], rows: stage.blocked.map { [$0.organization, $0.reason] }, indentation: 4)
    if stage.moreBlocked > 0 { text += "    and \(stage.moreBlocked) more\n" }
    return text
  }
}
