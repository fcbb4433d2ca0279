import ResourceModel

/// The keys that an informer names, one after the other.
actor ChangedKeys {
  private var keys: [ObjectKey] = []
  private var waiting: CheckedContinuation<ObjectKey, Never>?

  init(_ changes: AsyncStream<ObjectKey>) {
    Task { for await key in changes { await self.take(key) } }
  }

  func next() async -> ObjectKey {
    if !keys.isEmpty { return keys.removeFirst() }
    return await withCheckedContinuation { waiting = $0 }
  }

  private func take(_ key: ObjectKey) {
    if let waiting {
      self.waiting = nil
      waiting.resume(returning: key)
    } else {
      keys.append(key)
    }
  }
}
