public import Logging
public import ResourceModel
public import Timing
public import WireFormats

/// Makes sure that at most one of several candidates works at a time, by a lease in the API.
///
/// ```
/// try await elector.acquire()
/// let end = await elector.hold { await work() }
/// ```
/// It works against the Backend and against a Kubernetes API server, together with candidates that use client-go. In a
/// namespace that is being deleted no lease can be made any more: there every candidate leads.
public actor LeaseElector {
  public struct Periods: Sendable, Hashable {
    /// How long others wait after the last sign of the holder.
    public var leaseDuration: Duration
    /// After which a holder that could not renew stops its work; shorter than `leaseDuration`.
    public var renewDeadline: Duration
    /// Between two tries; jittered up to 1.2 times. One that timed out is repeated at once.
    public var retryPeriod: Duration

    public init(
      leaseDuration: Duration = .seconds(15), renewDeadline: Duration = .seconds(10),
      retryPeriod: Duration = .seconds(2)
    ) {
      self.leaseDuration = leaseDuration
      self.renewDeadline = renewDeadline
      self.retryPeriod = retryPeriod
    }

    /// After the last renewal, the latest moment at which a holder that runs knows that it lost the lease: the last try
    /// begins before the deadline, and its two requests get half a period each.
    public var latestNotice: Duration { renewDeadline + retryPeriod }
  }

  public enum End<Result: Sendable>: Sendable {
    /// The work came to its own end; the lease was released.
    case finished(Result)
    /// The lease was lost; the work was cancelled and has ended.
    case lost(Result)
  }

  private enum Attempt {
    case holding
    case standingBy(holder: String)
  }

  private let client: ResourceClient
  private let key: ObjectKey
  private let periods: Periods
  private let time: MonotonicTime
  private let now: @Sendable () -> Timestamp
  private let random: @Sendable () -> Double
  private let onTry: @Sendable () -> Void
  private let logger: Logger
  private var election: LeaseElection
  /// The lease as last written by this candidate.
  private var held: JSONValue?
  private var lastRenewal = Duration.zero
  /// How often the lease had changed hands when this candidate last took it.
  public private(set) var term: Int64 = 0
  private var lastKnownHolder = ""

  /// - Parameters:
  ///   - identity: names this candidate; different for every process.
  ///   - random: from 0 to below 1, for jitter.
  ///   - onTry: called before each try to take or renew the lease, whatever comes of it: a sign that this candidate is
  ///     alive. Must return at once.
  public init(
    client: ResourceClient, lease key: ObjectKey, identity: String, periods: Periods = Periods(),
    clock: any Clock<Duration> = ContinuousClock(), now: @escaping @Sendable () -> Timestamp,
    random: @escaping @Sendable () -> Double = randomFraction,
    onTry: @escaping @Sendable () -> Void = {}, logger: Logger
  ) {
    self.client = client
    self.key = key
    self.periods = periods
    self.time = MonotonicTime(clock)
    self.now = now
    self.random = random
    self.onTry = onTry
    var logger = logger
    logger[metadataKey: "lease"] = "\(key)"
    logger[metadataKey: "identity"] = "\(identity)"
    self.logger = logger
    self.election = LeaseElection(identity: identity, duration: periods.leaseDuration)
  }

  /// Waits, for ever if need be, until this candidate holds the lease.
  /// - Throws: `CancellationError`.
  public func acquire() async throws {
    while true {
      try Task.checkCancellation()
      do throws(ResourceClientError) {
        switch try await attempt(until: time.uptime() + periods.renewDeadline) {
        case .holding:
          term = held.map { LeaseRecord(lease: $0).transitions } ?? 0
          logger.info("leading", metadata: ["term": "\(term)"])
          return
        case .standingBy(let holder):
          if holder != lastKnownHolder {
            logger.info("standing by: another holds the lease", metadata: ["holder": "\(holder)"])
            lastKnownHolder = holder
          }
        }
      } catch {
        // Losing a race for the lease is no fault.
        if !error.isConflict, error.reason != .alreadyExists, !error.isCancellation {
          logger.warning("lease could not be taken; trying again", metadata: ["error": "\(error)"])
        }
      }
      try await time.sleep(pause())
    }
  }

  /// Asks the API whether this candidate still holds the lease, in the term in which it last took it.
  ///
  /// A process that was suspended cannot know it otherwise. Where there is no answer, it is what the process's own clock
  /// says.
  public func isHeld() async -> Bool {
    let deadline = lastRenewal + periods.renewDeadline
    do throws(ResourceClientError) {
      guard let lease = try await read(limitedClient(until: deadline)) else { return time.uptime() < deadline }
      let record = LeaseRecord(lease: lease)
      return record.holder == election.identity && record.transitions == term
    } catch {
      return time.uptime() < lastRenewal + periods.renewDeadline
    }
  }

  /// Runs `work` while renewing the lease that `acquire` took, then releases it.
  ///
  /// The work is cancelled when the lease could not be renewed for `renewDeadline`, and when the caller is cancelled.
  /// The lease goes on being renewed until the work has ended.
  /// - Parameter whenLost: called just before the work is cancelled for the loss of the lease. From then on another
  ///   candidate may work, so what may run on after a caller's cancellation must end at once.
  public func hold<Result: Sendable>(
    whenLost: @escaping @Sendable () -> Void = {}, _ work: @escaping @Sendable () async -> Result
  ) async -> End<Result> {
    let worker = Task { await work() }
    let renewal = Task {
      let isLost = await self.renewUntilCancelled()
      if isLost {
        whenLost()
        worker.cancel()
      }
      return isLost
    }
    let result = await withTaskCancellationHandler {
      await worker.value
    } onCancel: {
      worker.cancel()
    }
    renewal.cancel()
    if await renewal.value { return .lost(result) }
    await release()
    return .finished(result)
  }

  /// - Returns: true where the lease was lost.
  private func renewUntilCancelled() async -> Bool {
    var pause = pause()
    while true {
      do {
        try await time.sleep(min(pause, max(lastRenewal + periods.renewDeadline - time.uptime(), .zero)))
      } catch {
        return false
      }
      pause = self.pause()
      do throws(ResourceClientError) {
        if case .standingBy(let holder) = try await attempt(until: lastRenewal + periods.renewDeadline) {
          logger.error("lease lost to another holder", metadata: ["holder": "\(holder)"])
          return true
        }
        if let held, LeaseRecord(lease: held).transitions != term {
          logger.error("lease lost: another holder had it meanwhile")
          return true
        }
      } catch {
        if Task.isCancelled { return false }
        logger.warning("lease could not be renewed", metadata: ["error": "\(error)"])
        held = nil
        if error.isTimeout { pause = .zero }
      }
      if time.uptime() - lastRenewal >= periods.renewDeadline {
        logger.error("lease lost: it could not be renewed in time")
        return true
      }
    }
  }

  private func pause() -> Duration { periods.retryPeriod * (1 + 0.2 * random()) }

  /// One try to take or renew the lease. A renewal writes over what was last written, without reading it again, unless
  /// that failed.
  /// - Parameter deadline: uptime after which no answer helps any more. A request that hangs must not keep the work going
  ///   until another candidate takes the lease.
  private func attempt(until deadline: Duration) async throws(ResourceClientError) -> Attempt {
    onTry()
    let began = time.uptime()
    let lease: JSONValue?
    if let held { lease = held } else { lease = try await read(limitedClient(until: deadline)) }
    switch election.decide(record: lease.map(LeaseRecord.init(lease:)), uptime: began, now: now()) {
    case .standBy(let holder): return .standingBy(holder: holder)
    case .write(let record):
      do throws(ResourceClientError) {
        held = try await write(record, into: lease, limitedClient(until: deadline))
      } catch {
        held = nil
        // There is no lease any more to be had, and nothing to be done but to end what is left, which harms nobody when two
        // do it: without anybody the namespace would never end.
        guard lease == nil, error.isOfEndingNamespace else { throw error }
        logger.notice("leading without a lease: the namespace is being deleted")
      }
      lastRenewal = began
      return .holding
    }
  }

  /// Half of what is left, so that there is another try where the connection of this one is dead. A moment is left in any
  /// case, so that a process that was suspended can find out whether it still holds the lease.
  private func limitedClient(until deadline: Duration) -> ResourceClient {
    client.limited(to: max((deadline - time.uptime()) / 2, periods.retryPeriod / 2))
  }

  private func read(_ client: ResourceClient) async throws(ResourceClientError) -> JSONValue? {
    do throws(ResourceClientError) {
      return try await client.get(LeaseRecord.names, key)
    } catch {
      if error.isNotFound { return nil }
      throw error
    }
  }

  private func write(
    _ record: LeaseRecord, into lease: JSONValue?, _ client: ResourceClient
  ) async throws(ResourceClientError) -> JSONValue {
    if let lease { return try await client.replace(LeaseRecord.names, key, record.written(into: lease)) }
    let new: JSONValue = [
      "apiVersion": .string(LeaseRecord.names.apiVersion), "kind": .string(LeaseRecord.names.kind),
      "metadata": ["name": .string(key.name), "namespace": .string(key.namespace)],
    ]
    return try await client.create(LeaseRecord.names, namespace: key.namespace, record.written(into: new))
  }

  /// A lease that cannot be released expires by itself.
  private func release() async {
    let known = held
    held = nil
    let (client, identity, now) = (client.limited(to: periods.renewDeadline), election.identity, now())
    // In its own task, since the caller may be cancelled by now.
    let writing = Task { [key] () async -> ResourceClientError? in
      do throws(ResourceClientError) {
        // A renewal that failed or was cut short leaves open what the lease says.
        var lease = known
        if lease == nil { lease = try await read(client) }
        guard let lease else { return nil }
        let record = LeaseRecord(lease: lease)
        guard record.holder == identity else { return nil }
        let released = LeaseElection.released(record, now: now)
        _ = try await client.replace(LeaseRecord.names, key, released.written(into: lease))
        return nil
      } catch {
        return error
      }
    }
    if let error = await writing.value {
      logger.notice("lease could not be released; it expires by itself", metadata: ["error": "\(error)"])
    } else {
      logger.info("lease released")
    }
  }
}
