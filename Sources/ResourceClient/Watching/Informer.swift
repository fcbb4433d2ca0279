public import Logging
public import ResourceModel
import Synchronization
import WireFormats

/// Keeps a copy of a kind's objects up to date by list and watch.
///
/// It is level-triggered: `onChange` only names a key that may have changed, and the reader looks at the copy. When idle
/// it holds one open watch and nothing else. A broken connection is taken up again from the last version seen, a
/// forgotten version (410) by a new list, which also finds what was deleted meanwhile.
public final class Informer<Kind: ResourceKind>: Sendable {
  private let client: ResourceClient
  private let namespace: String?
  private let selector: ObjectSelector
  private let time: MonotonicTime
  private let random: @Sendable () -> Double
  private let onChange: @Sendable (ObjectKey) -> Void
  private let logger: Logger
  private let state: Mutex<State>

  private struct State {
    var cache = ObjectCache<Kind>()
    var waiters: [Int: CheckedContinuation<Bool, Never>] = [:]
    var nextWaiter = 0
  }

  /// - Parameters:
  ///   - namespace: nil for all namespaces.
  ///   - random: from 0 to 1, for jitter.
  ///   - onChange: called with each key that was added, changed or removed; must return at once.
  public init(
    _ kind: Kind.Type = Kind.self, client: ResourceClient, namespace: String?, selector: ObjectSelector = .everything,
    clock: any Clock<Duration> = ContinuousClock(),
    random: @escaping @Sendable () -> Double = { Double.random(in: 0...1) }, logger: Logger,
    onChange: @escaping @Sendable (ObjectKey) -> Void
  ) {
    self.client = client
    self.namespace = namespace
    self.selector = selector
    self.time = MonotonicTime(clock)
    self.random = random
    self.onChange = onChange
    var logger = logger
    logger[metadataKey: "kind"] = "\(Kind.definition.names.kind)"
    self.logger = logger
    self.state = Mutex(State())
  }

  /// True once the first list was taken.
  public var hasSynced: Bool { state.withLock { $0.cache.hasSynced } }

  /// The object as last seen; nil where there is none.
  public func object(_ key: ObjectKey) -> Resource<Kind>? { state.withLock { $0.cache.objects[key] } }

  public var objects: [ObjectKey: Resource<Kind>] { state.withLock { $0.cache.objects } }

  /// Waits for the first list.
  /// - Throws: `CancellationError`.
  public func waitForSync() async throws {
    let id = state.withLock { state in
      state.nextWaiter += 1
      return state.nextWaiter
    }
    let isSynced = await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let answer: Bool? = state.withLock { state in
          if state.cache.hasSynced { return true }
          if Task.isCancelled { return false }
          state.waiters[id] = continuation
          return nil
        }
        if let answer { continuation.resume(returning: answer) }
      }
    } onCancel: {
      state.withLock { $0.waiters.removeValue(forKey: id) }?.resume(returning: false)
    }
    if !isSynced { throw CancellationError() }
  }

  /// Lists and watches until the task is cancelled.
  public func run() async {
    var backoff = ReconnectBackoff()
    while !Task.isCancelled {
      let start = time.uptime()
      do throws(ResourceClientError) {
        if state.withLock({ $0.cache.resourceVersion }) == nil { try await relist() }
        let progressed = try await follow()
        // A server that ends its watches at once is asked again only after a pause, as after a failure.
        if progressed || time.uptime() - start >= .seconds(1) {
          backoff.reset()
          continue
        }
      } catch {
        if Task.isCancelled { return }
        if error.isExpired {
          logger.debug("the server forgot the watched version; listing again")
          state.withLock { $0.cache.forgetVersion() }
        } else {
          logger.warning(
            "watch failed; trying again", metadata: ["error": "\(error)", "failures": "\(backoff.failures + 1)"])
        }
        // A connection that held for a while was no failure in a row.
        if time.uptime() - start >= .seconds(60) { backoff.reset() }
      }
      let pause = backoff.next(random: random())
      do {
        try await time.sleep(pause)
      } catch {
        return
      }
    }
  }

  private func relist() async throws(ResourceClientError) {
    let raw = try await client.list(Kind.definition.names, namespace: namespace, selector: selector)
    let list = ResourceList(items: raw.items.compactMap(decode), resourceVersion: raw.resourceVersion)
    let (changed, waiters) = state.withLock { state in
      let changed = state.cache.replace(with: list)
      let waiters = state.waiters
      state.waiters = [:]
      return (changed, waiters)
    }
    for waiter in waiters.values { waiter.resume(returning: true) }
    for key in changed { onChange(key) }
  }

  /// Watches until the server ends the watch.
  /// - Returns: true where at least one change or bookmark came.
  private func follow() async throws(ResourceClientError) -> Bool {
    let version = state.withLock { $0.cache.resourceVersion }
    // Five to ten minutes, so that many clients do not come back in the same moment.
    let timeout = Duration.seconds(300 + Int64(300 * random()))
    let stream = try await client.watch(
      Kind.definition.names, namespace: namespace, selector: selector, from: version, timeout: timeout)
    var progressed = false
    var events = stream.makeAsyncIterator()
    while let event = try await events.next() {
      progressed = true
      let change = decode(event)
      let key = state.withLock { $0.cache.apply(change) }
      if let key { onChange(key) }
    }
    return progressed
  }

  private func decode(_ event: WatchEvent<JSONValue>) -> CacheChange<Kind> {
    switch event {
    case .added(let value), .modified(let value):
      guard let object = decode(value) else { return removal(value) }
      return .store(object)
    case .deleted(let value): return removal(value)
    case .bookmark(let version): return .advance(resourceVersion: version)
    }
  }

  private func removal(_ value: JSONValue) -> CacheChange<Kind> {
    let metadata = value["metadata"]
    let key = ObjectKey(namespace: metadata?["namespace"]?.string ?? "", name: metadata?["name"]?.string ?? "")
    return .remove(key, resourceVersion: metadata?["resourceVersion"]?.string)
  }

  /// An object that this program cannot read must not keep it from the others.
  private func decode(_ value: JSONValue) -> Resource<Kind>? {
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
}
