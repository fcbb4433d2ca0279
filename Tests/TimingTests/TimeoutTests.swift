import TestSupport
import Testing
import Timing

struct TimeoutTests {
  private struct Broken: Error, Equatable {}

  @Test func whatEndsInTimeIsReturned() async throws {
    #expect(try await withTimeout(.seconds(1), clock: ManualClock()) { 7 } == 7)
  }

  @Test func whatFailsInTimeIsThrown() async {
    await #expect(throws: Broken.self) {
      try await withTimeout(.seconds(1), clock: ManualClock()) { throw Broken() }
    }
  }

  @Test func whatTakesTooLongIsCancelledAndNil() async throws {
    let clock = ManualClock()
    async let answer = withTimeout(.seconds(5), clock: clock) {
      try await clock.sleep(for: .seconds(9))
      return 7
    }
    await clock.waitForSleepers(2)
    clock.advance(by: .seconds(5))
    #expect(try await answer == nil)
  }

  @Test func whatCannotBeCancelledAnyMoreCounts() async throws {
    let clock = ManualClock()
    async let answer = withTimeout(.seconds(5), clock: clock) {
      try? await clock.sleep(for: .seconds(9))
      return "committed"
    }
    await clock.waitForSleepers(2)
    clock.advance(by: .seconds(5))
    #expect(try await answer == "committed")
  }

  @Test func aCancellationOfTheCallerIsTheOperationsToAnswer() async throws {
    let clock = ManualClock()
    let task = Task {
      try await withTimeout(.seconds(5), clock: clock) {
        do { try await clock.sleep(for: .seconds(9)) } catch { throw Broken() }
      }
    }
    await clock.waitForSleepers(2)
    task.cancel()
    await #expect(throws: Broken.self) { try await task.value }
  }
}
