/// Rows of cells in aligned columns, as kubectl prints them.
struct TextTable {
  private static let gap = 3

  private(set) var widths: [Int] = []
  private let minimumWidth: Int

  /// - Parameter minimumWidth: of a column, where rows that are still to come cannot be known.
  init(minimumWidth: Int = 0) { self.minimumWidth = minimumWidth }

  /// The header and all rows, aligned; cells are made safe for a terminal.
  static func render(header: [String], rows: [[String]], indentation: Int = 0) -> String {
    var table = TextTable()
    let cells = ([header] + rows).map { $0.map { printable($0) } }
    for row in cells { table.widen(for: row) }
    let margin = String(repeating: " ", count: indentation)
    return cells.map { margin + table.line($0) + "\n" }.joined()
  }

  /// Makes the columns wide enough for this row, for this and all further lines.
  mutating func widen(for row: [String]) {
    for (index, cell) in row.enumerated() {
      if index < widths.count {
        widths[index] = max(widths[index], cell.count)
      } else {
        widths.append(max(cell.count, minimumWidth))
      }
    }
  }

  /// One line without its line end; the last cell is not padded.
  func line(_ row: [String]) -> String {
    var line = ""
    for (index, cell) in row.enumerated() {
      line += cell
      if index < row.count - 1 {
        line += String(
          repeating: " ", count: max(0, (index < widths.count ? widths[index] : 0) - cell.count) + Self.gap)
      }
    }
    while line.last == " " { line.removeLast() }
    return line
  }
}
