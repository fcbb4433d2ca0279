import Database

extension RowSet {
  /// Rows of one column.
  init(_ column: String, of texts: some Sequence<String>) {
    self.init([(column, .text)])
    for text in texts { append([.text(text)]) }
  }
}
