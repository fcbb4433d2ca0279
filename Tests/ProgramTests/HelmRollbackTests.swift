import DeploymentKinds
import FoundationEssentials
import ResourceModel
import TestSupport
import Testing

/// The return to what ran before, through Helm.
@Suite(.needs(.cluster), .needs(.kubectl), .needs(.images), .usesEngine, .timeLimit(.minutes(60)))
struct HelmRollbackTests {
  @Test(arguments: HelmEdition.offered.sharedOut(0))
  func aRevisionComesFromHelmAndAVersionFromTheBucket(_ edition: HelmEdition) async throws {
    try await HelmEnvironment.use(edition) { environment in
      try await environment.startAgent()
      let first = try await environment.deploy(try await environment.spec("1.0.0", tag: "v1"))
      let spec = try await environment.spec("1.1.0", tag: "v2")
      try await environment.deploy(spec)

      // What Helm keeps needs no bucket.
      let bucket = environment.folder.file("bucket")
      let away = environment.folder.file("bucket-away")
      try FileManager.default.moveItem(atPath: bucket, toPath: away)
      var backwards = spec
      (backwards.version, backwards.artifact, backwards.imageTags) = (nil, nil, nil)
      backwards.rollbackTo = .init(revision: 1)
      let back = try await environment.deploy(backwards)
      #expect(back.status?.current?.version == "1.0.0")
      #expect(back.status?.current?.revision == 3)
      #expect(back.status?.current?.imageDigests == first.status?.current?.imageDigests)
      #expect(
        try await environment.helmHistory() == [
          "1 superseded wrktalk-1.0.0", "2 superseded wrktalk-1.1.0", "3 deployed wrktalk-1.0.0",
        ])
      #expect(try await environment.helm("history", "wrktalk").contains("Rollback to 1"))
      #expect(try await environment.servedVersion(of: "backend") == "v1")

      // An earlier version is declared again, and deployed again from the bucket.
      try FileManager.default.moveItem(atPath: away, toPath: bucket)
      try await environment.wrktalkctl("rollback", "wrktalk", "--to-version", "1.1.0")
      let again = try await environment.waitUntilReady()
      #expect(again.spec.version == "1.1.0")
      #expect(again.spec.rollbackTo == nil)
      #expect(again.status?.current?.revision == 4)
      #expect(try await environment.helmHistory().last == "4 deployed wrktalk-1.1.0")
      #expect(try await environment.servedVersion(of: "backend") == "v2")
      let history = try #require(again.status?.history)
      #expect(history.map(\.release.version) == ["1.1.0", "1.0.0", "1.1.0", "1.0.0"])
      #expect(history.map(\.revision) == [4, 3, 2, 1])
    }
  }
}
