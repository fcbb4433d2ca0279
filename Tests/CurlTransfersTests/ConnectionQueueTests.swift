import Testing

@testable import CurlTransfers

struct ConnectionQueueTests {
  /// A queue and who was let in, in order.
  private struct Line {
    var queue: ConnectionQueue<Int>
    var admitted: [Int] = []

    init(total: Int?, perHost: Int?) {
      queue = ConnectionQueue(ClientConnectionLimits(total: total, perHost: perHost))
    }

    mutating func enter(_ members: Int..., host: String) {
      for member in members where queue.enter(member, host: host) { admitted.append(member) }
    }

    mutating func leave(_ host: String) {
      queue.leave(host: host)
      while let member = queue.next() { admitted.append(member) }
    }
  }

  @Test func withoutLimitsAllAreLetIn() {
    var line = Line(total: nil, perHost: nil)
    line.enter(1, 2, 3, host: "a")
    line.enter(4, host: "b")
    #expect(line.admitted == [1, 2, 3, 4])
  }

  @Test func whoeverComesFirstIsLetInFirst() {
    var line = Line(total: 2, perHost: nil)
    line.enter(1, 2, 3, 4, 5, host: "a")
    #expect(line.admitted == [1, 2])
    line.leave("a")
    line.leave("a")
    #expect(line.admitted == [1, 2, 3, 4])
    line.leave("a")
    #expect(line.admitted == [1, 2, 3, 4, 5])
  }

  @Test func aHostThatIsFullKeepsNobodyElseBack() {
    var line = Line(total: 3, perHost: 1)
    line.enter(1, 2, 3, host: "a")
    line.enter(4, 5, host: "b")
    #expect(line.admitted == [1, 4])
    line.leave("b")
    #expect(line.admitted == [1, 4, 5])
    line.leave("a")
    #expect(line.admitted == [1, 4, 5, 2])
  }

  @Test func hostsTakeTurns() {
    var line = Line(total: 1, perHost: nil)
    line.enter(1, 2, 3, 4, host: "a")
    line.enter(5, 6, host: "b")
    line.enter(7, host: "c")
    for host in ["a", "a", "b", "c", "a", "b"] { line.leave(host) }
    #expect(line.admitted == [1, 2, 5, 7, 3, 6, 4])
  }

  @Test func whoeverIsTakenOutIsNotLetIn() {
    var line = Line(total: 1, perHost: nil)
    line.enter(1, 2, 3, host: "a")
    line.enter(4, host: "b")
    line.queue.remove(2, host: "a")
    line.queue.remove(4, host: "b")
    line.queue.remove(9, host: "c")
    line.leave("a")
    #expect(line.admitted == [1, 3])
    line.leave("a")
    line.enter(5, host: "b")
    #expect(line.admitted == [1, 3, 5])
  }

  @Test func everybodyIsLetInOnceAndTheLimitsHold() {
    var line = Line(total: 7, perHost: 3)
    var generator = SystemRandomNumberGenerator()
    let hosts = (0..<1000).map { _ in String(Int.random(in: 0..<20, using: &generator)) }
    var ended = 0
    for (member, host) in hosts.enumerated() {
      line.enter(member, host: host)
      if Bool.random(using: &generator), ended < line.admitted.count {
        line.leave(hosts[line.admitted[ended]])
        ended += 1
      }
      let used = line.admitted[ended...].map { hosts[$0] }
      #expect(used.count <= 7)
      #expect(Dictionary(grouping: used) { $0 }.values.allSatisfy { $0.count <= 3 })
    }
    while ended < line.admitted.count {
      line.leave(hosts[line.admitted[ended]])
      ended += 1
    }
    #expect(line.admitted.sorted() == Array(0..<1000))
  }
}

struct DeadlineHeapTests {
  @Test func momentsComeInTheirOrder() {
    let start = ContinuousClock.now
    var heap = DeadlineHeap<Int>()
    let moments = (0..<200).map { $0 * 7919 % 200 }
    for moment in moments { heap.add(moment, at: start + .seconds(moment)) }
    #expect(heap.next == start)
    #expect(heap.popDue(start - .seconds(1)) == nil)
    var popped: [Int] = []
    while let member = heap.popDue(start + .seconds(99)) { popped.append(member) }
    #expect(popped == Array(0...99))
    #expect(heap.next == start + .seconds(100))
    while let member = heap.popDue(start + .seconds(1000)) { popped.append(member) }
    #expect(popped == Array(0..<200))
    #expect(heap.next == nil)
  }
}

struct PeersInDoubtTests {
  @Test func aPeerIsInDoubtUntilItsTimeIsOver() {
    let start = ContinuousClock.now
    var peers = PeersInDoubt()
    peers.add("a", until: start + .seconds(30), now: start)
    #expect(peers.contains("a", now: start + .seconds(29)))
    #expect(!peers.contains("a", now: start + .seconds(30)))
    #expect(!peers.contains("b", now: start))
    // Many others, whose time is over, take no part of it away.
    for number in 0..<1000 {
      let now = start + .milliseconds(number)
      peers.add("\(number)", until: now, now: now)
    }
    #expect(peers.contains("a", now: start + .seconds(29)))
  }
}
