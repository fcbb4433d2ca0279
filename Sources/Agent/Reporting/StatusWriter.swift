import DeploymentKinds
import ResourceClient
import ResourceModel
import Timing

/// Writes a status that has to get through: over changes of the spec, which conflict with it, and over short outages.
struct StatusWriter: Sendable {
  let source: any DeploymentSource
  let clock: any Clock<Duration>

  /// How often a write is tried before the pass gives up; with the pauses between them, about a minute.
  private static let maximumTries = 9
  private static let backoff = Backoff(base: .milliseconds(250), maximum: .seconds(15), jitter: 0)

  /// - Returns: the object as it is now, perhaps with a newer spec; nil where it is gone, where another object has its
  ///   name, and where another Agent has taken over. Nothing is written then.
  func write(
    _ status: DesiredDeploymentStatus, to object: DesiredDeployment, within fence: StepFence
  ) async throws -> DesiredDeployment? {
    var object = object
    var tries = 0
    var failures = 0
    while true {
      tries += 1
      object.status = status
      do throws(ResourceClientError) {
        return try await source.replaceStatus(object)
      } catch {
        if error.isNotFound { return nil }
        if Task.isCancelled { throw CancellationError() }
        if !error.isConflict {
          guard error.isTransient, tries < Self.maximumTries else { throw error }
          failures += 1
          try await clock.sleep(for: Self.backoff.delay(failures: failures, random: 0))
        }
      }
      do throws(ResourceClientError) {
        guard let fresh = try await source.fetch(object.key), await fence.admits(fresh) else { return nil }
        object = fresh
      } catch {
        guard error.isTransient, tries < Self.maximumTries else { throw error }
      }
    }
  }
}
