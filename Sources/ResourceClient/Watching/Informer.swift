public import Logging
public import ResourceModel
import Synchronization
public import Timing
public import WireFormats

/// Keeps a copy of the objects of one resource up to date by list and watch: of a kind's Swift type, or as JSON.
///
/// It is level-triggered: `changes` only names a key that may have changed, and the reader looks at the copy. When idle
/// it holds one open watch and nothing else. A broken connection is taken up again from the last version seen, a
/// forgotten version (410) by a new list, which also finds what was deleted meanwhile.
public final class Informer<Object: Sendable & Equatable>: Sendable {
  private let names: ResourceNames
  private let client: ResourceClient
  private let namespace: String?
  private let selector: ObjectSelector
  private let representation: Representation
  private let decode: @Sendable (JSONValue) -> Object?
  private let time: MonotonicTime
  private let random: @Sendable () -> Double
  /// Each key that was added, changed or removed, for one reader; ends when `run` does. Keys wait for their reader without
  /// bound, so there has to be one.
  public let changes: AsyncStream<ObjectKey>
  private let changed: AsyncStream<ObjectKey>.Continuation
  private let logger: Logger
  private let state: Mutex<State>

  /// Never so long that what is known is old for long once a server has come back.
  private static var backoff: Backoff { Backoff(base: .milliseconds(200), maximum: .seconds(5), jitter: 0.5) }

  private struct State {
    var cache = ObjectCache<Object>()
    var problem: ResourceClientError?
    /// Since when it has not worked.
    var problemSince: Duration?
    var hasEnded = false
    var waiters: [Int: Waiter] = [:]
    var nextWaiter = 0
  }

  private struct Waiter {
    var acceptsProblem: Bool
    /// False where the wait was cancelled.
    var continuation: CheckedContinuation<Bool, Never>
  }

  /// - Parameters:
  ///   - namespace: nil for all namespaces, and for a resource of the whole cluster.
  ///   - decode: gives what is kept of an object; nil to leave it out.
  ///   - random: from 0 to below 1, for jitter.
  public init(
    _ names: ResourceNames, client: ResourceClient, namespace: String?, selector: ObjectSelector = .everything,
    representation: Representation = .object, decode: @escaping @Sendable (JSONValue) -> Object?,
    clock: any Clock<Duration> = ContinuousClock(),
    random: @escaping @Sendable () -> Double = randomFraction, logger: Logger
  ) {
    self.names = names
    self.client = client
    self.namespace = namespace
    self.selector = selector
    self.representation = representation
    self.decode = decode
    self.time = MonotonicTime(clock)
    self.random = random
    (self.changes, self.changed) = AsyncStream.makeStream()
    var logger = logger
    logger[metadataKey: "kind"] = "\(names.kind)"
    self.logger = logger
    self.state = Mutex(State())
  }

  /// True once the first list was taken.
  public var hasSynced: Bool { state.withLock { $0.cache.hasSynced } }

  /// The object as last seen; nil where there is none.
  public func object(_ key: ObjectKey) -> Object? { state.withLock { $0.cache.objects[key] } }

  public var objects: [ObjectKey: Object] { state.withLock { $0.cache.objects } }

  /// Why the last list or watch failed: forbidden, unreachable; nil where it works.
  public var problem: ResourceClientError? { state.withLock { $0.problem } }

  /// Why neither list nor watch has worked for at least that long; nil where one does.
  public func problem(lasting span: Duration) -> ResourceClientError? {
    let now = time.uptime()
    return state.withLock { state in
      guard let since = state.problemSince, now - since >= span else { return nil }
      return state.problem
    }
  }

  /// Waits for the first list.
  /// - Throws: `CancellationError`, also where `run` ends before there is one.
  public func waitForSync() async throws { try await wait(acceptsProblem: false) }

  /// Waits for the first list, or until it is known why there is none yet.
  /// - Returns: nil once there is a list.
  /// - Throws: `CancellationError`.
  public func waitForSyncOrProblem() async throws -> ResourceClientError? {
    try await wait(acceptsProblem: true)
    return state.withLock { $0.cache.hasSynced ? nil : $0.problem }
  }

