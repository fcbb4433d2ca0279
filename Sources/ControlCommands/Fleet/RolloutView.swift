import ResourceModel
import WireFormats

/// A rollout's progress as a person reads it: one line a stage, the reason under them. A pure rendering.
struct RolloutView {
  static let barWidth = 30

  let progress: RolloutProgress
  let console: Console

  /// - Parameters:
  ///   - width: longer lines are cut; nil for any length.
  ///   - height: so many lines at most; stages that are still to come are left out first. Nil for any number.
  func lines(width: Int? = nil, height: Int? = nil) -> [String] {
    let reason = Self.wrapped(printable(progress.reason), width: min(width ?? 100, 120))
    var rows = progress.stages.map(row)
    var hidden = 0
    if let height {
      // The title, the legend, the reason and a line that says what is missing.
      let room = max(3, height - reason.count - 4)
      while rows.count > room, rows.last?.isPending == true {
        rows.removeLast()
        hidden += 1
      }
      if rows.count > room {
        hidden += rows.count - room
        rows = Array(rows.suffix(room))
      }
    }
    var table = TextTable()
    for row in rows { table.widen(for: row.cells) }
    var lines = [Self.cut(progress.title, width)]
    for row in rows { lines.append(line(row, table, width)) }
    if hidden > 0 { lines.append("  and \(hidden) more stages") }
    return lines + reason
  }

  /// What became different, as lines that can be searched; empty where nothing did.
  func changes(since previous: RolloutProgress?) -> [String] {
    var lines: [String] = []
    let known = Dictionary(
      (previous?.stages ?? []).map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    for stage in progress.stages where known[stage.name] != stage {
      if stage.counts == nil, known[stage.name] == nil { continue }
      lines.append("stage \(printable(stage.name)): \(sentence(stage))")
    }
    if previous?.phaseText != progress.phaseText || previous?.reason != progress.reason {
      lines.append(progress.title + (progress.reason.isEmpty ? "" : ". \(printable(progress.reason))"))
    }
    return lines
  }

  private func sentence(_ stage: RolloutProgress.Stage) -> String {
    let phase = progress.phaseText(stage)
    guard let counts = stage.counts else { return phase }
    if counts.members == 0 { return "\(phase), has no customers" }
    return "\(phase), \(counts.reported) of \(counts.members) reported: \(counts.text)"
  }

  private struct Row {
    var cells: [String]
    var bar: StageBar?
    var isPending: Bool
  }

  private func row(_ stage: RolloutProgress.Stage) -> Row {
    let cells = [printable(stage.name), progress.phaseText(stage)]
    guard let counts = stage.counts else {
      return Row(cells: cells + ["", "its customers are chosen when it starts"], bar: nil, isPending: true)
    }
    if counts.members == 0 { return Row(cells: cells + ["", "no customers"], bar: nil, isPending: false) }
    return Row(
      cells: cells + ["\(counts.reported)/\(counts.members)", counts.text],
      bar: StageBar(counts, width: Self.barWidth), isPending: false)
  }

  private func line(_ row: Row, _ table: TextTable, _ width: Int?) -> String {
    func padded(_ column: Int) -> String {
      row.cells[column] + String(repeating: " ", count: max(0, table.widths[column] - row.cells[column].count))
    }
    let head = "  \(padded(0))   \(padded(1))   "
    let tail = "   \(padded(2))   \(row.cells[3])"
    let bar = row.bar?.text ?? String(repeating: " ", count: Self.barWidth)
    guard let width, head.count + bar.count + tail.count > width else {
      return head + (row.bar?.coloured(console) ?? bar) + tail
    }
    // A cut inside the bar would cut its colours.
    guard head.count + bar.count + 8 <= width else { return Self.cut(head + tail.drop { $0 == " " }, width) }
    return head + (row.bar?.coloured(console) ?? bar) + Self.cut(tail, width - head.count - bar.count)
  }

  private static func cut(_ text: String, _ width: Int?) -> String {
    guard let width, text.count > width else { return text }
    return text.prefix(max(0, width - 1)) + "…"
  }

  /// Lines of words.
  static func wrapped(_ text: String, width: Int) -> [String] {
    var lines: [String] = []
    var line = ""
    for word in text.split(separator: " ") {
      if !line.isEmpty, line.count + 1 + word.count > width {
        lines.append(line)
        line = ""
      }
      line += (line.isEmpty ? "" : " ") + word
    }
    return line.isEmpty ? lines : lines + [line]
  }
}
