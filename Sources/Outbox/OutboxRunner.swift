public import Database
public import Logging
public import Reconciliation
import Synchronization
public import WireFormats

/// Sends the messages of an outbox. Any number of processes may do so over one PostgreSQL, and each may be killed at any
/// time: a message whose process was killed between sending and recording is sent again, with the same id.
///
/// A pass is one transaction: it records the attempts that have ended, and claims messages for the places that are free.
/// It is not a `BatchController`, whose batches are decided without I/O and committed as a whole: here every attempt ends
/// in its own time, and the slowest receiver of a batch would hold up all others. What they share is `DueLoop`.
public final class OutboxRunner: Sendable {
  /// Carries one message to its receiver. It should end soon after its task is cancelled; what it throws counts as
  /// `SendAnswer.retry`.
  public typealias Send = @Sendable (Delivery) async throws -> SendAnswer

  /// Is given messages that will not be sent any more, inside the transaction that moves them to `outbox_dead`: what it
  /// writes through the connection is written exactly once for each message. What it returns is added to the outbox in the
  /// same transaction: a message which says so, and whose sender then does what is not done with SQL. It must not call
  /// `Outbox.add` itself, which would lock destinations out of their order. It must do nothing outside the database, since
  /// the transaction may be repeated, and it must not throw for what a message holds, since nothing is recorded then.
  public typealias ReportDead = @Sendable ([DeadMessage], any SQLConnection) throws -> [OutboxMessage]

  public let configuration: OutboxConfiguration
  private let database: any Database
  private let ledger: OutboxLedger
  private let clock: any Clock<Duration>
  private let now: @Sendable () -> Timestamp
  private let random: @Sendable () -> Double
  private let id: String
  private let logger: Logger
  private let reportDead: ReportDead
  private let send: Send
  private let loop: DueLoop
  /// Records what is in flight when the runner stops.
  private let drain: DueLoop
  private let retention: DueLoop

  private struct State {
    var isStopping = false
    var isGraceOver = false
    var grace: Task<Void, Never>?
    var sends: [Int: Task<Void, Never>] = [:]
    var startedSends = 0
    var claims = 0
    /// Of `sends` and `ended`.
    var probes = 0
    /// Not recorded yet; each still takes its place.
    var ended: [EndedAttempt] = []

    var isIdle: Bool { sends.isEmpty && ended.isEmpty }
  }

  private let state = Mutex(State())

  /// How many attempts have not ended.
  var sendCount: Int { state.withLock { $0.sends.count } }

  /// - Parameters:
  ///   - clock: for waiting and for the limit of an attempt.
  ///   - now: the time that is kept with messages and compared with that of other processes.
  ///   - random: from 0 to below 1, for the jitter of backoffs.
  ///   - makeID: names this runner in claims; no two runners have the same name.
  public init(
    _ configuration: OutboxConfiguration, database: any Database, logger: Logger,
    clock: any Clock<Duration> = ContinuousClock(), now: @escaping @Sendable () -> Timestamp,
    random: @escaping @Sendable () -> Double = { Double.random(in: 0..<1) },
    makeID: @Sendable () -> String = randomReconcileID, reportDead: @escaping ReportDead, send: @escaping Send
  ) {
    var logger = logger
    logger[metadataKey: "outbox"] = .string(configuration.name)
    self.configuration = configuration
    self.database = database
    self.ledger = OutboxLedger(configuration: configuration)
    self.clock = clock
    self.now = now
    self.random = random
    self.id = makeID()
    self.logger = logger
    self.reportDead = reportDead
    self.send = send
    func loop(longestWait: Duration) -> DueLoop {
      DueLoop(
        longestWait: longestWait, backoff: configuration.databaseBackoff, clock: clock, random: random, logger: logger)
    }
    self.loop = loop(longestWait: configuration.longestWait)
    self.drain = loop(longestWait: configuration.longestWait)
    self.retention = loop(longestWait: configuration.retention.interval)
  }

  /// Works until `stop()` is called or the task is cancelled. Both let attempts end within
  /// `OutboxConfiguration.stopGrace`, then cancel them; `run` returns when all have ended and are recorded. To be called
  /// once.
  public func run() async {
    await withTaskCancellationHandler {
      // Not a child task: cancelling this one must not cut short what is in flight.
      await Task { await work() }.value
    } onCancel: {
      stop()
    }
  }

