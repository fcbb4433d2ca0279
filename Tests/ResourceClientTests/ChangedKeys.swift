import ResourceModel

/// The doorbell as a test hears it.
actor Bells {
  private var keys: [ObjectKey] = []
  private var waiting: CheckedContinuation<ObjectKey, Never>?

  init(_ changes: AsyncStream<ObjectKey>) {
    Task { for await key in changes { await self.ring(key) } }
  }

  func next() async -> ObjectKey {
    if !keys.isEmpty { return keys.removeFirst() }
    return await withCheckedContinuation { waiting = $0 }
  }

  private func ring(_ key: ObjectKey) {
    if let waiting {
      self.waiting = nil
      waiting.resume(returning: key)
    } else {
      keys.append(key)
    }
  }
}
