import Database
import ResourceModel
import Synchronization

/// Gathers what many requests want written for a few milliseconds and writes it as one set; each request is answered once its
/// set is committed. What waits is bounded, in all and of each sender: more is refused at once, to come again at a time that is
/// other for each.
final class SetWriter<Item: Sendable, Outcome: Sendable>: Sendable {
  /// Writes a set in one transaction.
  /// - Returns: an outcome for each item, in their order.
  typealias Write = @Sendable ([Item]) async throws -> [Outcome]

  struct Limits: Sendable {
    /// Items of one set.
    var set = 1000
    /// Items that wait for their set.
    var waiting = 20_000
    /// Of these, of one sender.
    var waitingPerSender = 16
    /// How long a set gathers, so that requests that come one by one are written together.
    var gathering: Duration = .milliseconds(4)
    /// Who is refused is told to come again after 1 s to so many.
    var longestRetry = 240
  }

  private struct Waiting {
    var item: Item
    var sender: String?
    var continuation: CheckedContinuation<Outcome, any Error>
  }

  private struct State {
    var waiting: [Waiting] = []
    /// How many wait of each sender.
    var bySender: [String: Int] = [:]
    var isWriting = false

    mutating func add(_ entry: Waiting) {
      waiting.append(entry)
      if let sender = entry.sender { bySender[sender, default: 0] += 1 }
    }

    mutating func take(_ count: Int) -> [Waiting] {
      let set = Array(waiting.prefix(count))
      waiting.removeFirst(set.count)
      for sender in set.lazy.compactMap(\.sender) {
        let left = bySender[sender, default: 0] - 1
        bySender[sender] = left > 0 ? left : nil
      }
      return set
    }
  }

  private let limits: Limits
  private let clock: any Clock<Duration>
  private let random: @Sendable () -> Double
  private let sender: @Sendable (Item) -> String?
  private let write: Write
  private let state = Mutex(State())

  /// - Parameter sender: whose item it is; nil where that is nobody's affair.
  init(
    limits: Limits = Limits(), clock: any Clock<Duration> = ContinuousClock(),
    random: @escaping @Sendable () -> Double = { Double.random(in: 0..<1) },
    sender: @escaping @Sendable (Item) -> String? = { _ in nil }, write: @escaping Write
  ) {
    self.limits = limits
    self.clock = clock
    self.random = random
    self.sender = sender
    self.write = write
  }

  /// How many items wait for their set.
  var waitingCount: Int { state.withLock { $0.waiting.count } }

  /// Returns once the item is committed.
  /// - Throws: `tooManyRequests` where too much waits already; what the write throws.
  func submit(_ item: Item) async throws -> Outcome {
    try await withCheckedThrowingContinuation { continuation in
      let (isRefused, begins) = state.withLock { state in
        let sender = sender(item)
        let ofSender = sender.map { state.bySender[$0, default: 0] } ?? 0
        guard state.waiting.count < limits.waiting, ofSender < limits.waitingPerSender else { return (true, false) }
        state.add(Waiting(item: item, sender: sender, continuation: continuation))
        defer { state.isWriting = true }
        return (false, !state.isWriting)
      }
      if isRefused {
        continuation.resume(
          throwing: StatusError(
            .tooManyRequests, "too many come at once, please try again later",
            retryAfterSeconds: 1 + Int(random() * Double(limits.longestRetry))))
      }
      if begins { Task { await work() } }
    }
  }

  private func work() async {
    try? await clock.sleep(for: limits.gathering)
    while true {
      let set = state.withLock { state in
        let set = state.take(limits.set)
        if set.isEmpty { state.isWriting = false }
        return set
      }
      guard !set.isEmpty else { return }
      await write(set)
    }
  }

  /// A set that the database refuses is written in halves, so that what is to blame ends up alone and fails nobody else.
  private func write(_ set: [Waiting]) async {
    do {
      let outcomes = try await write(set.map(\.item))
      for (waiting, outcome) in zip(set, outcomes) { waiting.continuation.resume(returning: outcome) }
    } catch {
      guard set.count > 1, Self.mayConcernOneItem(error) else {
        for waiting in set { waiting.continuation.resume(throwing: error) }
        return
      }
      let middle = set.count / 2
      await write(Array(set[..<middle]))
      await write(Array(set[middle...]))
    }
  }

  /// False where the database is away or asks to come again: that concerns every item.
  private static func mayConcernOneItem(_ error: any Error) -> Bool {
    switch (error as? DatabaseError)?.code {
    case .uniqueViolation, .constraintViolation, .other: true
    case nil, .cannotConnect, .connectionLost, .serializationFailure, .timedOut, .diskFull, .invalidURL,
      .migrationMismatch:
      false
    }
  }
}
