import FleetPlanning
import Testing

@Suite struct ReleaseVersionTests {
  @Test(arguments: [
    ("2.3.0", "2.3.0"), ("v2.3.0", "2.3.0"), ("V2.3.0", "2.3.0"), ("2.3.0-rc.1", "2.3.0-rc.1"),
    ("0.0.0-0a.b-c", "0.0.0-0a.b-c"),
  ])
  func aLeadingVIsLeftOut(_ text: String, _ version: String) throws {
    #expect(try ReleaseVersion(text).description == version)
  }

  @Test(arguments: [
    ("2.3.0+build.7", ReleaseVersion.Refusal.buildMetadata("2.3.0+build.7")),
    ("v2.3.0+b", .buildMetadata("2.3.0+b")), ("2.3.0-RC.1", .upperCase("2.3.0-RC.1")), ("2.3", .notAVersion("2.3")),
    ("vv2.3.0", .notAVersion("v2.3.0")), ("", .notAVersion("")), ("2.03.0", .notAVersion("2.03.0")),
    ("2.3.0-", .notAVersion("2.3.0-")), ("2.3.0-rc.-1", .notAVersion("2.3.0-rc.-1")), ("a+b", .notAVersion("a+b")),
    ("2.3.0-ä", .notAVersion("2.3.0-ä")), ("1.0.0-\(String(repeating: "a", count: 59))", .tooLong),
  ])
  func whatHasNoOrderOrIsNoNameIsRefusedWithAReason(_ text: String, _ refusal: ReleaseVersion.Refusal) {
    // helm#8739: of two versions that differ in build metadata, one was picked at random.
    #expect(throws: refusal) { try ReleaseVersion(text) }
    #expect(refusal.description.count > 20)
  }

  @Test func versionsAreOrderedByNumbersNotByText() throws {
    // helm#2567: .99 came after .102.
    let texts = ["1.0.0-rc.2", "1.0.0-rc.10", "1.0.0", "1.0.99", "1.0.102", "1.2.0-alpha", "1.2.0", "1.10.0"]
    let versions = try texts.map { text throws in try ReleaseVersion(text) }
    #expect(versions.reversed().sorted().map(\.description) == texts)
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
