import Reconciliation
import Testing
import Timing

struct WorkQueueStateTests {
  private static let empty = WorkQueueState<String>(
    backoff: Backoff(base: .seconds(1), maximum: .seconds(60), factor: 2, jitter: 0))

  @Test func keyIsQueuedOnceHoweverOftenItIsAdded() {
    var queue = Self.empty
    let changed = (0..<3).map { _ in queue.add("a", now: .zero) }
    #expect(changed == [true, false, false])
    #expect(queue.next(now: .zero)?.key == "a")
    #expect(queue.next(now: .zero) == nil)
  }

  @Test func keyAddedWhileWorkedOnComesAgainOnlyAfterThat() {
    var queue = Self.empty
    queue.add("a", now: .zero)
    #expect(queue.next(now: .zero)?.key == "a")
    queue.add("a", now: .seconds(1))
    #expect(queue.next(now: .seconds(2)) == nil)
    queue.done("a", now: .seconds(3))
    let again = queue.next(now: .seconds(4))
    #expect(again?.key == "a")
    #expect(again?.queuedFor == .seconds(3))
    queue.done("a", now: .seconds(5))
    #expect(queue.isEmpty)
  }

  @Test func keysOfOnePriorityComeInTheOrderOfTheirAdds() {
    var queue = Self.empty
    for key in ["c", "a", "b", "a"] { queue.add(key, now: .zero) }
    let order = (0..<3).compactMap { _ in queue.next(now: .zero)?.key }
    #expect(order == ["c", "a", "b"])
  }

  @Test func prioritiesShareThePicksByTheirWeights() {
    var numbers = WorkQueueState<Int>()
    for priority in WorkPriority.allCases {
      for number in 0..<100 { numbers.add(priority.rawValue * 1000 + number, priority: priority, now: .zero) }
    }
    for round in 0..<4 {
      let picks = (0..<21).compactMap { _ in numbers.next(now: .zero)?.priority }
      #expect(WorkPriority.allCases.map { priority in picks.count { $0 == priority } } == [1, 4, 16], "round \(round)")
    }
  }

  @Test func urgentKeyIsNotHeldUpByABulkOfOthers() {
    var numbers = WorkQueueState<Int>()
    for number in 0..<10_000 { numbers.add(number, priority: .low, now: .zero) }
    for _ in 0..<5000 { _ = numbers.next(now: .zero) }
    numbers.add(-1, priority: .high, now: .zero)
    let picks = (0..<2).compactMap { _ in numbers.next(now: .zero)?.key }
    #expect(picks.contains(-1))
  }

  @Test func steadyUrgentWorkDoesNotStarveTheRest() {
    var queue = Self.empty
    queue.add("low", priority: .low, now: .zero)
    var picks = 0
    for number in 0..<1000 {
      queue.add("high\(number % 50)", priority: .high, now: .zero)
      picks += 1
      guard let item = queue.next(now: .zero) else { break }
      queue.done(item.key, now: .zero)
      if item.key == "low" { break }
    }
    #expect(picks <= 21)
  }

  @Test func addWithAHigherPriorityMovesTheKeyForward() {
    var queue = Self.empty
    queue.add("a", priority: .low, now: .zero)
    queue.add("b", priority: .low, now: .zero)
    let changed = [WorkPriority.high, .low].map { queue.add("b", priority: $0, now: .zero) }
    #expect(changed == [true, false])
    #expect(queue.readyCount == 2)
    let item = queue.next(now: .zero)
    #expect(item?.key == "b")
    #expect(item?.priority == .high)
  }

  @Test func delayedAddComesAtItsTimeAndTheEarliestWins() {
    var queue = Self.empty
    queue.add("a", at: .seconds(20), now: .zero)
    queue.add("a", at: .seconds(10), now: .zero)
    queue.add("a", at: .seconds(30), now: .zero)
    queue.add("b", at: .seconds(15), now: .zero)
    #expect(queue.nextDeadline == .seconds(10))
    #expect(queue.next(now: .seconds(9)) == nil)
    #expect(queue.next(now: .seconds(10))?.key == "a")
    #expect(queue.nextDeadline == .seconds(15))
    queue.done("a", now: .seconds(40))
    #expect(queue.next(now: .seconds(40))?.key == "b")
    #expect(queue.next(now: .seconds(40)) == nil)
  }

  @Test func immediateAddReplacesTheDelayedOne() {
    var queue = Self.empty
    queue.add("a", at: .seconds(20), now: .zero)
    queue.add("a", now: .zero)
    #expect(queue.nextDeadline == nil)
    #expect(queue.next(now: .zero)?.key == "a")
  }

  @Test func delayedAddThatFallsDueWhileWorkedOnComesAfterThat() {
    var queue = Self.empty
    queue.add("a", now: .zero)
    _ = queue.next(now: .zero)
    queue.add("a", at: .seconds(5), now: .zero)
    #expect(queue.next(now: .seconds(6)) == nil)
    queue.done("a", now: .seconds(7))
    #expect(queue.next(now: .seconds(7))?.queuedFor == .seconds(2))
  }

  @Test func failuresLengthenTheDelayUntilASuccess() {
    var queue = Self.empty
    var delays: [Duration] = []
    var now = Duration.zero
    queue.add("a", now: now)
    for failure in 0..<4 {
      #expect(queue.next(now: now)?.failures == failure)
      let delay = queue.retry("a", now: now, random: 0)
      queue.done("a", now: now)
      delays.append(delay)
      now += delay
    }
    #expect(delays == [.seconds(1), .seconds(2), .seconds(4), .seconds(8)])
    #expect(queue.next(now: now)?.failures == 4)
    queue.forget("a")
    #expect(queue.retry("a", now: now, random: 0) == .seconds(1))
  }

  @Test func newGenerationResetsTheBackoffAndAnEventOfTheSameDoesNot() {
    var queue = Self.empty
    queue.add("a", generation: 1, now: .zero)
    for _ in 0..<3 {
      _ = queue.next(now: .seconds(100))
      queue.retry("a", now: .zero, random: 0)
      queue.done("a", now: .zero)
    }
    queue.add("a", generation: 1, now: .seconds(100))
    #expect(queue.failures(of: "a") == 3)
    queue.add("a", generation: 2, now: .seconds(100))
    #expect(queue.failures(of: "a") == 0)
    #expect(queue.next(now: .seconds(100))?.failures == 0)
  }

  @Test func keyThatIsDoneTakesNoMemory() {
    var queue = Self.empty
    for number in 0..<5000 { queue.add("key\(number)", now: .zero) }
    while let item = queue.next(now: .zero) {
      queue.forget(item.key)
      queue.done(item.key, now: .zero)
    }
    #expect(queue.isEmpty)
    #expect(queue.failures(of: "key1") == 0)
    queue.done("never seen", now: .zero)
    queue.forget("never seen")
    #expect(queue.isEmpty)
  }
}
