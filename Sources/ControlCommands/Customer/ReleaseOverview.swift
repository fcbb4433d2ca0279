import ResourceModel
import WireFormats

/// What a Backend has of releases: waiting, scheduled, and what was.
struct ReleaseOverview: Sendable, Hashable {
  let answer: JSONValue

  private var waiting: [JSONValue] { answer["pending"]?.array ?? [] }
  private var scheduled: [JSONValue] { answer["scheduled"]?.array ?? [] }
  private var history: [JSONValue] { answer["history"]?.array ?? [] }

  /// The deployment of a version, or of an id, that is not over.
  /// - Throws: where there is none, saying which there are.
  func deployment(_ word: String) throws(CommandFailure) -> JSONValue {
    let version = word.hasPrefix("v") ? String(word.dropFirst()) : word
    let known = (scheduled + waiting).filter { $0["id"] != nil }
    if let found = known.first(where: { $0["version"]?.string == version || $0["id"]?.string == word }) { return found }
    let versions = known.compactMap { $0["version"]?.string }
    let hint =
      versions.isEmpty
      ? "no release waits to be deployed" : "releases that may be deployed: \(versions.joined(separator: ", "))"
    throw CommandFailure("there is no release \"\(printable(word))\" to deploy", hint: hint)
  }

  /// Which versions one could go back to.
  var returnHint: String {
    var versions: [String] = []
    for entry in history where entry["status"]?.string == "success" {
      if let version = entry["version"]?.string, !versions.contains(version) { versions.append(version) }
    }
    return versions.isEmpty
      ? "No version ran here yet that one could go back to."
      : "Versions that ran here: \(versions.map { printable($0) }.joined(separator: ", "))."
  }

  /// What is to be known of an Agent that is not there; nil where it is, or where the server does not say.
  func absence(now: Timestamp) -> String? {
    guard let agent = answer["agent"], agent["isOnline"]?.bool != true else { return nil }
    guard let last = agent["lastPoll"]?.string.flatMap({ Timestamp($0) }) else {
      return "No Agent was ever heard of: what is asked for begins once there is one."
    }
    return
      "The Agent was last heard of \(HumanDuration.text(now - last)) ago: what is asked for begins once it is back."
  }

  func text(now: Timestamp) -> String {
    let table = table(now: now)
    // Where nothing is to be done nobody waits for it.
    guard !scheduled.isEmpty, let absence = absence(now: now) else { return table }
    return "\(table)\n\(absence)\n"
  }

  private func table(now: Timestamp) -> String {
    var rows: [[String]] = []
    for release in scheduled + waiting { rows.append(Self.row(release, now: now)) }
    for entry in history { rows.append(Self.row(of: entry, now: now)) }
    return TextTable.render(header: ["VERSION", "STATUS", "WHEN", "BY", "NOTE"], rows: rows)
  }

  private static func row(_ release: JSONValue, now: Timestamp) -> [String] {
    if release["rollback"]?.bool == true {
      let task = release["task"]
      let target =
        task?["payload"]?["targetVersion"]?.string
        ?? task?["payload"]?["targetRevision"]?.integer.map { "revision \($0)" }
      return [
        target.map { "(rollback to \($0))" } ?? "(rollback)", task?["status"]?.string ?? "",
        task?["executeAfter"]?.string ?? "", task?["requestedBy"]?.string ?? "", progress(task),
      ]
    }
    let status = release["status"]?.string ?? ""
    let when =
      release["scheduledFor"]?.string ?? release["receivedAt"]?.string.flatMap { Timestamp($0) }.map {
        "offered \(HumanDuration.text(now - $0)) ago"
      } ?? ""
    return [release["version"]?.string ?? "", status, when, release["scheduledBy"]?.string ?? "", note(release)]
  }

  /// What an admin has to know before anything else.
  private static func note(_ release: JSONValue) -> String {
    let working = progress(release["task"])
    if !working.isEmpty { return working }
    if let problem = release["errorMessage"]?.string ?? release["downloadError"]?.string { return firstLine(problem) }
    if release["chartDownloaded"]?.bool == false {
      guard let total = release["totalBytes"]?.integer, total > 0 else { return "not downloaded yet" }
      return "downloaded \((release["downloadedBytes"]?.integer ?? 0) * 100 / total) %"
    }
    if let reason = release["declinedReason"]?.string { return "not now: \(firstLine(reason))" }
    if release["isForced"]?.bool == true, let deadline = release["forceDeadline"]?.string {
      return "FORCED, by \(deadline)"
    }
    return ""
  }

  private static func progress(_ task: JSONValue?) -> String {
    guard let progress = task?["progress"] else { return "" }
    return "\(progress["step"]?.string ?? ""): \(firstLine(progress["message"]?.string ?? ""))"
  }

  private static func row(of entry: JSONValue, now: Timestamp) -> [String] {
    let deployed = entry["deployedAt"]?.string.flatMap { Timestamp($0) }
    var note = firstLine(entry["errorMessage"]?.string ?? "")
    if entry["isCurrent"]?.bool == true { note = "runs" }
    if entry["isRollback"]?.bool == true { note = note.isEmpty ? "rollback" : "rollback, \(note)" }
    return [
      entry["version"]?.string ?? "", entry["status"]?.string ?? "",
      deployed.map { HumanDuration.text(now - $0) + " ago" } ?? "", entry["requestedBy"]?.string ?? "", note,
    ]
  }

  private static func firstLine(_ text: String) -> String {
    let line = text.split(separator: "\n").first.map(String.init) ?? ""
    return line.count > 100 ? line.prefix(99) + "…" : line
  }
}
