public import Logging
import Synchronization
public import Timing
public import WireFormats

/// How a batch controller runs.
public struct BatchConfiguration: Sendable {
  /// Names the controller in logs.
  public var name: String
  /// How many rows are claimed at once; at least 1.
  public var limit: Int
  /// After this time the source is asked even if nothing was due and no signal came.
  public var longestWait: Duration
  /// The shortest wait after a claim that gave nothing, even where the source says that something is due: what is due
  /// is in the hands of another then.
  public var shortestWait: Duration
  /// After claims or commits that failed in a row.
  public var backoff: Backoff

  public init(
    name: String, limit: Int = 500, longestWait: Duration = .seconds(30), shortestWait: Duration = .seconds(1),
    backoff: Backoff = Backoff(maximum: .seconds(30))
  ) {
    self.name = name
    self.limit = max(limit, 1)
    self.longestWait = longestWait
    self.shortestWait = min(shortestWait, longestWait)
    self.backoff = backoff
  }
}

/// Works through the rows of a source that are due: claims a batch of them, decides each, commits what was decided as one
/// set, and so on until nothing is due. Any number of processes may do so side by side, and each may be killed at any time.
///
/// The decision sees nothing but the row and the time, so that a batch costs two transactions, however large it is.
///
/// A set that cannot be committed is tried again in two halves, at once and behind what else is pending, so that a row which
/// is to blame ends up alone and in nobody's way: its claim runs out, and then it is claimed again. Where more commits fail in
/// a row than one row can be to blame for, the source is away, and is given the time of the backoff.
public final class BatchController<Source: BatchSource>: Sendable {
  public typealias Decision = @Sendable (Source.Row, Timestamp) -> Source.Change

  public let configuration: BatchConfiguration
  private let source: Source
  private let decide: Decision
  private let loop: DueLoop
  private let now: @Sendable () -> Timestamp
  private let logger: Logger
  /// What was claimed and decided and is not committed yet.
  private let pending = Mutex(Pending())

  private struct Pending {
    var sets: [Decided] = []
    var failuresInARow = 0
  }

  private struct Decided {
    var batch: Batch<Source.Row>
    var changes: [Source.Change]

    /// Nothing where there is only one row.
    var halves: [Decided] {
      guard changes.count > 1 else { return [] }
      let middle = changes.count / 2
      return [0..<middle, middle..<changes.count].map { range in
        var half = batch
        half.rows = Array(batch.rows[range])
        return Decided(batch: half, changes: Array(changes[range]))
      }
    }
  }

  /// - Parameters:
  ///   - clock: for waiting.
  ///   - random: from 0 to below 1, for the jitter of the backoff.
  ///   - now: the time that decisions are told; read once a batch.
  ///   - decide: what is to become of one row.
  public init(
    _ configuration: BatchConfiguration, source: Source, logger: Logger, clock: any Clock<Duration> = ContinuousClock(),
    random: @escaping @Sendable () -> Double = randomFraction, now: @escaping @Sendable () -> Timestamp,
    decide: @escaping Decision
  ) {
    var logger = logger
    logger[metadataKey: "controller"] = .string(configuration.name)
    self.configuration = configuration
    self.source = source
    self.decide = decide
    self.now = now
    self.logger = logger
    self.loop = DueLoop(
      longestWait: configuration.longestWait, backoff: configuration.backoff, clock: clock, random: random,
      logger: logger)
  }

  /// Says that something may be due.
  public func wake() { loop.wake() }

  /// Begins a graceful stop: a running batch is committed, and no other is claimed.
  public func stop() { loop.stop() }

  /// Works until `stop()` is called or the task is cancelled, both of which let a running batch end. To be called once.
  public func run() async {
    await withTaskCancellationHandler {
      // Not a child task: cancelling this one must not cut short the batch that runs.
      await Task { await loop.run { try await self.pass() } }.value
    } onCancel: {
      stop()
    }
  }

  /// One claim, or one commit of what was claimed.
  func pass() async throws -> DueLoop.Next {
    if let decided = pending.withLock({ $0.sets.first }) {
      try await commit(decided)
      return .now
    }
    let batch = try await source.claim(limit: configuration.limit)
    guard !batch.rows.isEmpty else {
      return batch.nextDue.map { .after(max($0, configuration.shortestWait)) } ?? .whenWoken
    }
    let now = now()
    let decided = Decided(batch: batch, changes: batch.rows.map { decide($0, now) })
    pending.withLock { $0.sets = [decided] }
    try await commit(decided)
    return .now
  }

  /// Commits the first of what is pending.
  private func commit(_ decided: Decided) async throws {
    let metadata: Logger.Metadata = [
      "batch": .string(decided.batch.id), "rows": .stringConvertible(decided.changes.count),
    ]
    do {
      try await source.commit(decided.changes, of: decided.batch)
    } catch {
      let halves = decided.halves
      let failuresInARow = pending.withLock { pending in
        pending.sets = pending.sets.dropFirst() + halves
        pending.failuresInARow += 1
        return pending.failuresInARow
      }
      if halves.isEmpty {
        logger.error("a row cannot be committed and is left to the end of its claim", metadata: metadata)
      }
      // As often as a set can be halved, and once for the row.
      guard failuresInARow <= Int.bitWidth - configuration.limit.leadingZeroBitCount + 1 else { throw error }
      logger.info(
        "a set cannot be committed and is tried in halves", metadata: metadata.merging(["error": "\(error)"]) { $1 })
      return
    }
    pending.withLock { pending in
      pending.sets.removeFirst()
      pending.failuresInARow = 0
    }
    logger.debug("committed a batch", metadata: metadata)
  }
}
