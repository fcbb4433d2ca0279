import Database
import ResourceModel
import WireFormats

/// Gathers the writes that come while a transaction runs into the next one: under load many share one commit, whose cost
/// is mostly waiting for the disk; without load a write goes at once.
actor WriteQueue {
  private struct Pending {
    var request: RequestedWrite
    var continuation: CheckedContinuation<StoredObject, any Error>
  }

  /// How many writes share a transaction at most.
  static let maximumBatch = 64

  private let database: any Database
  private let now: @Sendable () -> Timestamp
  /// Called after every commit with the number of changes.
  private let didCommit: @Sendable (Int) async -> Void
  private var pending: [Pending] = []
  private var isRunning = false

  init(
    database: any Database, now: @escaping @Sendable () -> Timestamp, didCommit: @escaping @Sendable (Int) async -> Void
  ) {
    self.database = database
    self.now = now
    self.didCommit = didCommit
  }

  /// Carries out a write. Once it was called the write takes place even if the calling task is cancelled.
  func submit(_ request: RequestedWrite) async throws -> StoredObject {
    try await withCheckedThrowingContinuation { continuation in
      pending.append(Pending(request: request, continuation: continuation))
      if !isRunning {
        isRunning = true
        Task { await drain() }
      }
    }
  }

  private func drain() async {
    while !pending.isEmpty {
      let batch = Array(pending.prefix(Self.maximumBatch))
      pending.removeFirst(batch.count)
      await run(batch)
    }
    isRunning = false
  }

  private func run(_ batch: [Pending]) async {
    let transaction = WriteTransaction(requests: batch.map(\.request), writtenAt: now().microseconds)
    do {
      let outcomes = try await database.transaction(.write) { try transaction.run($0) }
      for (pending, outcome) in zip(batch, outcomes) { pending.continuation.resume(with: outcome) }
      await didCommit(outcomes.count)
    } catch {
      // What is wrong may be one object alone; the others must not suffer for it.
      if batch.count > 1, (error as? DatabaseError)?.mayConcernOneWrite ?? true {
        for pending in batch { await run([pending]) }
      } else {
        for pending in batch { pending.continuation.resume(throwing: StatusError(storeFailure: error)) }
      }
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
      case .uniqueViolation, .constraintViolation, .invalidURL, .migrationMismatch, .other:
        self.init(.internalError, "the database refused a statement: \(error.message)")
      }
    default: self.init(.internalError, "the store failed: \(error)")
    }
  }
}
