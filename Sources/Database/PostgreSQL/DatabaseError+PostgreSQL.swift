extension DatabaseError {
  /// - Parameters:
  ///   - sqlState: five characters, or nil where the server did not answer.
  ///   - message: PostgreSQL's primary message; its detail, which may hold values, is not wanted.
  init(sqlState: String?, message: String, isConnectionLost: Bool, sql: String) {
    let kind: Code =
      switch sqlState {
      case _ where isConnectionLost: .connectionLost
      case "23505": .uniqueViolation
      case "40001", "40P01": .serializationFailure
      case "57014", "55P03": .timedOut
      case "53100": .diskFull
      case "53300": .cannotConnect
      case "57P01", "57P02", "57P03", "25P03": .connectionLost
      case let state? where state.hasPrefix("23"): .constraintViolation
      case let state? where state.hasPrefix("08"): .connectionLost
      default: .other
      }
    var text = message.split(separator: "\n").first.map(String.init) ?? "no message"
    // Data errors quote the value: `invalid input syntax for type bigint: "…"`.
    if sqlState?.hasPrefix("22") == true, let quote = text.firstIndex(of: "\"") { text = "\(text[..<quote])…" }
    self.init(code: kind, message: "PostgreSQL: \(text), in: \(Self.excerpt(sql))", sqlState: sqlState)
  }
}
