import DeploymentKinds
import Logging
import ResourceServer
import ResourceStorage
import ServiceLifecycle

/// Removes Events that are too old, and the oldest where there are too many, so that there is always room for new ones.
struct EventRetention: Service, CustomStringConvertible {
  var store: SQLResourceStore
  /// Of the last write of each Event, which is when it last happened.
  var rule = RetirementRule(age: .seconds(24 * 3600), keptPerNamespace: 4_000, kept: 16_000)
  var interval: Duration = .seconds(60)
  var clock: any Clock<Duration> = ContinuousClock()
  var logger: Logger

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

  /// - Returns: how many Events were removed.
  func sweep() async throws -> Int { try await store.retire(Event.definition, rule) }
}
