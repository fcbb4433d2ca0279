import TestSupport
import Testing

@testable import FleetSimulator

@Suite struct TimerHeapTests {
  @Test(arguments: [1, 2, 3] as [UInt64]) func theEarliestComesFirst(seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    var heap = TimerHeap()
    var due: [Int64] = []
    for number in 0..<2000 {
      let time = Int64.random(in: 0..<500, using: &generator)
      heap.insert(.init(due: time, customer: Int32(number), task: .poll, epoch: 0))
      due.append(time)
    }
    var taken: [Int64] = []
    while let entry = heap.removeFirst(dueBy: 300) { taken.append(entry.due) }
    #expect(taken == due.filter { $0 <= 300 }.sorted())
    #expect(heap.count == due.count - taken.count)
    #expect(heap.first?.due == due.filter { $0 > 300 }.min())
  }

  @Test func nothingIsDueOfNothing() {
    var heap = TimerHeap()
    #expect(heap.removeFirst(dueBy: .max) == nil)
  }
}
