import Database
import ResourceModel
import WireFormats

/// Gathers the writes that come while a transaction runs into the next one. A transaction has the same few statements and one
/// commit whether it is about one object or hundreds, so that under load many cost little more than one; without load a write
/// goes at once. What waits is bounded by its bytes.
actor WriteQueue {
  private struct Pending {
    var request: RequestedWrite
    var continuation: CheckedContinuation<StoredObject, any Error>
  }

  /// How many writes share a transaction at most, and how many bytes.
  static let maximumBatch = 500
  static let maximumBatchBytes = 4 << 20

  private let database: any Database
  private let audit: (any WriteAudit)?
  private let now: @Sendable () -> Timestamp
  private let maximumPendingBytes: Int
  /// Called after every commit with the newest revision and what was logged.
  private let didCommit: @Sendable (Int64, LoggedChanges) -> Void
  private var pending: Deque = Deque()
  private var isRunning = false

  init(
    database: any Database, audit: (any WriteAudit)? = nil, now: @escaping @Sendable () -> Timestamp,
    maximumPendingBytes: Int,
    didCommit: @escaping @Sendable (Int64, LoggedChanges) -> Void
  ) {
    self.database = database
    self.audit = audit
    self.now = now
    self.maximumPendingBytes = maximumPendingBytes
    self.didCommit = didCommit
  }

  /// Carries out a write. Once it was called the write takes place even if the calling task is cancelled.
  /// - Throws: `StatusError` `tooManyRequests` where more waits already than may; nothing is changed then.
  func submit(_ request: RequestedWrite) async throws -> StoredObject {
    guard pending.isEmpty || pending.bytes + request.size <= maximumPendingBytes else {
      throw StatusError(
        .tooManyRequests, "too many writes wait for the database; try again", retryAfterSeconds: 1)
    }
    return try await withCheckedThrowingContinuation { continuation in
      pending.append(Pending(request: request, continuation: continuation))
      if !isRunning {
        isRunning = true
        Task { await drain() }
      }
    }
  }

  private func drain() async {
    while !pending.isEmpty { await run(pending.takeBatch()) }
    isRunning = false
  }

  private func run(_ batch: ArraySlice<Pending>) async {
    let transaction = WriteTransaction(requests: batch.map(\.request), writtenAt: now().microseconds, audit: audit)
    do {
      let (outcomes, newest, logged) = try await database.transaction(.write) { try transaction.run($0) }
      for (pending, outcome) in zip(batch, outcomes) { pending.continuation.resume(with: outcome) }
      if let newest { didCommit(newest, logged) }
    } catch {
      // What is wrong may be one object alone, and the others must not suffer for it: it is sought by halves.
      if batch.count > 1, (error as? DatabaseError)?.mayConcernOneWrite ?? true {
        let middle = batch.startIndex + batch.count / 2
        await run(batch[..<middle])
        await run(batch[middle...])
      } else {
        for pending in batch { pending.continuation.resume(throwing: StatusError(storeFailure: error)) }
      }
    }
  }

  /// The writes that wait, first come, first served.
  private struct Deque {
    private var items: [Pending] = []
    /// Those before this index are taken.
    private var first = 0
    private(set) var bytes = 0

    var isEmpty: Bool { first == items.count }

    mutating func append(_ item: Pending) {
      items.append(item)
      bytes += item.request.size
    }

    mutating func takeBatch() -> ArraySlice<Pending> {
      let batch = items[first...].prefix(WriteQueue.maximumBatch).prefix(fitting: WriteQueue.maximumBatchBytes) {
        $0.request.size
      }
      bytes -= batch.reduce(0) { $0 + $1.request.size }
      first += batch.count
      if first == items.count || first > 1024 {
        items.removeSubrange(..<first)
        first = 0
      }
      return batch
    }
  }
}

extension DatabaseError {
  fileprivate var mayConcernOneWrite: Bool {
    switch code {
    case .uniqueViolation, .constraintViolation, .other: true
    case .cannotConnect, .connectionLost, .serializationFailure, .timedOut, .diskFull, .invalidURL, .migrationMismatch:
      false
    }
  }
}

extension StatusError {
  /// A failure of the database as the API says it.
  init(storeFailure error: any Error) {
    switch error {
    case let error as StatusError: self = error
    case let error as DatabaseError:
      switch error.code {
      case .cannotConnect, .connectionLost, .timedOut, .serializationFailure:
        self.init(
          .serviceUnavailable, "the database cannot be used at the moment: \(error.message)", retryAfterSeconds: 1)
      case .diskFull:
        self.init(
          .serviceUnavailable, "the database's disk is full; free some space, nothing was changed: \(error.message)",
          retryAfterSeconds: 10)
      // Of a table with columns: what other rows refer to, or what must be unique.
      case .uniqueViolation, .constraintViolation:
        self.init(.invalid, "the database does not take the object: \(error.message)")
      case .invalidURL, .migrationMismatch, .other:
        self.init(.internalError, "the database refused a statement: \(error.message)")
      }
    default: self.init(.internalError, "the store failed: \(error)")
    }
  }
}
