import DeploymentKinds
import ResourceModel
import WireFormats

/// The attempts that a deployment remembers, as a table.
struct DeploymentHistory {
  private let entries: [DesiredDeploymentStatus.HistoryEntry]
  private let now: Timestamp

  init(_ entries: [DesiredDeploymentStatus.HistoryEntry], now: Timestamp) {
    self.entries = entries
    self.now = now
  }

  /// Newest first.
  func render(indentation: Int = 0) -> String {
    if entries.isEmpty { return String(repeating: " ", count: indentation) + "none yet\n" }
    let rows = entries.map { entry in
      [
        entry.revision.map(String.init) ?? "-", entry.release.version, entry.outcome.rawValue,
        HumanDuration.text(now - entry.completedAt) + " ago", HumanDuration.text(entry.completedAt - entry.startedAt),
        String(entry.generation), entry.message,
      ]
    }
    return TextTable.render(
      header: ["REVISION", "VERSION", "OUTCOME", "COMPLETED", "TOOK", "GENERATION", "MESSAGE"], rows: rows,
      indentation: indentation)
  }
}
