public import Logging
public import ResourceModel
import WireFormats

/// Keeps a copy of a kind's objects up to date by list and watch.
///
/// It is level-triggered: `onChange` only names a key that may have changed, and the reader looks at the copy. When idle
/// it holds one open watch and nothing else. A broken connection is taken up again from the last version seen, a
/// forgotten version (410) by a new list, which also finds what was deleted meanwhile.
public final class Informer<Kind: ResourceKind>: Sendable {
  private let reflector: Reflector<Resource<Kind>>

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
    reflector = Reflector(
      Kind.definition.names, client: client, namespace: namespace, selector: selector, representation: .object,
      decode: { Self.decode($0, client, logger) }, time: MonotonicTime(clock), random: random, logger: logger,
      onChange: onChange)
  }

  /// True once the first list was taken.
  public var hasSynced: Bool { reflector.hasSynced }

  /// The object as last seen; nil where there is none.
  public func object(_ key: ObjectKey) -> Resource<Kind>? { reflector.object(key) }

  public var objects: [ObjectKey: Resource<Kind>] { reflector.objects }

  /// Waits for the first list.
  /// - Throws: `CancellationError`.
  public func waitForSync() async throws { _ = try await reflector.wait(for: .sync) }

  /// Lists and watches until the task is cancelled.
  public func run() async { await reflector.run() }

  /// An object that this program cannot read must not keep it from the others.
  private static func decode(_ value: JSONValue, _ client: ResourceClient, _ logger: Logger) -> Resource<Kind>? {
    do throws(ResourceClientError) {
      return try client.decode(value)
    } catch {
      let key = ObjectKey(value)
      logger.error(
        "object ignored: it cannot be read",
        metadata: [
          "kind": "\(Kind.definition.names.kind)", "namespace": "\(key.namespace)", "name": "\(key.name)",
          "error": "\(error)",
        ])
      return nil
    }
  }
}
