import ResourceClient
import ResourceModel
import Synchronization

extension HelmRollout {
  /// Lets an image stay that runs already.
  func keep(_ image: String) { images.withLock { $0 = $0?.keeping(image) } }

  /// Why the newest revision must not go on: it names, or its pods run, what the vendor did not sign. What helm wrote down
  /// may be another than what it rendered before, and what a tag means the registry says anew each time.
  /// - Parameter isFinal: true once everything is ready, so that no pod of what was before is left.
  func refusal(of newest: NewestRevision, isFinal: Bool) async throws(RuntimeFailure) -> RuntimeFailure? {
    guard let images = images.withLock({ $0 }) else { return nil }
    let hooks: [HelmReleaseRecord.HookImages]
    if let known = approved.withLock({ $0 }), known.resourceVersion == newest.label.resourceVersion {
      hooks = known.hooks
    } else {
      hooks = try newest.record.hookImages(in: target.namespace)
      if let refusal = images.refusal(of: newest.manifest.images + hooks.flatMap(\.images)) {
        return refusal.masked(by: mask)
      }
      approved.withLock { $0 = (newest.label.resourceVersion, hooks) }
    }
    for hook in hooks {
      for running in try await watch.runningImages(of: hook) {
        if let refusal = images.refusal(of: running) { return await ended(hook.hook, refusal.masked(by: mask)) }
      }
    }
    for running in try await watch.runningImages(of: newest, isFinal: isFinal) {
      if let refusal = images.refusal(of: running) { return refusal.masked(by: mask) }
    }
    return nil
  }

  /// Removes what a hook has begun, which no rollback would end.
  /// - Returns: the refusal, with a word where it goes on.
  private func ended(_ hook: HelmReleaseRecord.Hook, _ refusal: RuntimeFailure) async -> RuntimeFailure {
    var told = refusal
    do {
      let objects = try RenderedManifest(hook.manifest, namespace: target.namespace).objects
      for object in objects {
        guard let (names, key) = try await runtime.cluster.resource(of: object) else { continue }
        try await runtime.client.delete(names, key, options: DeleteOptions(propagationPolicy: .background))
      }
    } catch {
      if let error = error as? ResourceClientError, error.isNotFound { return refusal }
      told.message += ". The hook's \(hook.kind) \(hook.name) could not be removed and may go on: remove it by hand"
    }
    return told
  }
}
