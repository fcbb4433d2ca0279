import ReleaseManifest
import Testing

struct SemanticVersionTests {
  /// Each comes before the next.
  private static let ascending = [
    "0.0.0", "0.0.9", "0.0.10", "0.9.0", "v1.0.0-1", "1.0.0-2", "1.0.0-10", "1.0.0--", "1.0.0-RC", "1.0.0-alpha",
    "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2", "1.0.0-beta.11", "1.0.0-rc.1", "v1.0.0", "1.0.1",
    "1.2.0", "1.10.0", "10.0.0", "18446744073709551615.0.0",
  ]

  @Test func versionsAreOrderedByTheirNumbersAndPreReleases() throws {
    let versions = try Self.ascending.map { try #require(SemanticVersion($0), "\($0)") }
    for (index, version) in versions.enumerated() {
      for (other, right) in versions.enumerated() {
        #expect((version < right) == (index < other), "\(Self.ascending[index]) and \(Self.ascending[other])")
        #expect((version == right) == (index == other))
      }
    }
  }

  @Test func theLetterBeforeItDoesNotCount() {
    #expect(SemanticVersion("v1.2.3-rc.1") == SemanticVersion("1.2.3-rc.1"))
  }

  @Test(arguments: [
    "", "v", "1", "1.2", "1.2.3.4", "01.2.3", "1.2.3-", "1.2.3-01", "1.2.3-a..b", "1.2.3+build", "1.2.3-rc+1", "a.b.c",
    "1.2.x",
    " 1.2.3", "1.2.3 ", "1.2.3-ä", "-1.2.3", "vv1.2.3", "V1.2.3", "1..3", "18446744073709551616.0.0", "１.2.3",
    "1.2.3-" + String(repeating: "a", count: 200),
  ])
  func whatIsNotAVersionIsNone(_ text: String) { #expect(SemanticVersion(text) == nil) }
}
