import Reconciliation
import TestSupport
import Testing
import Timing

/// The same promises as `WorkQueueState` keeps, in the simplest possible way: lists that are searched from end to end.
private struct QueueModel {
  struct Waiting {
    var key: Int
    var deadline: Duration
    var priority: WorkPriority
  }

  var ready: [(key: Int, priority: WorkPriority)] = []
  var processing: Set<Int> = []
  var dirty: [Int: WorkPriority] = [:]
  /// In the order in which they began to wait.
  var waiting: [Waiting] = []
  var failures: [Int: Int] = [:]
  var generations: [Int: Int64] = [:]

  var known: Set<Int> { Set(ready.map(\.key)).union(processing).union(waiting.map(\.key)) }
  var nextDeadline: Duration? { waiting.map(\.deadline).min() }

  mutating func note(_ key: Int, generation: Int64?) {
    guard let generation else { return }
    if let before = generations[key], before != generation { failures[key] = nil }
    generations[key] = generation
  }

  mutating func makeReady(_ key: Int, _ priority: WorkPriority) {
    if processing.contains(key) {
      dirty[key] = max(dirty[key] ?? priority, priority)
    } else if let index = ready.firstIndex(where: { $0.key == key }) {
      if priority <= ready[index].priority { return }
      ready.remove(at: index)
      ready.append((key, priority))
    } else {
      ready.append((key, priority))
    }
  }

  mutating func add(_ key: Int, _ priority: WorkPriority) {
    waiting.removeAll { $0.key == key }
    makeReady(key, priority)
  }

  mutating func add(_ key: Int, _ priority: WorkPriority, at deadline: Duration, now: Duration) {
    if deadline <= now { return add(key, priority) }
    if ready.contains(where: { $0.key == key }) || dirty[key] != nil { return makeReady(key, priority) }
    if let index = waiting.firstIndex(where: { $0.key == key }) {
      waiting[index].deadline = min(waiting[index].deadline, deadline)
      waiting[index].priority = max(waiting[index].priority, priority)
    } else {
      waiting.append(Waiting(key: key, deadline: deadline, priority: priority))
    }
  }

  mutating func promote(now: Duration) {
    while let deadline = nextDeadline, deadline <= now,
      let index = waiting.firstIndex(where: { $0.deadline == deadline })
    {
      let due = waiting.remove(at: index)
      makeReady(due.key, due.priority)
    }
  }

  mutating func done(_ key: Int, now: Duration) {
    promote(now: now)
    processing.remove(key)
    if let priority = dirty.removeValue(forKey: key) { ready.append((key, priority)) }
    if !known.contains(key) {
      failures[key] = nil
      generations[key] = nil
    }
  }
}

private struct Disagreement: Error, CustomStringConvertible {
  var description: String
}

struct WorkQueueModelTests {
  private static let keys = 0..<24
  private static let operationsPerSeed = 150_000

  /// More than a million random operations, after each of which queue and model must agree.
  @Test(arguments: 1...8)
  func queueAgreesWithTheModel(seed: Int) async throws {
    var random = SeededGenerator(seed: UInt64(seed))
    let backoff = Backoff(base: .milliseconds(100), maximum: .seconds(2), factor: 2, jitter: 0)
    var queue = WorkQueueState<Int>(backoff: backoff)
    var model = QueueModel()
    var now = Duration.zero
    for step in 0..<Self.operationsPerSeed {
      if step % 1000 == 0 { await Task.yield() }
      // Cheaper than an expectation, of which there would be millions.
      func agree(_ isTrue: Bool, _ what: String) throws {
        if !isTrue { throw Disagreement(description: "\(what) differs at seed \(seed), step \(step)") }
      }
      let key = Int.random(in: Self.keys, using: &random)
      let priority = WorkPriority.allCases[Int.random(in: 0..<3, using: &random)]
      switch Int.random(in: 0..<100, using: &random) {
      case ..<25:
        let generation = Bool.random(using: &random) ? Int64.random(in: 1...3, using: &random) : nil
        queue.add(key, priority: priority, generation: generation, now: now)
        model.note(key, generation: generation)
        model.add(key, priority)
      case ..<40:
        let deadline = now + .milliseconds(Int.random(in: -5...200, using: &random))
        queue.add(key, priority: priority, at: deadline, now: now)
        model.add(key, priority, at: deadline, now: now)
      case ..<70:
        let item = queue.next(now: now)
        model.promote(now: now)
        guard let item else {
          try agree(model.ready.isEmpty, "whether a key is ready")
          continue
        }
        let first = model.ready.firstIndex { $0.priority == item.priority }
        guard let first else { throw Disagreement(description: "no \(item) in the model, seed \(seed), step \(step)") }
        try agree(model.ready[first].key == item.key, "the order of \(item)")
        try agree(model.processing.insert(item.key).inserted, "the worker of \(item.key)")
        try agree(item.failures == model.failures[item.key] ?? 0, "the number of failures")
        model.ready.remove(at: first)
      case ..<90:
        guard let held = model.processing.min() else { continue }
        if Int.random(in: 0..<3, using: &random) == 0 {
          model.failures[held, default: 0] += 1
          let delay = queue.retry(held, priority: priority, now: now, random: 0)
          try agree(delay == backoff.delay(failures: model.failures[held] ?? 0, random: 0), "the backoff")
          model.add(held, priority, at: now + delay, now: now)
        } else {
          queue.forget(held)
          model.failures[held] = nil
        }
        queue.done(held, now: now)
        model.done(held, now: now)
      case ..<92:
        queue.forget(key)
        model.failures[key] = nil
      default: now += .milliseconds(Int.random(in: 0...50, using: &random))
      }
      try agree(queue.readyCount == model.ready.count, "the number of ready keys")
      try agree(queue.processingCount == model.processing.count, "the number of keys worked on")
      try agree(queue.waitingCount == model.waiting.count, "the number of waiting keys")
      try agree(queue.nextDeadline == model.nextDeadline, "the next deadline")
      if step % 64 == 0 { try agree(queue.count == model.known.count, "the number of keys") }
    }
  }

  /// However much comes in, a key waits for no more picks than its weight and its place explain.
  @Test(arguments: 1...4)
  func noKeyStarvesUnderOverload(seed: Int) async throws {
    var random = SeededGenerator(seed: UInt64(seed))
    var queue = WorkQueueState<Int>()
    var picksWhenAdded: [Int: (picks: Int, ahead: Int, priority: WorkPriority)] = [:]
    var waiting = [0, 0, 0]
    var nextKey = 0
    for picks in 0..<50_000 {
      if picks % 1000 == 0 { await Task.yield() }
      for _ in 0..<Int.random(in: 0...2, using: &random) {
        let priority = WorkPriority.allCases[[0, 1, 1, 2, 2, 2][Int.random(in: 0..<6, using: &random)]]
        queue.add(nextKey, priority: priority, now: .zero)
        picksWhenAdded[nextKey] = (picks, waiting[priority.rawValue], priority)
        waiting[priority.rawValue] += 1
        nextKey += 1
      }
      guard let item = queue.next(now: .zero), let added = picksWhenAdded[item.key] else { continue }
      waiting[item.priority.rawValue] -= 1
      let turns = added.ahead + 1
      let bound = (turns * 21 + added.priority.weight - 1) / added.priority.weight + 21
      guard picks - added.picks <= bound else {
        throw Disagreement(description: "seed \(seed): key \(item.key), \(added), waited until pick \(picks)")
      }
      queue.done(item.key, now: .zero)
    }
  }
}
