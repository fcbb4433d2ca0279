/// The prepared statements of one connection, at most `capacity`; the least recently used one goes first.
struct StatementCache<Key: Hashable, Statement> {
  private let capacity: Int
  private var entries: [Key: (statement: Statement, lastUse: UInt64)] = [:]
  private var uses: UInt64 = 0

  init(capacity: Int) { self.capacity = capacity }

  mutating func find(_ key: Key) -> Statement? {
    guard let index = entries.index(forKey: key) else { return nil }
    uses += 1
    entries.values[index].lastUse = uses
    return entries.values[index].statement
  }

  /// Keeps `statement`. Returns the one that had to go for it.
  mutating func insert(_ statement: Statement, for key: Key) -> Statement? {
    var evicted: Statement?
    if entries.count >= capacity, let oldest = entries.min(by: { $0.value.lastUse < $1.value.lastUse })?.key {
      evicted = entries.removeValue(forKey: oldest)?.statement
    }
    uses += 1
    entries[key] = (statement, uses)
    return evicted
  }
}
