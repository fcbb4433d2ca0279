public import Logging
import ResourceModel
import Timing
public import WireFormats

/// Tells in core `v1` Events what happens to objects, for `kubectl describe` and `wrktalkctl events`.
///
/// `record` only queues; `run` writes. The same reason and message about the same object become one Event with a count.
/// Events are told at best effort: what cannot be written is logged and dropped.
public final class EventRecorder: Sendable {
  public enum EventType: String, Sendable, Hashable {
    case normal = "Normal"
    case warning = "Warning"
  }

  private struct Entry: Sendable {
    var occurrence: Occurrence
    var at: Timestamp
  }

  private static let names = ResourceNames(group: "", version: "v1", kind: "Event", plural: "events", singular: "event")
  private static let queueLimit = 1000
  private static let maximumMessageLength = 1024

  private let client: ResourceClient
  private let component: String
  private let host: String
  private let time: MonotonicTime
  private let now: @Sendable () -> Timestamp
  private let logger: Logger
  private let entries: AsyncStream<Entry>
  private let queue: AsyncStream<Entry>.Continuation

  /// - Parameters:
  ///   - component: who speaks, such as `wrktalk-agent`.
  ///   - host: where it runs.
  public init(
    client: ResourceClient, component: String, host: String, clock: any Clock<Duration> = ContinuousClock(),
    now: @escaping @Sendable () -> Timestamp, logger: Logger
  ) {
    self.client = client
    self.component = component
    self.host = host
    self.time = MonotonicTime(clock)
    self.now = now
    self.logger = logger
    (self.entries, self.queue) = AsyncStream.makeStream(bufferingPolicy: .bufferingOldest(Self.queueLimit))
  }

  /// Queues an Event and returns at once.
  /// - Parameters:
  ///   - reason: one word in CamelCase.
  ///   - message: a sentence; cut to 1,024 bytes.
  public func record(_ type: EventType, reason: String, message: String, about object: ObjectReference) {
    let occurrence = Occurrence(
      type: type, reason: reason, message: Self.shortened(message, to: Self.maximumMessageLength), object: object)
    if case .dropped = queue.yield(Entry(occurrence: occurrence, at: now())) {
      logger.warning("event dropped: too many are waiting", metadata: ["reason": "\(reason)"])
    }
  }

  /// No more Events are taken; `run` writes those that wait and returns.
  public func finish() { queue.finish() }

  /// Writes queued Events until `finish` or the task's cancellation.
  public func run() async {
    var correlator = EventCorrelator()
    for await entry in entries {
      do throws(ResourceClientError) {
        try await write(entry, &correlator)
      } catch {
        if Task.isCancelled { return }
        logger.warning(
          "event dropped: it could not be written",
          metadata: ["reason": "\(entry.occurrence.reason)", "error": "\(error)"])
      }
    }
  }

  private func write(_ entry: Entry, _ correlator: inout EventCorrelator) async throws(ResourceClientError) {
    let occurrence = entry.occurrence
    switch correlator.correlate(occurrence, uptime: time.uptime()) {
    case .drop:
      logger.debug("event dropped: too many about one object", metadata: ["reason": "\(occurrence.reason)"])
    case .create: try await create(entry, &correlator)
    case .count(let name, let count):
      let patch: JSONValue = ["count": .integer(count), "lastTimestamp": .string(entry.at.wholeSeconds.description)]
      do throws(ResourceClientError) {
        let key = ObjectKey(namespace: occurrence.object.namespace, name: name)
        _ = try await client.mergePatch(Self.names, key, patch)
      } catch {
        guard error.isNotFound else { throw error }
        correlator.forget(occurrence)
        try await create(entry, &correlator)
      }
    }
  }

  private func create(_ entry: Entry, _ correlator: inout EventCorrelator) async throws(ResourceClientError) {
    let event = json(entry)
    _ = try await client.create(Self.names, namespace: entry.occurrence.object.namespace, event.object)
    correlator.created(entry.occurrence, eventName: event.name, uptime: time.uptime())
  }

  private func json(_ entry: Entry) -> (name: String, object: JSONValue) {
    let occurrence = entry.occurrence
    // The moment in hexadecimal after the object's name, as client-go names Events; shortened so that it stays a name.
    let suffix = "." + String(entry.at.microseconds, radix: 16) + String(UInt32.random(in: 0...UInt32.max), radix: 16)
    let name = String(occurrence.object.name.prefix(253 - suffix.count)) + suffix
    let moment = JSONValue.string(entry.at.wholeSeconds.description)
    let object: JSONValue = [
      "apiVersion": "v1", "kind": "Event",
      "metadata": ["name": .string(name), "namespace": .string(occurrence.object.namespace)],
      "involvedObject": occurrence.object.json,
      "type": .string(occurrence.type.rawValue), "reason": .string(occurrence.reason),
      "message": .string(occurrence.message), "count": 1, "firstTimestamp": moment, "lastTimestamp": moment,
      "source": ["component": .string(component), "host": .string(host)],
      "reportingComponent": .string(component), "reportingInstance": .string(host),
    ]
    return (name, object)
  }

  private static func shortened(_ text: String, to length: Int) -> String {
    if text.utf8.count <= length { return text }
    var end = text.startIndex
    var count = 0
    while end < text.endIndex {
      count += text[end].utf8.count
      if count > length - 3 { break }
      end = text.index(after: end)
    }
    return text[..<end] + "…"
  }
}
