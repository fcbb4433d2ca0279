import HTTPTransport
import Testing
import WireFormats

@testable import ObjectStorage

@Suite struct HTTPDateTests {
  @Test(arguments: [
    ("Sun, 06 Nov 1994 08:49:37 GMT", "1994-11-06T08:49:37Z"),
    ("Thu, 01 Jan 1970 00:00:00 GMT", "1970-01-01T00:00:00Z"),
    ("Wed, 31 Dec 1969 23:59:59 GMT", "1969-12-31T23:59:59Z"),
    ("Tue, 29 Feb 2028 12:00:00 GMT", "2028-02-29T12:00:00Z"),
  ])
  func datesAreWrittenAndRead(text: String, moment: String) throws {
    let moment = try #require(Timestamp(moment))
    #expect(HTTPDate.text(moment) == text)
    #expect(HTTPDate.timestamp(text) == moment)
  }

  @Test(arguments: [
    "", "Sun", "Sun, 6 Nov 1994 08:49:37 GMT", "Sun, 06 Now 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:37 CET",
  ])
  func otherTextsAreNoDates(text: String) { #expect(HTTPDate.timestamp(text) == nil) }

  @Test func clocksThatAreMinutesApartAreSaidSo() throws {
    let headers = HTTPHeaders([("Date", "Tue, 29 Feb 2028 12:00:00 GMT")])
    for (now, text) in [
      ("2028-02-29T12:04:59Z", nil), ("2028-02-29T11:55:01Z", nil),
      ("2028-02-29T12:20:00Z", "this machine's clock is 20 minutes fast; correct it"),
      ("2028-02-28T12:00:00Z", "this machine's clock is 1440 minutes slow; correct it"),
    ] as [(String, String?)] {
      #expect(ClockSkew(headers, now: try #require(Timestamp(now)))?.text == text)
    }
    #expect(ClockSkew(HTTPHeaders(), now: Timestamp(seconds: 0)) == nil)
  }
}
