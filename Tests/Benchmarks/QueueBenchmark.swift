import Reconciliation

/// Prints how many operations a second the work queue does, beside inserting the same keys into a dictionary of the
/// standard library and removing them again.
func benchmarkQueue(keys: Int) async {
  let clock = ContinuousClock()
  let dictionary = clock.measure {
    var members: [Int: Int] = [:]
    for key in 0..<keys { members[key] = key }
    for key in 0..<keys { members.removeValue(forKey: key) }
  }
  let reference = (name: "Dictionary insert and remove", count: 2 * keys, duration: dictionary)

  var queue = WorkQueueState<Int>()
  let immediate = clock.measure {
    for key in 0..<keys { queue.add(key, priority: WorkPriority.allCases[key % 3], now: .zero) }
    while let item = queue.next(now: .zero) { queue.done(item.key, now: .zero) }
  }
  Measurement(what: "queue: add, next, done", count: 3 * keys, duration: immediate, reference: reference).print()

  let repeated = clock.measure {
    for round in 0..<10 * keys { queue.add(round % 100, now: .zero) }
  }
  Measurement(what: "queue: add of queued keys", count: 10 * keys, duration: repeated, reference: reference).print()
  while let item = queue.next(now: .zero) { queue.done(item.key, now: .zero) }

  let delayed = clock.measure {
    for key in 0..<keys { queue.add(key, at: .milliseconds((key &* 7919) % 60_000 + 1), now: .zero) }
    while let item = queue.next(now: .seconds(60)) { queue.done(item.key, now: .seconds(60)) }
  }
  Measurement(what: "queue: delayed add, next, done", count: 3 * keys, duration: delayed, reference: reference).print()

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
  Measurement(what: "queue: 1 writer, 4 workers", count: 3 * keys, duration: shared, reference: reference).print()
}
