import ResourceModel

/// What a watcher is about: one kind, in one namespace or in all. Changes elsewhere do not wake it.
struct WatchScope: Sendable, Hashable {
  var kind: String
  /// Nil for all namespaces.
  var namespace: String?
}

/// Changes that were read from the log together.
struct ChangeBatch: Sendable {
  let records: [ChangeRecord]
  /// The scopes that the changes are in: each in its namespace's and in that of all.
  let scopes: Set<WatchScope>
  /// Every change up to this revision is in this batch or in one before.
  let end: Int64
  let size: Int

  init(_ records: [ChangeRecord], end: Int64) {
    self.records = records
    var scopes: Set<WatchScope> = []
    for record in records {
      scopes.insert(WatchScope(kind: record.kind, namespace: nil))
      scopes.insert(WatchScope(kind: record.kind, namespace: record.object.key.namespace))
    }
    self.scopes = scopes
    self.end = end
    self.size = records.reduce(0) { $0 + $1.size }
  }
}

/// The newest changes, kept in memory without a gap: everything after `start` and up to `end`.
struct ChangeWindow: Sendable {
  private(set) var start: Int64
  private(set) var end: Int64
  private var batches: [ChangeBatch] = []
  /// Batches before this index are forgotten.
  private var first = 0
  private var size = 0
  private let maximumSize: Int

  /// - Parameter maximumSize: bytes, about.
  init(start: Int64, maximumSize: Int) {
    self.start = start
    end = start
    self.maximumSize = maximumSize
  }

  /// Takes in what follows `end`, and forgets the oldest where it becomes too much; the newest batch always stays.
  mutating func append(_ batch: ChangeBatch) {
    end = batch.end
    guard !batch.records.isEmpty else { return }
    batches.append(batch)
    size += batch.size
    while size > maximumSize, first < batches.count - 1 {
      size -= batches[first].size
      start = batches[first].end
      first += 1
    }
    if first > 64, first * 2 > batches.count {
      batches.removeSubrange(..<first)
      first = 0
    }
  }

  /// The first batch after `revision` that holds changes in `scope`. `revision` must not lie before `start`.
  func batch(in scope: WatchScope, after revision: Int64) -> ChangeBatch? {
    var low = first
    var high = batches.count
    while low < high {
      let middle = (low + high) / 2
      if batches[middle].end > revision { high = middle } else { low = middle + 1 }
    }
    return batches[low...].first { $0.scopes.contains(scope) }
  }
}
