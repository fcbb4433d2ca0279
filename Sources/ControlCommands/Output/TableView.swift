import ResourceModel
import WireFormats

/// A server's `meta.k8s.io/v1` Table as lines of text.
struct TableView {
  struct Row: Hashable {
    var namespace: String
    var name: String
    var resourceVersion: String
    var cells: [String]
    /// What an object that is being deleted waits for.
    var deletion: String?
  }

  private(set) var header: [String] = []
  private var shownColumns: [Int] = []
  let isWide: Bool
  let showsNamespace: Bool

  init(isWide: Bool, showsNamespace: Bool) {
    self.isWide = isWide
    self.showsNamespace = showsNamespace
  }

  /// The rows of a Table. The columns are kept: only the first Table of a watch says them.
  mutating func rows(of table: JSONValue) -> [Row] {
    if let columns = table["columnDefinitions"]?.array, !columns.isEmpty {
      shownColumns = columns.indices.filter { isWide || (columns[$0]["priority"]?.integer ?? 0) == 0 }
      header =
        (showsNamespace ? ["NAMESPACE"] : []) + shownColumns.map { (columns[$0]["name"]?.string ?? "").uppercased() }
    }
    return (table["rows"]?.array ?? []).map { row in
      let metadata = row["object"]?["metadata"]
      let cells = row["cells"]?.array ?? []
      let namespace = metadata?["namespace"]?.string ?? ""
      let shown = shownColumns.map { $0 < cells.count ? Self.text(cells[$0]) : "" }
      return Row(
        namespace: namespace, name: metadata?["name"]?.string ?? "",
        resourceVersion: metadata?["resourceVersion"]?.string ?? "", cells: (showsNamespace ? [namespace] : []) + shown,
        deletion: DeletionText.heldBy(metadata))
    }
  }

  private static func text(_ cell: JSONValue) -> String {
    switch cell {
    case .string(let text): printable(text)
    case .null: ""
    default: cell.text
    }
  }
}
