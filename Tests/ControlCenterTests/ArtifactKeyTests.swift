import FleetPlanning
import Testing

@testable import ControlCenter

@Suite struct ArtifactKeyTests {
  @Test func keysOfTheBucketAreTheSpecificationsAndAreReadBack() throws {
    let version = try ReleaseVersion("2.3.0")
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
