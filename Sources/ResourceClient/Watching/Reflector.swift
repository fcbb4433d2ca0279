import Logging
import ResourceModel
import Synchronization
import WireFormats

/// Lists and watches the objects of one resource, and keeps of each what `decode` makes of it: what all informers share.
///
/// A broken connection is taken up again from the last version seen, a forgotten version (410) by a new list, which also
/// finds what was deleted meanwhile.
final class Reflector<Object: Equatable & Sendable>: Sendable {
  private let names: ResourceNames
  private let client: ResourceClient
  private let namespace: String?
  private let selector: ObjectSelector
  private let representation: Representation
  private let decode: @Sendable (JSONValue) -> Object?
  private let time: MonotonicTime
  private let random: @Sendable () -> Double
  private let logger: Logger
  private let onChange: @Sendable (ObjectKey) -> Void
  private let state = Mutex(ReflectorState<Object>())

  /// - Parameters:
  ///   - namespace: nil for all namespaces, and for a resource of the whole cluster.
  ///   - decode: nil for an object that cannot be read; it is left out.
  ///   - random: from 0 to 1, for jitter.
  ///   - onChange: called with each key that was added, changed or removed; must return at once.
  init(
    _ names: ResourceNames, client: ResourceClient, namespace: String?, selector: ObjectSelector,
    representation: Representation, decode: @escaping @Sendable (JSONValue) -> Object?, time: MonotonicTime,
    random: @escaping @Sendable () -> Double, logger: Logger, onChange: @escaping @Sendable (ObjectKey) -> Void
  ) {
    self.names = names
    self.client = client
    self.namespace = namespace
    self.selector = selector
    self.representation = representation
    self.decode = decode
    self.time = time
    self.random = random
    var logger = logger
    logger[metadataKey: "kind"] = "\(names.kind)"
    self.logger = logger
    self.onChange = onChange
  }

  var hasSynced: Bool { state.withLock { $0.cache.hasSynced } }
  var problem: ResourceClientError? { state.withLock { $0.problem } }
  var objects: [ObjectKey: Object] { state.withLock { $0.cache.objects } }

  func object(_ key: ObjectKey) -> Object? { state.withLock { $0.cache.objects[key] } }

  /// - Returns: the problem that came before the first list; nil where the list is there.
  /// - Throws: `CancellationError`.
  func wait(for milestone: ReflectorState<Object>.Milestone) async throws -> ResourceClientError? {
    let id = state.withLock { $0.makeWaiter() }
    let arrival = await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let arrival = state.withLock { $0.wait(for: milestone, id, continuation) }
        if let arrival { continuation.resume(returning: arrival) }
      }
    } onCancel: {
      state.withLock { $0.abandon(id) }?.resume(returning: .cancelled)
    }
    return switch arrival {
    case .synced: nil
    case .problem(let problem): problem
    case .cancelled: throw CancellationError()
    }
  }

  /// Lists and watches until the task is cancelled.
  func run() async {
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
        take(error, failures: backoff.failures + 1)
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

  private func take(_ error: ResourceClientError, failures: Int) {
    if error.isExpired {
      logger.debug("the server forgot the watched version; listing again")
      state.withLock { $0.forgetVersion() }
      return
    }
    logger.warning("watch failed; trying again", metadata: ["error": "\(error)", "failures": "\(failures)"])
    for waiter in state.withLock({ $0.failed(error) }) { waiter.resume(returning: .problem(error)) }
  }

  private func relist() async throws(ResourceClientError) {
    let list = try await client.list(
      names, namespace: namespace, selector: selector, representation: representation
    ) { [decode] value in decode(value).map { (ObjectKey(value), $0) } }
    let objects = Dictionary(list.items) { _, last in last }
    let (changed, waiters) = state.withLock { $0.listed(objects, resourceVersion: list.resourceVersion) }
    for waiter in waiters { waiter.resume(returning: .synced) }
    for key in changed { onChange(key) }
  }

  /// Watches until the server ends the watch.
  /// - Returns: true where at least one change or bookmark came.
  private func follow() async throws(ResourceClientError) -> Bool {
    let version = state.withLock { $0.cache.resourceVersion }
    // Five to ten minutes, so that many clients do not come back in the same moment.
    let timeout = Duration.seconds(300 + Int64(300 * random()))
    let stream = try await client.watch(
      names, namespace: namespace, selector: selector, from: version, timeout: timeout, representation: representation)
    state.withLock { $0.watching() }
    var progressed = false
    var events = stream.makeAsyncIterator()
    while let event = try await events.next() {
      progressed = true
      let change = CacheChange(event, decode: decode)
      let key = state.withLock { $0.changed(change) }
      if let key { onChange(key) }
    }
    return progressed
  }
}