  /// Begins a graceful stop.
  public func stop() {
    state.withLock { state in
      guard !state.isStopping else { return }
      state.isStopping = true
      state.grace = Task { [clock, configuration, weak self] in
        try? await clock.sleep(for: configuration.stopGrace)
        if !Task.isCancelled { self?.cancelSends() }
      }
    }
    loop.stop()
  }

  /// Stops at once: what is in flight is cancelled.
  public func cancel() {
    stop()
    cancelSends()
  }

  private func cancelSends() {
    let sends = state.withLock { state in
      state.isGraceOver = true
      return Array(state.sends.values)
    }
    for send in sends { send.cancel() }
    drain.wake()
  }

  private func work() async {
    let listener = Task {
      for await _ in database.notifications(channel: Outbox.channel) { loop.wake() }
    }
    let retaining = Task { await retention.run { try await self.retentionPass() } }
    await loop.run { try await self.pass() }
    listener.cancel()
    retention.stop()
    await retaining.value
    await drain.run { try await self.drainPass() }
    state.withLock { $0.grace }?.cancel()
  }
}

// MARK: Passes

extension OutboxRunner {
  private struct Places {
    var free: Int
    var probes: Int
  }

  /// Records what has ended and sends what is due.
  func pass() async throws -> DueLoop.Next {
    let (ended, places, claim) = state.withLock { state in
      let free = configuration.maximumInFlight - state.sends.count
      let probes = configuration.maximumProbes - state.probes + state.ended.count(where: \.delivery.isProbe)
      state.claims += 1
      defer { state.ended = [] }
      return (state.ended, Places(free: free, probes: probes), "\(id)/\(state.claims)")
    }
    // Whoever is full and has nothing to record is woken when an attempt ends.
    guard !ended.isEmpty || places.free > 0 else { return .whenWoken }
    let now = now()
    let claimed = try await recording(ended) { [ledger, reportDead] connection in
      let look = OutboxLedger.Look(sound: places.free, failing: min(places.free, places.probes))
      try ledger.record(ended, look: look, now: now, connection, report: reportDead)
      let claimed = try ledger.claim(claim, room: places.free, probes: places.probes, now: now, connection)
      if claimed.deliveries.count == places.free, let dueAt = claimed.soundDueAt, dueAt <= now {
        // Another process may have places for the rest.
        try connection.notify(channel: Outbox.channel, payload: "")
      }
      return claimed
    }
    for delivery in claimed.deliveries { start(delivery) }
    return next(claimed, places, now: now)
  }

  private func next(_ claimed: OutboxLedger.Claimed, _ places: Places, now: Timestamp) -> DueLoop.Next {
    let probes = claimed.deliveries.count(where: \.isProbe)
    guard places.free > claimed.deliveries.count else { return .whenWoken }
    let moments = [claimed.soundDueAt, places.probes > probes ? claimed.failingDueAt : nil]
    guard let dueAt = moments.compactMap(\.self).min() else { return .whenWoken }
    if dueAt > now { return .after(dueAt - now) }
    // Where there was nothing to look at although something is due, another holds it.
    return claimed.destinations > 0 ? .now : .after(configuration.shortestWait)
  }

  /// Records what has ended after the last claim; ends once nothing is in flight.
  private func drainPass() async throws -> DueLoop.Next {
    let (ended, isLastTry) = state.withLock { state in
      defer { state.ended = [] }
      return (state.ended, state.isGraceOver && state.sends.isEmpty)
    }
    if !ended.isEmpty {
      let now = now()
      do {
        try await recording(ended) { [ledger, reportDead] connection in
          try ledger.record(ended, look: .nowhere, now: now, connection, report: reportDead)
          // What was cut short waits for another process.
          try connection.notify(channel: Outbox.channel, payload: "")
        }
      } catch {
        guard isLastTry else { return .after(configuration.shortestWait) }
        logger.error(
          "attempts could not be recorded before the end; their messages will be sent again",
          metadata: ["attempts": .stringConvertible(ended.count), "error": "\(error)"])
        return .finish
      }
    }
    return state.withLock { $0.isIdle } ? .finish : .whenWoken
  }

