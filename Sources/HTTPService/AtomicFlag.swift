import Synchronization

/// A flag that many tasks may clear, of whom one learns that it was the one.
final class AtomicFlag: Sendable {
  private let value: Atomic<Bool>

  init(_ value: Bool) { self.value = Atomic(value) }

  func set() { value.store(true, ordering: .releasing) }

  /// - Returns: true where the flag was set before.
  func clear() -> Bool { value.exchange(false, ordering: .acquiringAndReleasing) }
}
