import FleetKinds

/// A stage's customers as a bar of a fixed width. A pure rendering.
struct StageBar: Hashable {
  enum Part: CaseIterable {
    case succeeded, failed, underWay, answerPending, waiting, apart

    var character: Character {
      switch self {
      case .succeeded: "█"
      case .failed: "X"
      case .underWay: "▓"
      case .answerPending: "▒"
      case .waiting: "░"
      case .apart: "-"
      }
    }

    var colour: Console.Colour? {
      switch self {
      case .succeeded: .green
      case .failed: .red
      case .underWay: .cyan
      case .answerPending: .yellow
      case .waiting, .apart: nil
      }
    }

    fileprivate var buckets: [TargetBucket] {
      switch self {
      case .succeeded: [.succeeded]
      case .failed: [.failed]
      case .underWay: [.inProgress, .notifying]
      case .answerPending: [.scheduled, .consent]
      case .waiting: [.waiting]
      case .apart: [.offline, .silent, .blocked, .cancelled]
      }
    }
  }

  static let legend =
    "█ healthy  X failed or rolled back  ▓ notified or installing  ▒ waiting for the customer  ░ not offered yet  - apart"

  let cells: [(part: Part, count: Int)]

  static func == (left: StageBar, right: StageBar) -> Bool {
    left.cells.elementsEqual(right.cells) { $0 == $1 }
  }

  func hash(into hasher: inout Hasher) {
    for cell in cells {
      hasher.combine(cell.part)
      hasher.combine(cell.count)
    }
  }

  /// No part that has a customer is left out, however few they are.
  init(_ counts: CustomerCounts, width: Int) {
    let shares = Part.allCases.map { part in (part, part.buckets.reduce(0) { $0 + counts[$1] }) }.filter { $0.1 > 0 }
    let members = shares.reduce(0) { $0 + $1.1 }
    guard members > 0, width >= shares.count else {
      cells = members == 0 ? [(.waiting, width)] : []
      return
    }
    // One cell for each, the rest by the largest remainder.
    let free = Double(width - shares.count)
    let exact = shares.map { Double($0.1) / Double(members) * free }
    var widths = exact.map { 1 + Int($0) }
    let order = exact.indices.sorted { exact[$0] - exact[$0].rounded(.down) > exact[$1] - exact[$1].rounded(.down) }
    for index in order.prefix(width - widths.reduce(0, +)) { widths[index] += 1 }
    cells = zip(shares, widths).map { ($0.0, $1) }
  }

  var text: String { cells.map { String(repeating: $0.part.character, count: $0.count) }.joined() }

  func coloured(_ console: Console) -> String {
    cells.map { cell in
      let text = String(repeating: cell.part.character, count: cell.count)
      return cell.part.colour.map { console.coloured(text, $0) } ?? text
    }.joined()
  }
}
