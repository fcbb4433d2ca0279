public import Logging
public import ResourceModel
public import WireFormats

/// Keeps a copy of objects of one resource, untyped, up to date by list and watch; otherwise as `Informer`.
public final class ObjectInformer: Sendable {
  private let reflector: Reflector<JSONValue>

  /// - Parameters:
  ///   - namespace: nil for all namespaces, and for a resource of the whole cluster.
  ///   - representation: `.metadata` keeps no more of each object than its metadata.
  ///   - transform: applied to each object before it is kept, to drop what nobody reads; the object's key is taken
  ///     before.
  ///   - random: from 0 to 1, for jitter.
  ///   - onChange: called with each key that was added, changed or removed; must return at once.
  public init(
    _ names: ResourceNames, client: ResourceClient, namespace: String?, selector: ObjectSelector = .everything,
    representation: Representation = .object, transform: @escaping @Sendable (JSONValue) -> JSONValue = { $0 },
    clock: any Clock<Duration> = ContinuousClock(),
    random: @escaping @Sendable () -> Double = { Double.random(in: 0...1) }, logger: Logger,
    onChange: @escaping @Sendable (ObjectKey) -> Void
  ) {
    reflector = Reflector(
      names, client: client, namespace: namespace, selector: selector, representation: representation,
      decode: transform, time: MonotonicTime(clock), random: random, logger: logger, onChange: onChange)
  }

  /// True once the first list was taken.
  public var hasSynced: Bool { reflector.hasSynced }

  /// The object as last seen; nil where there is none.
  public func object(_ key: ObjectKey) -> JSONValue? { reflector.object(key) }

  public var objects: [ObjectKey: JSONValue] { reflector.objects }

  /// Why the list or watch does not work at the moment (forbidden, unreachable); nil where it works, and before the
  /// first try.
  public var problem: ResourceClientError? { reflector.problem }

  /// Waits for the first list.
  /// - Throws: `CancellationError`.
  public func waitForSync() async throws { _ = try await reflector.wait(for: .sync) }

  /// Waits until either the first list is there or it failed.
  /// - Returns: why it failed, as of now; nil where the list is there, even if the watch is broken at the moment.
  /// - Throws: `CancellationError`.
  public func waitForSyncOrProblem() async throws -> ResourceClientError? {
    try await reflector.wait(for: .syncOrProblem)
  }

  /// Lists and watches until the task is cancelled.
  public func run() async { await reflector.run() }
}
