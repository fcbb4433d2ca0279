import Testing

@testable import ControlCenter

@Suite struct ArtifactVersionTests {
  @Test(arguments: [
    ("2.3.0", "2.3.0"), ("v2.3.0", "2.3.0"), ("0.0.1", "0.0.1"), ("2.4.0-rc.1", "2.4.0-rc.1"),
    ("1.0.0-alpha-2.x", "1.0.0-alpha-2.x"), ("10.20.30", "10.20.30"), ("2.3.0--a", "2.3.0--a"),
  ])
  func versionsAreTakenWithoutTheLetterBeforeThem(text: String, version: String) throws {
    #expect(try ArtifactVersion(text).text == version)
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
    let refusal = #expect(throws: ArtifactVersion.Refusal.self) { try ArtifactVersion(text) }
    #expect(refusal?.description.contains(reason) == true, "\(refusal?.description ?? "")")
    #expect(refusal?.description.unicodeScalars.contains { $0.value < 0x20 } == false)
  }

  @Test func versionsAreOrderedByMeaning() throws {
    let sorted = ["1.9.0", "2.0.0-alpha.2", "2.0.0-alpha.10", "2.0.0-rc.1", "2.0.0", "2.0.99", "2.0.102"]
    #expect(try sorted.shuffled().map { try ArtifactVersion($0) }.sorted().map(\.text) == sorted)
  }

  @Test func keysOfTheBucketAreTheSpecificationsAndAreReadBack() throws {
    let version = try ArtifactVersion("2.3.0")
    let (helm, compose) = (ArtifactKey(version: version, type: .helm), ArtifactKey(version: version, type: .compose))
    #expect(helm.bucketPath == "charts/helm/wrktalk-2.3.0.tgz")
    #expect(compose.bucketPath == "charts/compose/wrktalk-2.3.0-compose.tar.gz")
    #expect(ArtifactKey(bucketPath: helm.bucketPath) == helm)
    #expect(ArtifactKey(bucketPath: compose.bucketPath) == compose)
    for other in ["charts/helm/index.yaml", "charts/helm/wrktalk-.tgz", "charts/helm/wrktalk-v2.3.0.tgz", "charts/x"] {
      #expect(ArtifactKey(bucketPath: other) == nil)
    }
  }

  @Test(
    arguments: [
      (nil, nil, ByteRange.whole), ("bytes=0-9", nil, .part(0..<10)), ("bytes=90-", nil, .part(90..<100)),
      ("bytes=-10", nil, .part(90..<100)), ("bytes=-1000", nil, .part(0..<100)),
      ("bytes=50-5000", nil, .part(50..<100)),
      ("bytes=99-99", nil, .part(99..<100)), ("bytes=100-", nil, .unsatisfiable), ("bytes=-0", nil, .unsatisfiable),
      ("bytes=5-4", nil, .whole), ("bytes=a-b", nil, .whole), ("bytes=-", nil, .whole), ("bytes=0-1,5-6", nil, .whole),
      ("items=0-1", nil, .whole), ("bytes", nil, .whole), ("BYTES=0-0", nil, .part(0..<1)),
      ("bytes=99999999999999999999-", nil, .unsatisfiable), ("bytes=0-99999999999999999999", nil, .part(0..<100)),
      ("bytes=0-9", "\"etag\"", .part(0..<10)), ("bytes=0-9", "\"other\"", .whole), ("bytes=0-9", "W/\"etag\"", .whole),
      ("bytes=0-9", "Tue, 01 Dec 2026 00:00:00 GMT", .whole),
    ] as [(String?, String?, ByteRange)])
  func rangesAreReadAsHTTPSays(header: String?, condition: String?, range: ByteRange) {
    #expect(ByteRange(header, condition: condition, size: 100, etag: "\"etag\"") == range)
  }
}