  private func wait(acceptsProblem: Bool) async throws {
    let id = state.withLock { state in
      state.nextWaiter += 1
      return state.nextWaiter
    }
    let isSynced = await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let answer: Bool? = state.withLock { state in
          if state.cache.hasSynced || (acceptsProblem && state.problem != nil) { return true }
          if Task.isCancelled || state.hasEnded { return false }
          state.waiters[id] = Waiter(acceptsProblem: acceptsProblem, continuation: continuation)
          return nil
        }
        if let answer { continuation.resume(returning: answer) }
      }
    } onCancel: {
      state.withLock { $0.waiters.removeValue(forKey: id) }?.continuation.resume(returning: false)
    }
    if !isSynced { throw CancellationError() }
  }

  /// Lists and watches until the task is cancelled.
  public func run() async {
    defer { end() }
    var failures = 0
    while !Task.isCancelled {
      let isListed = state.withLock { $0.cache.resourceVersion } == nil
      var watch = WatchCourse()
      do throws(ResourceClientError) {
        if isListed { try await relist() }
        try await follow(&watch)
        // A server that ends its watches at once is asked again only after a pause, as after a failure.
        if watch.wasOfUse(until: time.uptime()) {
          failures = 0
          continue
        }
      } catch {
        if Task.isCancelled { return }
        if watch.wasOfUse(until: time.uptime()) { failures = 0 }
        if error.isExpired {
          logger.debug("the server forgot the watched version; listing again")
          state.withLock { $0.cache.forgetVersion() }
          // At once, unless it has just been listed and was of no use.
          if !isListed { continue }
        } else {
          note(error)
          logger.warning(
            "watch failed; trying again", metadata: ["error": "\(error)", "failures": "\(failures + 1)"])
        }
      }
      failures += 1
      do {
        try await time.sleep(Self.backoff.delay(failures: failures, random: random()))
      } catch {
        return
      }
    }
  }

  /// Nothing comes any more: who still waits for the first list must not wait for ever.
  private func end() {
    let waiters = state.withLock { state in
      state.hasEnded = true
      defer { state.waiters = [:] }
      return state.waiters
    }
    for waiter in waiters.values { waiter.continuation.resume(returning: false) }
    changed.finish()
  }

  private func note(_ problem: ResourceClientError) {
    let now = time.uptime()
    let waiters = state.withLock { state in
      state.problem = problem
      state.problemSince = state.problemSince ?? now
      let waiters = state.waiters.filter { $0.value.acceptsProblem }
      for id in waiters.keys { state.waiters[id] = nil }
      return waiters
    }
    for waiter in waiters.values { waiter.continuation.resume(returning: true) }
  }

  private func relist() async throws(ResourceClientError) {
    let raw = try await client.list(
      names, namespace: namespace, selector: selector, representation: representation)
    var objects: [ObjectKey: Object] = [:]
    for item in raw.items { if let object = decode(item) { objects[Self.key(of: item)] = object } }
    let (keys, waiters) = state.withLock { state in
      let keys = state.cache.replace(with: objects, resourceVersion: raw.resourceVersion)
      state.problem = nil
      state.problemSince = nil
      let waiters = state.waiters
      state.waiters = [:]
      return (keys, waiters)
    }
    for waiter in waiters.values { waiter.continuation.resume(returning: true) }
    for key in keys { changed.yield(key) }
  }

  /// What came of one watch.
  private struct WatchCourse {
    /// Nil where it was not opened.
    var openedAt: Duration?
    /// True where at least one change or bookmark came.
    var hasProgressed = false

    /// What fails after that is no failure in a row.
    func wasOfUse(until uptime: Duration) -> Bool {
      hasProgressed || openedAt.map { uptime - $0 >= .seconds(1) } ?? false
    }
  }

  /// Watches until the server ends the watch.
  private func follow(_ course: inout WatchCourse) async throws(ResourceClientError) {
    let version = state.withLock { $0.cache.resourceVersion }
    // Five to ten minutes, so that many clients do not come back in the same moment.
    let timeout = Duration.seconds(300 + Int64(300 * random()))
    let stream = try await client.watch(
      names, namespace: namespace, selector: selector, from: version, timeout: timeout,
      representation: representation)
    state.withLock { state in
      state.problem = nil
      state.problemSince = nil
    }
    course.openedAt = time.uptime()
    var events = stream.makeAsyncIterator()
    while let event = try await events.next() {
      course.hasProgressed = true
      let change = change(event)
      let key = state.withLock { $0.cache.apply(change) }
      if let key { changed.yield(key) }
    }
  }

  private func change(_ event: WatchEvent<JSONValue>) -> CacheChange<Object> {
    switch event {
    case .added(let value), .modified(let value):
      guard let object = decode(value) else { return removal(value) }
      return .store(Self.key(of: value), object, resourceVersion: Self.version(of: value))
    case .deleted(let value): return removal(value)
    case .bookmark(let version): return .advance(resourceVersion: version)
    }
  }

  private func removal(_ value: JSONValue) -> CacheChange<Object> {
    .remove(Self.key(of: value), resourceVersion: Self.version(of: value))
  }

  private static func key(of value: JSONValue) -> ObjectKey {
    let metadata = value["metadata"]
    return ObjectKey(namespace: metadata?["namespace"]?.string ?? "", name: metadata?["name"]?.string ?? "")
  }

  private static func version(of value: JSONValue) -> String? { value["metadata"]?["resourceVersion"]?.string }
}

extension Informer {
  /// Keeps the objects of a kind. One that this program cannot read does not keep it from the others.
  public convenience init<Kind: ResourceKind>(
    _ kind: Kind.Type = Kind.self, client: ResourceClient, namespace: String?, selector: ObjectSelector = .everything,
    clock: any Clock<Duration> = ContinuousClock(),
    random: @escaping @Sendable () -> Double = randomFraction, logger: Logger
  ) where Object == Resource<Kind> {
    let decode: @Sendable (JSONValue) -> Resource<Kind>? = { value in
      do throws(ResourceClientError) {
        return try client.decode(value)
      } catch {
        logger.error(
          "object ignored: it cannot be read",
          metadata: [
            "namespace": "\(value["metadata"]?["namespace"]?.string ?? "")",
            "name": "\(value["metadata"]?["name"]?.string ?? "")", "error": "\(error)",
          ])
        return nil
      }
    }
    self.init(
      Kind.definition.names, client: client, namespace: namespace, selector: selector, decode: decode, clock: clock,
      random: random, logger: logger)
  }
}
