public import Logging
public import ResourceModel
public import ResourceStorage
public import ServiceLifecycle

/// Removes objects of a kind that are too old, and the oldest where there are too many, so that there is always room for
/// new ones.
public struct Retention: Service, CustomStringConvertible {
  public var store: SQLResourceStore
  public var definition: ResourceDefinition
  public var rule: RetirementRule
  public var interval: Duration
  public var clock: any Clock<Duration>
  public var logger: Logger

  public init(
    of definition: ResourceDefinition, _ rule: RetirementRule, in store: SQLResourceStore,
    interval: Duration = .seconds(60), clock: any Clock<Duration> = ContinuousClock(), logger: Logger
  ) {
    self.definition = definition
    self.rule = rule
    self.store = store
    self.interval = interval
    self.clock = clock
    self.logger = logger
  }

  public var description: String { "Retention of \(definition.names.plural)" }

  public func run() async throws {
    try? await cancelWhenGracefulShutdown {
      while true {
        do {
          let removed = try await sweep()
          if removed > 0 {
            logger.info("Removed old objects", metadata: ["kind": "\(definition.names.kind)", "count": "\(removed)"])
          }
        } catch is CancellationError {
          throw CancellationError()
        } catch {
          logger.warning(
            "Could not remove old objects", metadata: ["kind": "\(definition.names.kind)", "error": "\(error)"])
        }
        try await clock.sleep(for: interval)
      }
    }
  }

  /// - Returns: how many were removed.
  public func sweep() async throws -> Int { try await store.retire(definition, rule) }
}
