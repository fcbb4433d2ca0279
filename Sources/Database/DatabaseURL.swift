import CLibPQ

/// Where a database is. Its description names it without the password.
enum DatabaseURL: Sendable, Hashable, CustomStringConvertible {
  case postgresql(String)
  case sqlite(path: String)
  case sqliteInMemory

  /// Reads `postgresql://…`, `postgres://…`, `sqlite:path` (relative, or absolute with `/`) and `sqlite::memory:`.
  /// - Throws: `DatabaseError` `invalidURL`, whose message repeats no part that could hold the password.
  init(_ text: String) throws(DatabaseError) {
    if text.utf8.contains(0) { throw Self.invalid("it holds a NUL character") }
    if text.hasPrefix("postgresql://") || text.hasPrefix("postgres://") {
      // libpq would take what stands behind the first of them, a piece of the password, for the host, and name it.
      let authority = text.drop { $0 != "/" }.dropFirst(2).prefix { $0 != "/" && $0 != "?" }
      if authority.count(where: { $0 == "@" }) > 1 {
        throw Self.invalid("a user's name or password holds @: write %40")
      }
      try Self.check(text)
      self = .postgresql(text)
    } else if text.hasPrefix("sqlite:") {
      var path = String(text.dropFirst("sqlite:".count))
      if path == ":memory:" {
        self = .sqliteInMemory
        return
      }
      if path.hasPrefix("//") {
        guard path.hasPrefix("///") else {
          throw Self.invalid("SQLite has no hosts: write sqlite:relative/path or sqlite:/absolute/path")
        }
        path.removeFirst(2)
      }
      if path.isEmpty { throw Self.invalid("it names no file: write sqlite:relative/path or sqlite:/absolute/path") }
      self = .sqlite(path: path)
    } else {
      throw Self.invalid("it must start with postgresql:// or sqlite:")
    }
  }

  var description: String {
    switch self {
    case .sqlite(let path): "sqlite:\(path)"
    case .sqliteInMemory: "sqlite::memory:"
    case .postgresql(let text): Self.withoutPassword(text)
    }
  }

  private static func invalid(_ reason: String) -> DatabaseError {
    DatabaseError(code: .invalidURL, message: "the database URL is not valid: \(reason)")
  }

  private static func check(_ text: String) throws(DatabaseError) {
    var message: UnsafeMutablePointer<CChar>?
    let parsed = PQconninfoParse(text, &message)
    defer {
      PQconninfoFree(parsed)
      PQfreemem(message)
    }
    guard parsed == nil else { return }
    // libpq quotes what it did not understand, which may be a piece of the password: keep what stands before.
    let reason = message.map { String(cString: $0) } ?? "out of memory"
    throw invalid(String(reason.prefix { $0 != "\"" && $0 != ":" && $0 != "\n" }))
  }

  /// Scheme, host and database: what stands between `//` and `@`, and the options after `?`, may hold secrets.
  private static func withoutPassword(_ text: String) -> String {
    let scheme = text.prefix(while: { $0 != ":" })
    var rest = text.dropFirst(scheme.count + 3).prefix(while: { $0 != "?" })
    if let at = rest.lastIndex(of: "@") { rest = rest[rest.index(after: at)...] }
    return "\(scheme)://\(rest)"
  }
}
