import DeploymentKinds
import ResourceModel
import TestSupport
import Testing
import WireFormats

/// Releases through Helm, with the real programs and real pods: installed, upgraded, and told of by stock kubectl.
@Suite(.needs(.cluster), .needs(.kubectl), .needs(.images), .usesEngine, .timeLimit(.minutes(60)))
struct HelmReleaseTests {
  @Test(arguments: HelmEdition.offered.sharedOut(0))
  func aReleaseFromTheBackendIsInstalledAndUpgraded(_ edition: HelmEdition) async throws {
    try await HelmEnvironment.use(edition) { environment in
      try await environment.startAgent()
      let installed = try await environment.deploy(try await environment.spec("1.0.0", tag: "v1"))
      #expect(installed.status?.current?.revision == 1)
      #expect(try await environment.servedVersion(of: "backend") == "v1")
      let before = try #require(installed.status?.current?.imageDigests)
      #expect(Set(before.keys) == ["backend", "media"])
      #expect(before.values.allSatisfy { $0.hasPrefix("sha256:") })

      let upgraded = try await environment.deploy(try await environment.spec("1.1.0", tag: "v2"))
      let current = try #require(upgraded.status?.current)
      #expect(current.version == "1.1.0")
      #expect(current.imageDigests["backend"] != before["backend"])
      #expect(upgraded.status?.history?.map(\.release.version) == ["1.1.0", "1.0.0"])
      #expect(upgraded.status?.history?.map(\.revision) == [2, 1])
      #expect(upgraded.status?.history?.first?.imageDigests == current.imageDigests)
      #expect(try await environment.helmHistory() == ["1 superseded wrktalk-1.0.0", "2 deployed wrktalk-1.1.0"])
      #expect(current.revision == 2)
      #expect(try await environment.servedVersion(of: "backend") == "v2")
      try await expectTheStory(in: environment)

      // Once more, with the values as they are now: first the same, then others.
      try await environment.wrktalkctl("retry", "wrktalk", "--wait")
      #expect(try await environment.helmHistory().count == 2)
      _ = try await environment.publish("1.1.0", values: "settings: {COLOUR: red}\n")
      try await environment.wrktalkctl("retry", "wrktalk", "--wait")
      #expect(try await environment.helmHistory().last == "3 deployed wrktalk-1.1.0")
      #expect(try await environment.field(".data.COLOUR", of: "configmap/wrktalk-settings") == "red")
    }
  }

  @Test(arguments: HelmEdition.offered.sharedOut(1))
  func kubectlIsAllThatAReleaseInAClusterTakes(_ edition: HelmEdition) async throws {
    try await HelmEnvironment.use(edition, source: .cluster) { environment in
      try await environment.startAgent()
      for (version, tag) in [("1.0.0", "v1"), ("1.1.0", "v2")] {
        let spec = try JSONValue(encoding: try await environment.spec(version, tag: tag))
        try await environment.session.kubectl("apply", "-f", environment.session.manifest("wrktalk", spec: spec))
        // What is Ready is Ready for the generation before until the Agent has seen the new one.
        let generation = try await environment.deployment().metadata.generation ?? 0
        try await environment.session.kubectl(
          "wait", "--for=jsonpath={.status.observedGeneration}=\(generation)", "dd/wrktalk", "--timeout=60s")
        try await environment.session.kubectl("wait", "--for=condition=Ready", "dd/wrktalk", "--timeout=120s")
        #expect(try await environment.servedVersion(of: "media") == tag)
      }
      #expect(try await environment.helmHistory() == ["1 superseded wrktalk-1.0.0", "2 deployed wrktalk-1.1.0"])
      try await expectTheStory(in: environment)
    }
  }

  /// What `kubectl` shows of the two releases, whoever holds the record.
  private func expectTheStory(in environment: HelmEnvironment) async throws {
    let table = try await environment.kubectlOfRecord("get", "dd", "-o", "wide")
    #expect(
      table.contains(/wrktalk +True +InSync +1.1.0 +1.1.0 +\S+ +Helm +2 +1.1.0 \(revision 2\) runs in full health/),
      "\(table)")
    let story = [
      "Deploying 1.0.0", "1.0.0 (revision 1) was deployed and runs in full health",
      "Deploying 1.1.0 over 1.0.0 (revision 1)", "1.1.0 (revision 2) was deployed and runs in full health",
    ]
    let events = try await environment.events { events in
      story.allSatisfy { line in events.contains { $0.hasSuffix(line) } }
    }
    #expect(story.allSatisfy { line in events.contains { $0.hasSuffix(line) } }, "\(events)")
    let description = try await environment.kubectlOfRecord("describe", "dd", "wrktalk")
    for line in story { #expect(description.contains(line), "\(description)") }
  }
}
