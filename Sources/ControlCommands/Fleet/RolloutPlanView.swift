import FleetKinds
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
    /// The first of those that run the release.
    var alreadyThere: [String]
    /// More than those.
    var moreAlreadyThere: Int64
    /// They are offered it, but may not be able to take it.
    var doubts: [Blocked]
    /// Names of the declaration that are nobody's, or of whom an earlier stage or rollout has.
    var notFound: [String]
    /// More failures than this halt the rollout; nil where any number may fail.
    var failureBudget: Int64?
    /// From so many reports on the failures are compared with them.
    var comparedFrom: Int64?
    /// In how many minutes at least all are offered it; 0 for at once.
    var offeredOverMinutes: Int64
  }

  let manifest: JSONValue
  let answer: JSONValue
  let stages: [Stage]

  init(manifest: JSONValue, answer: JSONValue) {
    self.manifest = manifest
    self.answer = answer
    stages = (answer["stages"]?.array ?? []).map { stage in
      let blocked = Self.reasons(stage["blocked"])
      let count = stage["blockedMembers"]?.integer ?? Int64(blocked.count)
      let alreadyThere = Self.names(stage["alreadyThere"])
      return Stage(
        name: stage["name"]?.string ?? "", members: stage["members"]?.integer ?? 0,
        organizations: Self.names(stage["organizations"]), blocked: blocked,
        moreBlocked: max(0, count - Int64(blocked.count)), alreadyThere: alreadyThere,
        moreAlreadyThere: max(0, (stage["alreadyThereMembers"]?.integer ?? 0) - Int64(alreadyThere.count)),
        doubts: Self.reasons(stage["doubts"]), notFound: Self.names(stage["notFound"]),
        failureBudget: stage["failureBudget"]?.integer, comparedFrom: stage["comparedFromReports"]?.integer,
        offeredOverMinutes: stage["offeredOverMinutes"]?.integer ?? 0)
    }
  }

  private static func names(_ json: JSONValue?) -> [String] { (json?.array ?? []).compactMap(\.string) }

  private static func reasons(_ json: JSONValue?) -> [Stage.Blocked] {
    (json?.array ?? []).map { entry in
      let words = [entry["reason"]?.string, entry["message"]?.string].compactMap { $0 }.filter { !$0.isEmpty }
      return Stage.Blocked(organization: entry["organization"]?.string ?? "", reason: words.joined(separator: ": "))
    }
  }

  static func ask(_ manifest: Manifest, _ session: Session) async throws(CommandFailure) -> RolloutPlanView {
    let client = session.client
    let object = manifest.object
    // What would not be taken is not planned, and is said as apply says it. Who may plan need not be allowed to apply.
    try ManifestWriter(
      client: client, server: session.server, method: .clientSide(manager: ManifestWriter.clientSideManager)
    ).check(manifest)
    let answer = try await session.request { () async throws(ResourceClientError) in
      try await client.post(path: InternalPath.rolloutPlan, body: object)
    }
    guard answer["stages"]?.array != nil else {
      throw CommandFailure("\(session.server) answered no plan")
    }
    return RolloutPlanView(manifest: object, answer: answer)
  }

  /// Lets the server make the rollout only while its plan is still this one.
  func bind(_ object: inout JSONValue) {
    guard let digest = answer["digest"] else { return }
    var annotations = object["metadata"]?["annotations"] ?? [:]
    annotations[RolloutKind.planDigestAnnotation] = digest
    object["metadata"]?["annotations"] = annotations
  }

  func text() -> String {
    let release = manifest["spec"]?["release"]?.string ?? ""
    let members = stages.reduce(0) { $0 + $1.members }
    let name = manifest["metadata"]?["name"]?.string ?? ""
    let stageWord = stages.count == 1 ? "stage" : "stages"
    var text =
      "\(printable(name)): release \(printable(release)) for \(Self.customers(members)) in \(stages.count) \(stageWord)\n"
    text += TextTable.render(
      header: ["STAGE", "CUSTOMERS", "PASSED OVER", "AT ONCE", "A MINUTE", "MAY FAIL", "BEFORE THE NEXT STAGE"],
      rows: stages.map(row))
    if let count = answer["unreached"]?.integer, count > 0 {
      text += "\(Self.customers(count, be: true)) in no stage.\n"
    }
    if let count = answer["withTarget"]?.integer, count > 0 {
      text += "\(Self.customers(count, be: true)) left out: another rollout has offered them the release, or does.\n"
    }
    for stage in stages { text += details(stage) }
    return text
  }

  /// `1 customer`, `2 customers are`.
  private static func customers(_ count: Int64, be: Bool = false) -> String {
    count == 1 ? "1 customer\(be ? " is" : "")" : "\(count) customers\(be ? " are" : "")"
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
      spec?["startsPerMinute"]?.integer.map(String.init) ?? "any", stage.failureBudget.map(String.init) ?? "any",
      Self.gate(spec?["gate"]),
    ]
  }

  /// What has to be true before the next stage starts, in a few words.
  static func gate(_ gate: JSONValue?) -> String {
    var parts: [String] = []
    if let percent = gate?["successPercent"]?.integer { parts.append("\(percent)% succeed") }
    if let count = gate?["maxFailures"]?.integer { parts.append(count == 0 ? "no failure" : "at most \(count) failed") }
    if let percent = gate?["maxFailuresPercent"]?.integer { parts.append("at most \(percent)% failed") }
    parts.append("\(gate?["minReports"]?.integer ?? 1) reported")
    if let soak = gate?["soak"]?.string { parts.append("soak \(soak)") }
    if gate?["approval"]?.bool == true { parts.append("approval") }
    if let silence = gate?["silentAfter"]?.string { parts.append("silent after \(silence)") }
    return parts.joined(separator: ", ")
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
    if stage.offeredOverMinutes > 0 {
      text += "  Offered over at least \(stage.offeredOverMinutes) min from when it starts\n"
    }
    for sentence in halts(stage) {
      text += RolloutView.wrapped(sentence, width: 98).map { "  \($0)\n" }.joined()
    }
    if !stage.alreadyThere.isEmpty {
      text += Self.list("Run it already", stage.alreadyThere, more: stage.moreAlreadyThere)
    }
    if !stage.notFound.isEmpty { text += Self.list("Named, but not to be had", stage.notFound) }
    text += Self.table("Not offered as they are now", "WHY NOT", stage.blocked)
    if stage.moreBlocked > 0 { text += "    and \(stage.moreBlocked) more\n" }
    return text + Self.table("Offered, though it may not go well", "WHY", stage.doubts)
  }

  /// When the gate halts the rollout, as the server decides it: shares are of those that have reported so far.
  private func halts(_ stage: Stage) -> [String] {
    let gate = declared(stage)?["gate"]
    let from = stage.comparedFrom ?? 1
    let start = from == 1 ? "from the first report on" : "from \(from) reports on"
    return [
      gate?["maxFailuresPercent"]?.integer.map {
        "Halts as soon as more than \($0)% of those that have reported failed, \(start)"
      },
      gate?["successPercent"]?.integer.map { "Halts as soon as \($0)% of them cannot succeed any more" },
    ].compactMap { $0 }
  }

  private static func list(_ title: String, _ names: [String], more: Int64 = 0) -> String {
    let text =
      "\(title): " + (names.map { printable($0) } + (more > 0 ? ["and \(more) more"] : [])).joined(separator: ", ")
    return RolloutView.wrapped(text, width: 98).map { "  \($0)\n" }.joined()
  }

  private static func table(_ title: String, _ column: String, _ rows: [Stage.Blocked]) -> String {
    if rows.isEmpty { return "" }
    return "  \(title):\n"
      + TextTable.render(
        header: ["ORGANIZATION", column], rows: rows.map { [$0.organization, $0.reason] }, indentation: 4)
  }
}
