import Database
import ResourceModel
import Synchronization
import TestSupport
import Testing

@testable import ControlCenter

struct SetWriterTests {
  private struct Failure: Error {}

  @Test func whatComesTogetherIsWrittenTogetherAndEachHasItsOutcome() async throws {
    let sets = Mutex<[Int]>([])
    let writer = SetWriter<Int, Int>(limits: .init(set: 100)) { items in
      sets.withLock { $0.append(items.count) }
      return items.map { $0 * 2 }
    }
    try await withThrowingTaskGroup(of: (Int, Int).self) { group in
      for number in 0..<1000 { group.addTask { (number, try await writer.submit(number)) } }
      for try await (number, outcome) in group { #expect(outcome == number * 2) }
    }
    #expect(sets.withLock { $0.reduce(0, +) } == 1000 && sets.withLock { $0.allSatisfy { $0 <= 100 } })
  }

  @Test func aSetThatFailsFailsForThoseInItAlone() async throws {
    let isFailing = Mutex(true)
    let writer = SetWriter<Int, Void> { items in
      if isFailing.withLock({ $0 }) { throw Failure() }
      return items.map { _ in () }
    }
    await #expect(throws: Failure.self) { try await writer.submit(1) }
    isFailing.withLock { $0 = false }
    try await writer.submit(2)
  }

  @Test func whatTheDatabaseRefusesFailsNobodyElse() async throws {
    let writer = SetWriter<Int, Int> { items in
      if items.contains(13) { throw DatabaseError(code: .other, message: "13 is refused") }
      return items
    }
    try await withThrowingTaskGroup(of: Void.self) { group in
      for number in 0..<100 where number != 13 {
        group.addTask {
          let outcome = try await writer.submit(number)
          #expect(outcome == number)
        }
      }
      group.addTask { _ = await #expect(throws: DatabaseError.self) { try await writer.submit(13) } }
      try await group.waitForAll()
    }
  }

  @Test func whatWaitsIsBoundedAndWhoIsRefusedComesAgainAtATimeOfItsOwn() async throws {
    let (started, start) = AsyncStream<Void>.makeStream()
    let (gate, open) = AsyncStream<Void>.makeStream()
    let fraction = Mutex(0.0)
    let random: @Sendable () -> Double = { fraction.withLock { $0 } }
    let writer = SetWriter<Int, Void>(
      limits: .init(set: 1, waiting: 2, longestRetry: 240), random: random
    ) { items in
      start.yield()
      for await _ in gate { break }
      return items.map { _ in () }
    }
    var tasks = [Task { try await writer.submit(0) }]
    for await _ in started { break }
    tasks += (1...2).map { number in Task { try await writer.submit(number) } }
    while writer.waitingCount < 2 { await Task.yield() }
    for (value, seconds) in [(0.0, 1), (0.5, 121)] {
      fraction.withLock { $0 = value }
      let error = await #expect(throws: StatusError.self) { try await writer.submit(9) }
      #expect(error?.reason == .tooManyRequests && error?.retryAfterSeconds == seconds)
    }
    open.finish()
    for task in tasks { try await task.value }
  }

  @Test func oneSendersFloodLeavesRoomForAllOthers() async throws {
    let (started, start) = AsyncStream<Void>.makeStream()
    let (gate, open) = AsyncStream<Void>.makeStream()
    let write: SetWriter<String, Void>.Write = { items in
      start.yield()
      for await _ in gate { break }
      return items.map { _ in () }
    }
    let writer = SetWriter(
      limits: .init(set: 1, waiting: 100, waitingPerSender: 3), sender: { $0 }, write: write)
    var tasks = [Task { try await writer.submit("flood") }]
    for await _ in started { break }
    tasks += (0..<3).map { _ in Task { try await writer.submit("flood") } }
    while writer.waitingCount < 3 { await Task.yield() }
    for _ in 0..<10 {
      let error = await #expect(throws: StatusError.self) { try await writer.submit("flood") }
      #expect(error?.reason == .tooManyRequests)
    }
    tasks += ["acme", "other"].map { name in Task { try await writer.submit(name) } }
    while writer.waitingCount < 5 { await Task.yield() }
    open.finish()
    for task in tasks { try await task.value }
    // Its places are free again.
    try await writer.submit("flood")
  }

  private final class ReturningFleet: Sendable {
    struct State {
      var submitted = 0
      var served = 0
      var refused = 0
      /// In the hands of the database.
      var held = 0
      /// By the second at which they come again.
      var due: [Int: Int] = [:]
    }

    private let state = Mutex(State())

    func withLock<Value: Sendable>(_ body: @Sendable (inout State) -> Value) -> Value { state.withLock { body(&$0) } }
  }

  /// A hundred thousand customers whose server takes 2,000 a second and lets 20,000 wait, at a tenth of the size.
  @Test func aFleetThatComesBackInOneSecondIsServedWithinThePollInterval() async {
    let (customers, pollInterval) = (10_000, 300)
    let fleet = ReturningFleet()
    let generator = Mutex(SeededGenerator(seed: 7))
    let (gate, permits) = AsyncStream<Void>.makeStream()
    let random: @Sendable () -> Double = { generator.withLock { Double.random(in: 0..<1, using: &$0) } }
    let writer = SetWriter<Int, Void>(
      limits: .init(set: 100, waiting: 2_000, gathering: .zero), random: random
    ) { items in
      fleet.withLock { $0.held += items.count }
      for await _ in gate { break }
      fleet.withLock { $0.held -= items.count }
      return items.map { _ in () }
    }
    var second = 0
    await withTaskGroup(of: Void.self) { group in
      var coming = customers
      while fleet.withLock({ $0.served }) < customers, second < 2 * pollInterval {
        let (now, count) = (second, coming)
        fleet.withLock { $0.submitted += count }
        for _ in 0..<count {
          group.addTask {
            do {
              try await writer.submit(0)
              fleet.withLock { $0.served += 1 }
            } catch {
              let seconds = (error as? StatusError)?.retryAfterSeconds ?? 0
              fleet.withLock {
                $0.refused += 1
                $0.due[now + seconds, default: 0] += 1
              }
            }
          }
        }
        // Until each is answered, or waits for its set.
        while fleet.withLock({ $0.served + $0.refused + $0.held + writer.waitingCount < $0.submitted }) {
          await Task.yield()
        }
        // Two sets a second.
        for _ in 0..<2 where fleet.withLock({ $0.held }) + writer.waitingCount > 0 {
          while fleet.withLock({ $0.held }) == 0 { await Task.yield() }
          let goal = fleet.withLock { $0.served + $0.held }
          permits.yield()
          while fleet.withLock({ $0.served }) < goal { await Task.yield() }
        }
        second += 1
        coming = fleet.withLock { $0.due.removeValue(forKey: now + 1) ?? 0 }
      }
      permits.finish()
    }
    #expect(fleet.withLock { $0.served } == customers && second <= pollInterval, "\(second) s")
    // Most were sent away once, and nobody came in another herd.
    #expect(fleet.withLock { $0.refused } >= 7_000 && fleet.withLock { $0.refused } < customers)
  }
}
