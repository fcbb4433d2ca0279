import DeploymentKinds
import Logging
import ResourceModel
import ResourceServer
import ServiceLifecycle
import WireFormats

/// Removes Events that are too old, and the oldest where there are too many: bounded work at each round.
struct EventRetention: Service, CustomStringConvertible {
  var store: any ResourceStore
  /// How long an Event is kept after it last happened.
  var age: Duration = .seconds(24 * 3600)
  var maximumCount = 20_000
  var interval: Duration = .seconds(300)
  var clock: any Clock<Duration> = ContinuousClock()
  var now: @Sendable () -> Timestamp
  var logger: Logger

  /// Most Events looked at, and so removed, in one round.
  static let maximumPerRound = 50_000

  var description: String { "EventRetention" }

  func run() async throws {
    try? await cancelWhenGracefulShutdown {
      while true {
        do {
          let removed = try await sweep()
          if removed > 0 { logger.info("Removed old Events", metadata: ["count": "\(removed)"]) }
        } catch is CancellationError {
          throw CancellationError()
        } catch {
          logger.warning("Could not remove old Events", metadata: ["error": "\(error)"])
        }
        try await clock.sleep(for: interval)
      }
    }
  }

  private struct Candidate {
    var key: ObjectKey
    var revision: Int64
    var lastSeen: Timestamp
  }

  /// - Returns: how many Events were removed.
  func sweep() async throws -> Int {
    var candidates: [Candidate] = []
    var query = ListQuery(limit: 500)
    repeat {
      let page = try await store.list(Event.definition, query)
      for item in page.items {
        let event = try item.value()
        candidates.append(Candidate(key: item.key, revision: item.revision, lastSeen: Self.lastSeen(event)))
      }
      query.continueToken = page.continueToken
    } while query.continueToken != nil && candidates.count < Self.maximumPerRound
    var removed = 0
    for candidate in Self.expired(candidates, now: now(), age: age, maximumCount: maximumCount) {
      do {
        _ = try await store.write(
          Event.definition, .remove(key: candidate.key, expected: candidate.revision))
        removed += 1
      } catch let error as StatusError where error.reason == .notFound || error.reason == .conflict {
        continue  // gone already, or it has just happened again
      }
    }
    return removed
  }

  private static func expired(
    _ candidates: [Candidate], now: Timestamp, age: Duration, maximumCount: Int
  ) -> [Candidate] {
    let oldestFirst = candidates.sorted { $0.lastSeen < $1.lastSeen }
    let surplus = max(0, oldestFirst.count - maximumCount)
    return oldestFirst.enumerated().filter { $0.offset < surplus || now - $0.element.lastSeen > age }.map(\.element)
  }

  static func lastSeen(_ event: JSONValue) -> Timestamp {
    for moment in [event["lastTimestamp"], event["eventTime"], event["metadata"]?["creationTimestamp"]] {
      if let moment = moment?.string.flatMap({ Timestamp($0) }) { return moment }
    }
    return Timestamp(microseconds: 0)
  }
}
