import TestSupport
import Testing

@testable import FleetSimulator

/// What a customer does is a function of seed, number and time.
@Suite struct FleetBehaviourTests {
  private let behaviour = FleetBehaviour(seed: 7, offline: 0.1, slow: 0.2, failing: 0.05, neverConsents: 0.02)

  @Test func sharesAreKept() {
    let traits = (0..<20_000).map { behaviour.traits(of: $0) }
    func share(_ isMeant: (FleetBehaviour.Traits) -> Bool) -> Double { Double(traits.count(where: isMeant)) / 20_000 }
    #expect(abs(share(\.isOffline) - 0.1) < 0.01)
    #expect(abs(share(\.isSlow) - 0.2) < 0.01)
    #expect(abs(share(\.neverConsents) - 0.02) < 0.005)
    #expect(Set(traits.map(\.utcOffsetHours)) == Set(-11...12))
    let failing = (0..<20_000).count { behaviour.outcome(of: $0, release: "2.3.0", attempt: 1).failure != nil }
    #expect(abs(Double(failing) / 20_000 - 0.05) < 0.01)
  }

  @Test func theSeedDecides() {
    var other = behaviour
    other.seed = 8
    let own = (0..<1000).map { behaviour.traits(of: $0) }
    #expect(
      own == (0..<1000).map { FleetBehaviour(seed: 7, offline: 0.1, slow: 0.2, neverConsents: 0.02).traits(of: $0) })
    #expect(own != (0..<1000).map { other.traits(of: $0) })
  }

  @Test func nobodyComesTogetherWithAll() {
    var behaviour = behaviour
    behaviour.heartbeatInterval = .seconds(30)
    let first = (0..<3000).map { behaviour.first(.heartbeat, of: $0) }
    for third in 0..<3 {
      let count = first.count { (Int64(third) * 10_000..<Int64(third + 1) * 10_000).contains($0) }
      #expect((800...1200).contains(count))
    }
    for customer in 0..<100 {
      let next = behaviour.next(.heartbeat, of: customer, due: 5000, now: 5100, seconds: 300)
      #expect((5000 + 27_000...5000 + 33_000).contains(next))
    }
  }

  @Test func whoIsLateGoesOnFromNow() {
    var behaviour = behaviour
    behaviour.pollInterval = .seconds(1)
    #expect(behaviour.next(.poll, of: 3, due: 0, now: 60_000, seconds: nil) == 61_000)
  }

  @Test(arguments: [(120, 120_000), (nil, 300_000), (0, 300_000)] as [(Int?, Int64)])
  func withoutAnIntervalOfItsOwnTheServerDecides(seconds: Int?, expected: Int64) {
    #expect(behaviour.next(.heartbeat, of: 1, due: 0, now: 1000, seconds: seconds) == 1000 + expected)
  }

  @Test func whatTheServerRefusesForNowIsTriedAgainAfterItsTimeAndSpread() {
    let times = (0..<200).map { behaviour.retry(of: $0, failures: 1, now: 0, retryAfterSeconds: 10) }
    #expect(times.allSatisfy { (10_000...12_500).contains($0) })
    #expect(Set(times).count > 100)
    let later = (0..<200).map { behaviour.retry(of: $0, failures: 20, now: 0, retryAfterSeconds: nil) }
    #expect(later.allSatisfy { (30_000...60_000).contains($0) })
  }

  @Test func deploymentsBeginInTheNightOfTheCustomer() {
    var behaviour = behaviour
    behaviour.day = .seconds(86_400)
    let noon: Int64 = 1_800_000_000_000 / 86_400_000 * 86_400_000 + 12 * 3_600_000
    for customer in 0..<500 {
      let start = behaviour.start(of: customer, release: "2.3.0", now: 1000, wallClock: noon)
      let local = noon + start - 1000 + Int64(behaviour.traits(of: customer).utcOffsetHours) * 3_600_000
      let hour = (local % 86_400_000 + 86_400_000) % 86_400_000 / 3_600_000
      #expect(hour == 2 || hour == 3, "customer \(customer) at \(hour)")
      #expect((0...26 * 3_600_000).contains(start - 1000))
    }
    behaviour.day = nil
    #expect(behaviour.start(of: 1, release: "2.3.0", now: 1000, wallClock: noon) == 1000)
  }

  @Test func whatFailedMaySucceedWhenItIsTriedAgain() {
    let failed = (0..<20_000).filter { behaviour.outcome(of: $0, release: "2.3.0", attempt: 1).failure != nil }
    let again = failed.count { behaviour.outcome(of: $0, release: "2.3.0", attempt: 2).failure != nil }
    #expect(again > failed.count / 10 && again < failed.count / 2)
  }
}
