import AuditChain
public import Database
public import WireFormats

/// The chain of audit entries: each holds the digest of the one before, so that one that was changed or removed is missed.
public struct AuditLedger: Sendable {
  let now: @Sendable () -> Timestamp

  public init(now: @escaping @Sendable () -> Timestamp) { self.now = now }

  /// Kept if and when the transaction commits. Text that is too long is cut, and of a detail that is too large its largest
  /// members are left out: what was done is audited whatever it was done with.
  public func record(_ entries: [AuditEntry], in connection: any SQLConnection) throws {
    guard !entries.isEmpty else { return }
    var (sequence, previous) = try lock(in: connection)
    let at = now().microsecondText
    var rows = RowSet([
      ("sequence", .integer), ("at", .text), ("actor", .text), ("roles", .text), ("address", .text), ("action", .text),
      ("object", .text), ("detail", .text), ("previous", .text), ("digest", .text),
    ])
    for entry in entries {
      sequence += 1
      let record = AuditRecord(
        sequence: sequence, at: at, actor: Self.kept(entry.actor, 256), roles: Self.kept(entry.roles, 128),
        address: Self.kept(entry.address, 64), action: Self.kept(entry.action, 64),
        object: Self.kept(entry.object, 512), detail: Self.kept(entry.detail), previous: previous)
      rows.append([
        .integer(record.sequence), .text(record.at), .text(record.actor), .text(record.roles), .text(record.address),
        .text(record.action), .text(record.object), .text(record.detail.text), .text(record.previous),
        .text(record.digest),
      ])
      previous = record.digest
    }
    try connection.execute(
      """
      INSERT INTO audit_entry (\(Self.columns))
      SELECT \(Self.columns) FROM \(rows.source(connection.dialect)) ORDER BY sequence
      """, [rows.parameter])
    try connection.execute(
      "UPDATE audit_head SET sequence = $1, digest = $2 WHERE id = 1", [.integer(sequence), .text(previous)])
  }

  /// Whoever else records waits from here until this transaction ends: the chain has one end. A transaction that locks what lies behind
  /// the audit in the order of locks before it knows its entries calls this first.
  /// - Returns: the chain's end.
  @discardableResult
  public func lock(in connection: any SQLConnection) throws -> (sequence: Int64, digest: String) {
    let lock = connection.dialect.forUpdate(of: "h")
    guard
      let head = try connection.query("SELECT h.sequence, h.digest FROM audit_head AS h WHERE h.id = 1" + lock).first,
      let sequence = head[0].integer, let digest = head[1].text
    else { throw DatabaseError(code: .other, message: "the row of audit_head is gone") }
    return (sequence, digest)
  }

  static let columns = "sequence, at, actor, roles, address, action, object, detail, previous, digest"

  private static let maximumDetailBytes = 16 << 10

  /// Without NUL, which PostgreSQL keeps in no text, and at most so many bytes.
  private static func kept(_ text: String, _ maximumBytes: Int) -> String {
    var kept = ""
    var count = 0
    for scalar in text.unicodeScalars {
      let scalar = scalar.value == 0 ? "\u{FFFD}" : scalar
      count += scalar.utf8.count
      if count > maximumBytes { break }
      kept.unicodeScalars.append(scalar)
    }
    return kept
  }

  /// As it will be read again. What is too large hides nothing but itself.
  private static func kept(_ detail: JSONValue) -> JSONValue {
    let bytes = detail.serialized()
    if bytes.count <= maximumDetailBytes { return (try? JSONValue(parsing: bytes)) ?? omitted(bytes.count) }
    guard var members = detail.object else { return omitted(bytes.count) }
    var count = bytes.count
    let sizes = members.mapValues { $0.serialized().count }
    for (name, size) in sizes.sorted(by: { ($1.value, $0.key) < ($0.value, $1.key) }) {
      if count <= maximumDetailBytes { break }
      let replacement = omitted(size)
      members[name] = replacement
      count += replacement.serialized().count - size
    }
    let kept = JSONValue.object(members).serialized()
    guard kept.count <= maximumDetailBytes else { return omitted(bytes.count) }
    return (try? JSONValue(parsing: kept)) ?? omitted(bytes.count)
  }

  private static func omitted(_ byteCount: Int) -> JSONValue { ["omittedBytes": .integer(Int64(byteCount))] }
}
