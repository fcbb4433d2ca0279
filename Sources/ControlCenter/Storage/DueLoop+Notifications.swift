import Database
import Reconciliation
import ServerPrograms
import Synchronization

extension DueLoop {
  /// Repeats passes until the program ends, each with the names that a channel has told of since the one before. Nil stands for
  /// anybody: at first, after a lost connection, and after a pass that failed.
  func runUntilShutdown(
    following channel: String, of database: any Database, _ pass: @Sendable (Set<String>?) async throws -> Next
  ) async {
    let changed = Mutex<Set<String>?>(nil)
    let listener = Task {
      for await name in database.notifications(channel: channel) {
        changed.withLock { names in
          if name.isEmpty { names = nil } else { names?.insert(name) }
        }
        wake()
      }
    }
    await runUntilShutdown {
      let names = changed.withLock { names in
        defer { names = [] }
        return names
      }
      do {
        return try await pass(names)
      } catch {
        changed.withLock { $0 = nil }
        throw error
      }
    }
    listener.cancel()
  }
}
