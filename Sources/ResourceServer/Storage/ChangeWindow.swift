/// Changes that were read from the log together.
struct ChangeBatch: Sendable {
  let records: [ChangeRecord]
  let kinds: Set<String>
  /// Every change up to this revision is in this batch or in one before.
  let end: Int64
  let size: Int

  init(_ records: [ChangeRecord], end: Int64) {
    self.records = records
    self.kinds = Set(records.map(\.kind))
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

  /// The first batch after `revision` that holds changes of `kind`. `revision` must not lie before `start`.
  func batch(of kind: String, after revision: Int64) -> ChangeBatch? {
    var low = first
    var high = batches.count
    while low < high {
      let middle = (low + high) / 2
      if batches[middle].end > revision { high = middle } else { low = middle + 1 }
    }
    return batches[low...].first { $0.kinds.contains(kind) }
  }
}
