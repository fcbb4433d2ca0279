import Timing
import WireFormats

/// Something that happened to an object, to be told in an Event.
struct Occurrence: Sendable, Hashable {
  var type: EventRecorder.EventType
  var reason: String
  var message: String
  var object: ObjectReference
}

/// Decides what becomes of each occurrence: a new Event, one more count of an Event that is there, or nothing because an
/// object has too many. A pure value.
struct EventCorrelator: Sendable {
  enum Action: Sendable, Hashable {
    case create
    case count(eventName: String, count: Int64)
    case drop
  }

  private struct Series: Sendable {
    var eventName: String
    var count: Int64
    var lastUse: Duration
  }

  /// How many Events an object may get at once; then one every ten seconds.
  static let burst = 50.0
  private static let refillRate = 0.1
  /// After this long the same occurrence becomes a new Event, since the server may have removed the old one.
  static let seriesLifetime = Duration.seconds(600)
  static let maximumSeries = 1024

  private var series: [Occurrence: Series] = [:]
  private var budgets: [ObjectReference: TokenBucket] = [:]

  mutating func correlate(_ occurrence: Occurrence, uptime: Duration) -> Action {
    if var known = series[occurrence], uptime - known.lastUse < Self.seriesLifetime {
      guard takeToken(of: occurrence.object, uptime: uptime) else { return .drop }
      known.count += 1
      known.lastUse = uptime
      series[occurrence] = known
      return .count(eventName: known.eventName, count: known.count)
    }
    return takeToken(of: occurrence.object, uptime: uptime) ? .create : .drop
  }

  /// To be called after the Event of a `create` was written.
  mutating func created(_ occurrence: Occurrence, eventName: String, uptime: Duration) {
    if series.count >= Self.maximumSeries { series = series.filter { uptime - $0.value.lastUse < Self.seriesLifetime } }
    if series.count >= Self.maximumSeries { series = [:] }
    series[occurrence] = Series(eventName: eventName, count: 1, lastUse: uptime)
  }

  /// To be called when the Event to count in is gone.
  mutating func forget(_ occurrence: Occurrence) { series[occurrence] = nil }

  private mutating func takeToken(of object: ObjectReference, uptime: Duration) -> Bool {
    if budgets.count >= Self.maximumSeries, budgets[object] == nil { budgets = [:] }
    var budget = budgets[object] ?? TokenBucket(rate: Self.refillRate, burst: Self.burst, now: uptime)
    defer { budgets[object] = budget }
    return budget.take(now: uptime) == nil
  }
}
