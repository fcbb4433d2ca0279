import Reconciliation

/// Prints how many operations a second the work queue does: the value-type core alone, with delays, and shared by tasks.
func benchmarkQueue() async {
  let clock = ContinuousClock()
  let keys = 100_000

  func report(_ name: String, _ operations: Int, _ duration: Duration) {
    let rate = Int(Double(operations) / (duration / .seconds(1)))
    print("queue: \(name): \(rate) operations/s (\(operations) in \(duration))")
  }

  var queue = WorkQueueState<Int>()
  let immediate = clock.measure {
    for key in 0..<keys { queue.add(key, priority: WorkPriority.allCases[key % 3], now: .zero) }
    while let item = queue.next(now: .zero) { queue.done(item.key, now: .zero) }
  }
  report("add, next and done of \(keys) keys", 3 * keys, immediate)

  let repeated = clock.measure {
    for round in 0..<10 * keys { queue.add(round % 100, now: .zero) }
  }
  report("add of keys that are queued already", 10 * keys, repeated)
  while let item = queue.next(now: .zero) { queue.done(item.key, now: .zero) }

  let delayed = clock.measure {
    for key in 0..<keys {
      queue.add(key, at: .milliseconds((key &* 7919) % 60_000 + 1), now: .zero)
    }
    while let item = queue.next(now: .seconds(60)) { queue.done(item.key, now: .seconds(60)) }
  }
  report("delayed add, next and done of \(keys) keys", 3 * keys, delayed)

  let shared = await clock.measure {
    let queue = WorkQueue<Int>(name: "bench")
    await withDiscardingTaskGroup { group in
      for _ in 0..<4 {
        group.addTask {
          while let item = await queue.next() {
            queue.finish(item, .done)
            if item.key == keys - 1 { queue.shutDown() }
          }
        }
      }
      for key in 0..<keys { queue.add(key) }
    }
  }
  report("add, next and done of \(keys) keys by one writer and 4 workers", 3 * keys, shared)
}
