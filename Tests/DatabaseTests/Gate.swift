import Synchronization

/// Holds up a database's thread, which may block, until the test opens it.
final class Gate: Sendable {
  private let isOpen = Atomic(false)

  func open() { isOpen.store(true, ordering: .releasing) }

  func wait() { while !isOpen.load(ordering: .acquiring) {} }
}
