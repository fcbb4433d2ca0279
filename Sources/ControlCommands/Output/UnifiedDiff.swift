/// The lines that differ between two texts, in the unified format of `diff -u`.
enum UnifiedDiff {
  private enum Edit: Hashable {
    case keep(String)
    case remove(String)
    case add(String)
  }

  /// - Returns: an empty text where the two are equal.
  static func render(old: String, new: String, oldName: String, newName: String, context: Int = 3) -> String {
    let edits = self.edits(lines(old), lines(new))
    let changed = edits.indices.filter { if case .keep = edits[$0] { false } else { true } }
    guard !changed.isEmpty else { return "" }
    var output = "--- \(oldName)\n+++ \(newName)\n"
    var index = 0
    while index < changed.count {
      // A hunk takes in all changes that are at most two contexts apart.
      var last = index
      while last + 1 < changed.count, changed[last + 1] - changed[last] <= 2 * context + 1 { last += 1 }
      let range = max(0, changed[index] - context)..<min(edits.count, changed[last] + context + 1)
      output += hunk(edits, range)
      index = last + 1
    }
    return output
  }

  private static func lines(_ text: String) -> [String] {
    var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    if lines.last == "" { lines.removeLast() }
    return lines
  }

  private static func hunk(_ edits: [Edit], _ range: Range<Int>) -> String {
    var (oldStart, newStart) = (1, 1)
    for edit in edits[..<range.lowerBound] {
      switch edit {
      case .keep: (oldStart, newStart) = (oldStart + 1, newStart + 1)
      case .remove: oldStart += 1
      case .add: newStart += 1
      }
    }
    var (oldCount, newCount) = (0, 0)
    var body = ""
    for edit in edits[range] {
      switch edit {
      case .keep(let line):
        (oldCount, newCount) = (oldCount + 1, newCount + 1)
        body += " \(line)\n"
      case .remove(let line):
        oldCount += 1
        body += "-\(line)\n"
      case .add(let line):
        newCount += 1
        body += "+\(line)\n"
      }
    }
    if oldCount == 0 { oldStart -= 1 }
    if newCount == 0 { newStart -= 1 }
    return "@@ -\(oldStart),\(oldCount) +\(newStart),\(newCount) @@\n" + body
  }

  /// The shortest script from one to the other, with what is removed before what is added in its place.
  private static func edits(_ old: [String], _ new: [String]) -> [Edit] {
    let difference = new.difference(from: old)
    var removed: Set<Int> = []
    var inserted: [Int: String] = [:]
    for change in difference {
      switch change {
      case .remove(let offset, _, _): removed.insert(offset)
      case .insert(let offset, let line, _): inserted[offset] = line
      }
    }
    var edits: [Edit] = []
    var (oldIndex, newIndex) = (0, 0)
    while oldIndex < old.count || newIndex < new.count {
      if removed.contains(oldIndex) {
        edits.append(.remove(old[oldIndex]))
        oldIndex += 1
      } else if let line = inserted[newIndex] {
        edits.append(.add(line))
        newIndex += 1
      } else {
        edits.append(.keep(old[oldIndex]))
        (oldIndex, newIndex) = (oldIndex + 1, newIndex + 1)
      }
    }
    return edits
  }
}
