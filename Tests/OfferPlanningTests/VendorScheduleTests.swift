import OfferPlanning
import Testing
import WireFormats

@Suite struct VendorScheduleTests {
  private static let now = Timestamp(seconds: 1_800_000_000)

  private static func at(_ seconds: Int64?) -> Timestamp? { seconds.map { now + .seconds($0) } }

  /// Times in seconds from now.
  @Test(
    arguments: [
      (nil, nil, nil, false, nil), (-1, nil, nil, false, nil), (100, nil, nil, false, 100), (100, nil, nil, true, nil),
      // At most every five seconds, whoever asks for more.
      (100, nil, -2, true, 3), (-1, nil, -2, false, 3),
      // Another process is at it, and is not interrupted.
      (-1, 60, nil, true, 60), (-1, -1, nil, false, nil),
      // A clock was wrong when these were written.
      (10_000_000, nil, nil, false, nil), (-1, 10_000_000, nil, false, nil), (nil, nil, 10_000_000, true, nil),
    ] as [(Int64?, Int64?, Int64?, Bool, Int64?)])
  func oneProcessDoesItAtItsTime(
    _ next: Int64?, _ claimed: Int64?, _ last: Int64?, _ isWanted: Bool, _ wait: Int64?
  ) {
    let schedule = VendorSchedule(nextAt: Self.at(next), claimedUntil: Self.at(claimed))
    let step = schedule.step(isWanted: isWanted, lastAt: Self.at(last), now: Self.now)
    #expect(step == wait.map { .wait(.seconds($0)) } ?? .claim(until: Self.now + VendorSchedule.lease))
  }

  @Test(
    arguments: [
      (300, nil, 0, 270), (300, nil, 1, 330), (300, 280, 0.5, 280), (300, 1, 0.5, 30), (300, 86_400, 0.5, 3600),
      (900, 280, 0.5, 900), (60, 280, 0.5, 280), (0, nil, 0.5, 30), (-5, -5, 0.5, 30), (.max, nil, 0.5, 86_400),
    ] as [(Int64, Int64?, Double, Double)])
  func theVendorsWishIsObeyedWithinTheCustomers(
    _ interval: Int64, _ wanted: Int64?, _ random: Double, _ seconds: Double
  ) {
    #expect(VendorSchedule.pause(interval: interval, wanted: wanted, random: random) == .seconds(seconds))
  }

  @Test func pausesGrowWithFailuresAndWithWhatTheServerAsks() {
    let pauses = [1, 2, 3, 7, 100].map { VendorSchedule.pause(failures: $0, retryAfter: nil, random: 1) }
    #expect(pauses == [15, 30, 60, 900, 900].map { .seconds($0) })
    #expect(VendorSchedule.pause(failures: 1, retryAfter: .seconds(600), random: 0) == .seconds(600))
    #expect(VendorSchedule.pause(failures: 1, retryAfter: .seconds(86_400), random: 0) == .seconds(3600))
  }
}
