import TestSupport
import Testing

@testable import FleetSimulator

@Suite struct LatencyHistogramTests {
  @Test func quantilesAreRightToAnEighth() throws {
    var histogram = LatencyHistogram()
    for value in 1...100_000 { histogram.record(microseconds: Int64(value)) }
    for share in [0.01, 0.5, 0.9, 0.99] {
      let value = try #require(histogram.quantile(share)) * 1000
      let exact = share * 100_000
      #expect(value >= exact && value <= exact * 1.13, "\(share): \(value)")
    }
    #expect(histogram.quantile(1) == 100)
    #expect(histogram.count == 100_000)
  }

  @Test(arguments: [0, 1, 7, 8, 9, 15, 16, 1023, 1024, 5_000_000, Int64.max / 2000])
  func noValueIsAboveTheLargest(microseconds: Int64) throws {
    var histogram = LatencyHistogram()
    histogram.record(microseconds: microseconds)
    #expect(try #require(histogram.quantile(0.5)) <= Double(microseconds) / 1000)
  }

  @Test func nothingHasNoQuantile() { #expect(LatencyHistogram().quantile(0.5) == nil) }
}
