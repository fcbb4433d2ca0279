/// The nearest of the known words to a misspelt one, for "did you mean".
public enum Suggestion {
  /// - Returns: nil where no candidate is within a third of the word's length (at least one, at most three edits).
  public static func nearest(to word: String, among candidates: [String]) -> String? {
    guard word.utf8.count <= 64 else { return nil }
    let letters = Array(word.lowercased().utf8)
    let allowed = min(3, max(1, letters.count / 3))
    let ranked = candidates.map { (distance(letters, Array($0.lowercased().utf8)), $0) }
    guard let best = ranked.min(by: <), best.0 <= allowed else { return nil }
    return best.1
  }

  /// Edits (insert, remove, replace, swap of neighbours) that turn one word into the other.
  private static func distance(_ left: [UInt8], _ right: [UInt8]) -> Int {
    guard abs(left.count - right.count) <= 3 else { return .max }
    var rows = [Array(0...right.count)]
    for i in 0..<left.count {
      var row = [i + 1]
      for j in 0..<right.count {
        var cost = min(rows[i][j + 1] + 1, row[j] + 1, rows[i][j] + (left[i] == right[j] ? 0 : 1))
        if i > 0, j > 0, left[i] == right[j - 1], left[i - 1] == right[j] { cost = min(cost, rows[i - 1][j - 1] + 1) }
        row.append(cost)
      }
      rows.append(row)
    }
    return rows[left.count][right.count]
  }
}
