import Synchronization

/// Lets one task after the other do something about the same key; about different ones they do it side by side.
final class KeyedMutex: Sendable {
  private struct Entry {
    var mutex = AsyncMutex()
    var users = 0
  }

  private let entries = Mutex<[String: Entry]>([:])

  /// - Returns: nil where the task was cancelled before its turn came.
  func withLock<Value: Sendable>(_ key: String, _ body: () async -> Value) async -> Value? {
    let mutex = entries.withLock { entries in
      entries[key, default: Entry()].users += 1
      return entries[key]?.mutex
    }
    let value = await mutex?.withLock(body) ?? nil
    entries.withLock { entries in
      entries[key]?.users -= 1
      if entries[key]?.users == 0 { entries[key] = nil }
    }
    return value
  }
}
