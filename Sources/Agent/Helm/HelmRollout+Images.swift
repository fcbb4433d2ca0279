import ComposeBundles
import Synchronization

extension HelmRollout {
  /// Lets an image stay that runs already.
  func keep(_ image: String) { images.withLock { $0 = $0?.keeping(image) } }

  /// Why the newest revision must not go on: it names, or its pods run, what the vendor did not sign. What helm wrote down
  /// may be another than what it rendered before, and the cluster may have been told to run something else.
  /// - Parameter isFinal: true once everything is ready, so that no pod of what was before is left.
  func refusal(of newest: NewestRevision, isFinal: Bool) async throws(RuntimeFailure) -> RuntimeFailure? {
    guard let images = images.withLock({ $0 }) else { return nil }
    if approved.withLock({ $0 }) != newest.label.resourceVersion {
      if let refusal = images.refusal(of: try newest.record.images(in: target.namespace)) {
        return refusal.masked(by: mask)
      }
      approved.withLock { $0 = newest.label.resourceVersion }
    }
    for running in try await watch.runningImages(of: newest, isFinal: isFinal) {
      if let refusal = images.refusal(of: running) { return refusal.masked(by: mask) }
    }
    return nil
  }
}
