import FleetPlanning
import Testing

@Suite struct ReleaseVersionTests {
  @Test(arguments: [
    ("2.3.0", "2.3.0"), ("v2.3.0", "2.3.0"), ("0.0.1", "0.0.1"), ("2.4.0-rc.1", "2.4.0-rc.1"),
    ("1.0.0-alpha-2.x", "1.0.0-alpha-2.x"), ("10.20.30", "10.20.30"), ("2.3.0--a", "2.3.0--a"),
  ])
  func versionsAreTakenWithoutTheLetterBeforeThem(text: String, version: String) throws {
    #expect(try ReleaseVersion(text).text == version)
  }

  @Test(arguments: [
    ("2.3.0+build.7", "build metadata"), ("2.4.0-RC.1", "lower case"), ("V2.3.0", "lower case"),
    ("2.3", "semantic version"), ("2.3.0.1", "semantic version"), ("02.3.0", "semantic version"),
    ("", "semantic version"), ("vv2.3.0", "semantic version"), ("2.3.0-", "semantic version"),
    ("2.3.0-a-", "semantic version"), ("../../etc/passwd", "semantic version"),
    ("2.3.0/../x", "semantic version"), ("2.3.0\0", "semantic version"), ("２.3.0", "semantic version"),
    ("2.3.0 ", "semantic version"), ("${VERSION}", "single quotes"), ("2.3.0-é", "semantic version"),
    ("1.0.0-" + String(repeating: "a", count: 100), "64 bytes"),
  ])
  func everythingElseIsRefusedWithAReason(text: String, reason: String) {
    let refusal = #expect(throws: ReleaseVersion.Refusal.self) { try ReleaseVersion(text) }
    #expect(refusal?.description.contains(reason) == true, "\(refusal?.description ?? "")")
    #expect(refusal?.description.unicodeScalars.contains { $0.value < 0x20 } == false)
  }

  @Test func versionsAreOrderedByMeaning() throws {
    let sorted = ["1.9.0", "2.0.0-alpha.2", "2.0.0-alpha.10", "2.0.0-rc.1", "2.0.0", "2.0.99", "2.0.102"]
    #expect(try sorted.shuffled().map { try ReleaseVersion($0) }.sorted().map(\.text) == sorted)
  }

  @Test func versionsAreOrderedByNumbersNotByText() throws {
    // helm#2567: .99 came after .102.
    let texts = ["1.0.0-rc.2", "1.0.0-rc.10", "1.0.0", "1.0.99", "1.0.102", "1.2.0-alpha", "1.2.0", "1.10.0"]
    let versions = try texts.map { text throws in try ReleaseVersion(text) }
    #expect(versions.reversed().sorted().map(\.text) == texts)
  }

  @Test(
    arguments: [
      ("1.0.0", VersionsBehind(releases: 3, preReleases: 2)), ("v1.2.0", VersionsBehind(releases: 1, preReleases: 1)),
      ("1.10.0", VersionsBehind(releases: 0, preReleases: 1)),
      ("2.0.0-rc.1", VersionsBehind(releases: 0, preReleases: 0)),
      ("9.9.9", VersionsBehind(releases: 0, preReleases: 0)), ("latest", nil), (nil, nil),
    ] as [(String?, VersionsBehind?)])
  func preReleasesAreCountedApart(_ current: String?, _ behind: VersionsBehind?) {
    let published = PublishedVersions([
      "1.10.0", "1.0.0", "1.2.0", "1.1.0", "1.1.0-rc.1", "2.0.0-rc.1", "no version",
    ])
    #expect(published.behind(current) == behind)
  }
}