  /// Forgets what is older than it is kept.
  private func retentionPass() async throws -> DueLoop.Next {
    let (now, retention, limit) = (now(), configuration.retention, 1000)
    let removed = try await database.transaction(.write) { connection in
      let dead = try Outbox.removeDead(before: now + (.zero - retention.dead), limit: limit, from: connection)
      let idle = try Outbox.removeIdleDestinations(
        since: now + (.zero - retention.idleDestinations), limit: limit, from: connection)
      return max(dead, idle)
    }
    return removed < limit ? .after(retention.interval) : .now
  }

  /// Runs a transaction that records attempts; where it fails they are kept for the next.
  private func recording<Value: Sendable>(
    _ ended: [EndedAttempt], _ body: @escaping @Sendable (any SQLConnection) throws -> Value
  ) async throws -> Value {
    do {
      let value = try await database.transaction(.write, body)
      state.withLock { $0.probes -= ended.count(where: \.delivery.isProbe) }
      return value
    } catch {
      state.withLock { $0.ended = ended + $0.ended }
      throw error
    }
  }
}

// MARK: Attempts

extension OutboxRunner {
  private func start(_ delivery: Delivery) {
    state.withLock { state in
      state.startedSends += 1
      let number = state.startedSends
      if delivery.isProbe { state.probes += 1 }
      if state.isStopping {
        // The stop came while the messages were claimed: nobody has seen them.
        state.ended.append(EndedAttempt(delivery: delivery, outcome: .interrupted))
        return
      }
      state.sends[number] = Task { end(number, delivery, await attempt(delivery)) }
    }
  }

  private func end(_ number: Int, _ delivery: Delivery, _ answer: SendAnswer?) {
    let message = delivery.message
    let outcome = answer.map { answer in
      EndedAttempt.Outcome.answered(
        answer,
        configuration.policy(of: message.topic).verdict(
          answer, attempt: delivery.attempt, createdAt: delivery.createdAt, now: now(), random: random()))
    }
    log(delivery, outcome)
    state.withLock { state in
      state.sends[number] = nil
      state.ended.append(EndedAttempt(delivery: delivery, outcome: outcome ?? .interrupted))
    }
    loop.wake()
    drain.wake()
  }

  private enum End: Sendable {
    case answered(SendAnswer)
    case failed(any Error)
    case timeIsOver
  }

  /// One attempt, cancelled when its time is over. A cancelled one is waited for, and still counts where it has an answer.
  /// - Returns: nil where it was cut short because the runner stops.
  private func attempt(_ delivery: Delivery) async -> SendAnswer? {
    await withTaskGroup(of: End.self) { group in
      group.addTask {
        do { return .answered(try await self.send(delivery)) } catch { return .failed(error) }
      }
      group.addTask {
        try? await self.clock.sleep(for: self.configuration.sendTimeout)
        return .timeIsOver
      }
      var error: (any Error)?
      for await end in group {
        group.cancelAll()
        switch end {
        case .answered(let answer): return answer
        case .failed(let thrown): error = error ?? thrown
        case .timeIsOver: error = error ?? SendTimeout(limit: configuration.sendTimeout)
        }
      }
      return Task.isCancelled ? nil : .retry(reason: error.map { "\($0)" } ?? "no answer")
    }
  }

  private func log(_ delivery: Delivery, _ outcome: EndedAttempt.Outcome?) {
    var metadata: Logger.Metadata = [
      "id": .string(delivery.message.id), "topic": .string(delivery.message.topic),
      "destination": .string(delivery.message.destination), "attempt": .stringConvertible(delivery.attempt),
    ]
    switch outcome {
    case .answered(_, .remove): logger.debug("delivered a message", metadata: metadata)
    case .answered(_, .keep(let until, let reason)):
      metadata["reason"] = .string(reason)
      metadata["nextAt"] = .stringConvertible(until)
      logger.info("a message was not delivered and will be sent again", metadata: metadata)
    case .answered(_, .bury(let cause, let reason)):
      metadata["reason"] = .string(reason)
      metadata["cause"] = .string(cause.rawValue)
      logger.warning("a message will not be sent any more", metadata: metadata)
    case .interrupted, nil: logger.info("an attempt was cut short by the stop", metadata: metadata)
    }
  }
}

/// An attempt took longer than `OutboxConfiguration.sendTimeout` and was cancelled.
public struct SendTimeout: Error, Sendable, Hashable, CustomStringConvertible {
  public var limit: Duration

  public var description: String { "no answer within \(limit)" }
}
