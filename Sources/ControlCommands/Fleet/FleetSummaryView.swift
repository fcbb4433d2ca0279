import WireFormats

/// The fleet in numbers, as the server counts it. A pure rendering.
struct FleetSummaryView {
  private let organizations: Int64
  private let health: [(name: String, count: Int64)]
  private let versions: [(name: String, count: Int64, behind: Int64?)]
  /// How many are how many releases behind.
  private let behind: [(releases: Int64, count: Int64)]
  private let unknown: Int64
  private let openEscalations: Int64

  /// In this order; what a later server knows besides comes behind.
  private static let healthOrder = ["Online", "Degraded", "Offline", "Critical", "NeverSeen"]
  private static let healthMeaning = [
    "Online": "seen within 10 minutes", "Degraded": "seen within an hour", "Offline": "seen within a day",
    "Critical": "not seen for a day", "NeverSeen": "has never been seen",
  ]

  init(_ answer: JSONValue) {
    organizations = answer["organizations"]?.integer ?? 0
    let counts = (answer["health"]?.object ?? [:]).compactMapValues(\.integer)
    let others = counts.keys.filter { !Self.healthOrder.contains($0) }.sorted()
    health = (Self.healthOrder + others).compactMap { name in counts[name].map { (name, $0) } }
    versions = (answer["versions"]?.array ?? []).map {
      ($0["version"]?.string ?? "", $0["organizations"]?.integer ?? 0, $0["behind"]?.integer)
    }
    behind = (answer["behind"]?["releases"]?.array ?? []).map {
      ($0["behind"]?.integer ?? 0, $0["organizations"]?.integer ?? 0)
    }
    unknown = answer["behind"]?["unknown"]?.integer ?? 0
    openEscalations = answer["escalations"]?["open"]?.integer ?? 0
  }

  func text() -> String {
    var text = "Organizations:     \(organizations)\nOpen escalations:  \(openEscalations)"
    text += openEscalations > 0 ? " (wrktalkctl get escalations)\n" : "\n"
    if !health.isEmpty {
      text +=
        "\n"
        + TextTable.render(
          header: ["HEALTH", "ORGANIZATIONS", "SHARE", "MEANING"],
          rows: health.map {
            [
              $0.name, String($0.count), Decimals.percent($0.count, of: organizations),
              Self.healthMeaning[$0.name] ?? "",
            ]
          })
    }
    if !versions.isEmpty {
      text +=
        "\n"
        + TextTable.render(
          header: ["VERSION", "ORGANIZATIONS", "SHARE", "RELEASES BEHIND"],
          rows: versions.map {
            [
              $0.name.isEmpty ? "none reported" : $0.name, String($0.count),
              Decimals.percent($0.count, of: organizations), $0.behind.map(String.init) ?? "",
            ]
          })
    }
    if !behind.isEmpty { text += "\n" + behindTable() }
    return text
  }

  private func behindTable() -> String {
    func row(_ name: String, _ count: Int64) -> [String] {
      [name, String(count), Decimals.percent(count, of: organizations)]
    }
    var rows = behind.prefix(Self.shownDistances).map {
      row($0.releases == 0 ? "up to date" : String($0.releases), $0.count)
    }
    let rest = behind.dropFirst(Self.shownDistances)
    if let first = rest.first { rows.append(row("\(first.releases) and more", rest.reduce(0) { $0 + $1.count })) }
    if unknown > 0 { rows.append(row("not known", unknown)) }
    return TextTable.render(header: ["RELEASES BEHIND", "ORGANIZATIONS", "SHARE"], rows: rows)
  }

  private static let shownDistances = 10
}

/// What failed with a release, grouped by its cause. A pure rendering.
struct FleetFailuresView {
  let answer: JSONValue

  func text() -> String {
    let reported = answer["reported"]?.integer ?? 0
    let failed = answer["failed"]?.integer ?? 0
    let release = printable(answer["release"]?.string ?? "")
    let blocked = (answer["blocked"]?.object ?? [:]).compactMapValues(\.integer).sorted { $0.key < $1.key }
    let passedOver =
      blocked.isEmpty
      ? "" : "Passed over: \(blocked.map { "\($0.value) \(printable($0.key))" }.joined(separator: ", ")).\n"
    if reported == 0 { return "\(release): no customer has reported yet.\n\(passedOver)" }
    if failed == 0 { return "\(release): none of \(reported) customers that reported has failed.\n\(passedOver)" }
    var text =
      "\(release): \(failed) of \(reported) customers that reported failed (\(Decimals.percent(failed, of: reported)))\n\(passedOver)"
    for group in answer["groups"]?.array ?? [] {
      let count = group["count"]?.integer ?? 0
      let cause = [group["reason"]?.string, group["component"]?.string].compactMap { $0 }.filter { !$0.isEmpty }
      text +=
        "\n\(count) of \(reported): \(printable(cause.isEmpty ? "no reason given" : cause.joined(separator: ", ")))\n"
      if let message = group["message"]?.string, !message.isEmpty {
        text += RolloutView.wrapped(printable(message), width: 96).prefix(6).map { "  \($0)\n" }.joined()
      }
      var names = (group["organizations"]?.array ?? []).compactMap(\.string).map { printable($0) }
      if let more = group["more"]?.integer, more > 0 { names.append("and \(more) more") }
      text += RolloutView.wrapped("At: " + names.joined(separator: ", "), width: 96).map { "  \($0)\n" }.joined()
    }
    return text
  }
}
