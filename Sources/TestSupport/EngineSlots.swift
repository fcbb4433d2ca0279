import Synchronization
public import Testing

/// Lets only a few tests use the container engine at a time, so that they do not time out for each other's load.
public struct EngineSlots: TestTrait, SuiteTrait, TestScoping {
  public var isRecursive: Bool { true }

  @concurrent
  public func provideScope(
    for test: Test, testCase: Test.Case?, performing function: @concurrent @Sendable () async throws -> Void
  ) async throws {
    // A suite as a whole takes no slot, only the tests in it do.
    guard testCase != nil else { return try await function() }
    await Self.slots.acquire()
    defer { Self.slots.release() }
    try await function()
  }

  private static let slots = Slots(count: 3)

  private final class Slots: Sendable {
    private struct State {
      var free: Int
      var waiting: [CheckedContinuation<Void, Never>] = []
    }
    private let state: Mutex<State>

    init(count: Int) { state = Mutex(State(free: count)) }

    func acquire() async {
      await withCheckedContinuation { continuation in
        let isFree = state.withLock { state in
          if state.free > 0 {
            state.free -= 1
            return true
          }
          state.waiting.append(continuation)
          return false
        }
        if isFree { continuation.resume() }
      }
    }

    func release() {
      let next: CheckedContinuation<Void, Never>? = state.withLock { state in
        if state.waiting.isEmpty {
          state.free += 1
          return nil
        }
        return state.waiting.removeFirst()
      }
      next?.resume()
    }
  }
}

extension Trait where Self == EngineSlots {
  /// The test starts containers; only a few such tests run at a time. A time limit counts the wait for a slot too: give it an hour.
  public static var usesEngine: Self { EngineSlots() }
}
