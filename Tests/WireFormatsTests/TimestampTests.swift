import TestSupport
import Testing
import WireFormats

struct TimestampTests {
  @Test(arguments: [
    ("1970-01-01T00:00:00Z", 0), ("2000-02-29T12:34:56Z", 951_827_696), ("2026-12-15T02:00:00Z", 1_797_300_000),
    ("1969-12-31T23:59:59Z", -1), ("0001-01-01T00:00:00Z", -62_135_596_800), ("9999-12-31T23:59:59Z", 253_402_300_799),
    ("1900-03-01T00:00:00Z", -2_203_891_200), ("2100-03-01T00:00:00Z", 4_107_542_400),
  ])
  func knownMomentsAreReadAndWritten(text: String, seconds: Int64) {
    #expect(Timestamp(text) == Timestamp(seconds: seconds))
    #expect(Timestamp(seconds: seconds).description == text)
  }

  @Test(arguments: [
    ("2026-12-15T02:00:00.5Z", "2026-12-15T02:00:00.500000Z"),
    ("2026-12-15T02:00:00.123456789Z", "2026-12-15T02:00:00.123456Z"),
    ("2026-12-15T02:00:00.000Z", "2026-12-15T02:00:00Z"), ("2026-12-15T02:00:00+02:00", "2026-12-15T00:00:00Z"),
    ("2026-12-14T20:30:00-05:30", "2026-12-15T02:00:00Z"), ("2026-12-15t02:00:00z", "2026-12-15T02:00:00Z"),
    ("2026-12-15 02:00:00Z", "2026-12-15T02:00:00Z"), ("2026-01-01T00:30:00+01:00", "2025-12-31T23:30:00Z"),
    ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00Z"), ("1969-12-31T23:59:59.75Z", "1969-12-31T23:59:59.750000Z"),
  ])
  func otherSpellingsMeanTheSameMoment(text: String, canonical: String) {
    #expect(Timestamp(text)?.description == canonical)
  }

  @Test(arguments: [
    "", "2026", "2026-12-15", "2026-12-15T02:00Z", "2026-12-15T02:00:00", "2026-13-01T00:00:00Z",
    "2026-00-01T00:00:00Z",
    "2026-02-29T00:00:00Z", "2100-02-29T00:00:00Z", "2026-04-31T00:00:00Z", "2026-12-00T00:00:00Z",
    "2026-12-15T24:00:00Z", "2026-12-15T02:60:00Z", "2026-12-15T02:00:61Z", "2026-12-15T02:00:00.Z",
    "2026-12-15T02:00:00.1234567890Z", "2026-12-15T02:00:00+2:00", "2026-12-15T02:00:00+24:00",
    "2026-12-15T02:00:00+0200",
    "2026-12-15T02:00:00Zx", " 2026-12-15T02:00:00Z", "+026-12-15T02:00:00Z", "2026-12-15T02:00:00−02:00", "tomorrow",
  ])
  func anythingElseIsNoMoment(text: String) { #expect(Timestamp(text) == nil) }

  @Test func everyDayOfFourHundredYearsIsReadBackAsItWasWritten() {
    for day in Int64(-36_525)..<109_573 {
      let moment = Timestamp(seconds: day * 86_400 + 1)
      if Timestamp(moment.description) != moment { Issue.record("\(moment)") }
    }
  }

  @Test func durationsAreAddedAndTakenInMicroseconds() {
    let start = Timestamp(seconds: 100)
    #expect((start + .milliseconds(1500)).microseconds == 101_500_000)
    #expect((start + .seconds(-200)).microseconds == -100_000_000)
    #expect(start - Timestamp(seconds: 40) == .seconds(60))
  }

  @Test(arguments: [(1_500_000, 1_000_000), (-1_500_000, -2_000_000), (-2_000_000, -2_000_000), (0, 0)])
  func wholeSecondsRoundDown(microseconds: Int64, whole: Int64) {
    #expect(Timestamp(microseconds: microseconds).wholeSeconds.microseconds == whole)
  }
}

struct DurationTextTests {
  @Test(arguments: [
    ("0", Duration.zero, "0s"), ("0s", .zero, "0s"), ("30s", .seconds(30), "30s"), ("10m", .seconds(600), "10m"),
    ("1h30m", .seconds(5400), "1h30m"), ("90m", .seconds(5400), "1h30m"),
    ("1h1m1s1ms", .milliseconds(3_661_001), "1h1m1s1ms"),
    ("1500ms", .milliseconds(1500), "1s500ms"), ("100h", .seconds(360_000), "100h"),
  ])
  func spansAreReadAndWritten(text: String, duration: Duration, canonical: String) {
    #expect(DurationText(text)?.duration == duration)
    #expect(DurationText(duration).description == canonical)
  }

  @Test(arguments: [
    "", "10", "s", "-5s", "+5s", "1.5h", "5 s", "5S", "1s1m", "1m1m", "1d", "5µs", "99999999999999999999s",
    "9223372036854775807h",
    "2562047788016h", "٣s", "5s ",
  ])
  func anythingElseIsNoSpan(text: String) { #expect(DurationText(text) == nil) }

  @Test(
    arguments: [("90d", 90 * 86_400), ("1d", 86_400), ("36500d", 36_500 * 86_400), ("1h30m", 5400)] as [(String, Int64)]
  )
  func aLifetimeMayBeGivenInDays(text: String, seconds: Int64) {
    #expect(Duration(lifetime: text) == .seconds(seconds))
  }

  @Test(arguments: [
    "", "d", "0d", "0", "-1d", "+1d", "90", "90days", "1d1h", "1.5d", "36501d", "876001h", "9223372036854775807d",
  ])
  func whatIsNoLifetimeIsRefused(text: String) { #expect(Duration(lifetime: text) == nil) }
}
