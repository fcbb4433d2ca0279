public import AuditChain
public import Database
public import WireFormats

/// Which audit entries are asked for.
public struct AuditQuery: Sendable, Hashable {
  public var actor: String?
  public var action: String?
  /// From this moment on.
  public var from: Timestamp?
  /// Before this moment.
  public var to: Timestamp?
  public var isNewestFirst: Bool
  /// The entry that the page before ended with; nil for the first page.
  public var after: Int64?
  public var limit: Int

  public init(
    actor: String? = nil, action: String? = nil, from: Timestamp? = nil, to: Timestamp? = nil,
    isNewestFirst: Bool = false, after: Int64? = nil, limit: Int
  ) {
    self.actor = actor
    self.action = action
    self.from = from
    self.to = to
    self.isNewestFirst = isNewestFirst
    self.after = after
    self.limit = limit
  }
}

/// Some entries, and where the chain ended when they were read.
public struct AuditPage: Sendable, Hashable {
  public struct Head: Sendable, Hashable {
    public var sequence: Int64
    public var digest: String
  }

  public var records: [AuditRecord]
  public var hasMore: Bool
  public var head: Head
}

extension AuditLedger {
  /// - Parameter connection: of a read transaction, so that the head is that of the entries.
  public static func page(_ query: AuditQuery, in connection: any SQLConnection) throws -> AuditPage {
    var conditions: [String] = []
    var values: [SQLValue] = []
    func add(_ condition: String, _ value: SQLValue?) {
      guard let value else { return }
      values.append(value)
      conditions.append("\(condition) $\(values.count)")
    }
    add("actor =", query.actor.map { .text($0) })
    add("action =", query.action.map { .text($0) })
    add("at >=", query.from.map { .text($0.microsecondText) })
    add("at <", query.to.map { .text($0.microsecondText) })
    add(query.isNewestFirst ? "sequence <" : "sequence >", query.after.map { .integer($0) })
    values.append(.integer(Int64(query.limit) + 1))
    let head = try connection.query("SELECT sequence, digest FROM audit_head WHERE id = 1").first
    let rows = try connection.query(
      """
      SELECT \(columns) FROM audit_entry \(conditions.isEmpty ? "" : "WHERE " + conditions.joined(separator: " AND "))
      ORDER BY sequence\(query.isNewestFirst ? " DESC" : "") LIMIT $\(values.count)
      """, values)
    return AuditPage(
      records: rows.prefix(query.limit).map(record), hasMore: rows.count > query.limit,
      head: AuditPage.Head(sequence: head?[0].integer ?? 0, digest: head?[1].text ?? ""))
  }

  /// Also of a row that somebody made unreadable: its digest will not be that of what it says.
  private static func record(_ row: SQLRow) -> AuditRecord {
    func text(_ index: Int) -> String { row[index].text ?? "" }
    return AuditRecord(
      sequence: row[0].integer ?? 0, at: text(1), actor: text(2), roles: text(3), address: text(4), action: text(5),
      object: text(6), detail: (try? JSONValue(parsing: text(7))) ?? .string(text(7)), previous: text(8),
      digest: text(9))
  }
}
