import ReleaseManifest
import Testing

@testable import Agent

struct OwnWorkloadTests {
  @Test(arguments: [
    ("ghcr.io/wrktalk/agent:v1", "v1", true), ("ghcr.io/wrktalk/agent:v1", "v2", false),
    ("ghcr.io/wrktalk/agent:v1@sha256:old", "v1", false), ("ghcr.io/wrktalk/agent:v1@sha256:new", "v1", true),
    ("ghcr.io/wrktalk/agent:v1@sha256:platform", "v1", true),
  ])
  func theAgentIsReplacedWhereItsTagOrItsDigestIsAnother(_ image: String, _ tag: String, _ isSame: Bool) throws {
    let own = try #require(OwnWorkload(image: image))
    let signed = Manifest.Image(
      service: "agent", repository: "ghcr.io/wrktalk/agent", digest: "sha256:new", contentDigests: ["sha256:platform"])
    #expect(own.runs(tag, signed) == isSame)
    #expect(own.runs(tag, nil) == (tag == own.imageTag))
  }
}
