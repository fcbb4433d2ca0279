import TestSupport
import Testing

/// What an old `kubectl` needs before it writes anything, and what every one reads OpenAPI v2, Namespaces and strategic
/// merge patches for.
@Suite(.needs(.kubectl), .needs(.kubectl127), .timeLimit(.minutes(10)))
struct KubectlVersionTests {
  static let versions: [Testbed.Facility] = [.kubectl127, .kubectl]

  private func withSession(_ version: Testbed.Facility, _ body: (KubectlSession) async throws -> Void) async throws {
    let session = try await KubectlSession(version)
    do {
      try await body(session)
    } catch {
      await session.backend.stop()
      throw error
    }
    await session.backend.stop()
  }

  @Test(arguments: versions) func deploymentsAreWrittenWithValidation(version: Testbed.Facility) async throws {
    try await withSession(version) { session in
      let manifest = try session.manifest()
      #expect(try await session.failure("diff", "-f", manifest).contains("+  version: 1.0.0"))
      #expect(try await session.run("create", "-f", manifest).contains("created"))
      let changed = try session.manifest(("version: 1.0.0", "version: 1.1.0"))
      #expect(try await session.failure("diff", "-f", changed).contains("+  version: 1.1.0"))
      #expect(try await session.run("apply", "-f", changed).contains("configured"))
      #expect(try await session.run("replace", "-f", manifest).contains("replaced"))
      try await session.run("edit", "dd", "wrktalk", environment: ["KUBE_EDITOR": "sed -i s/1.0.0$/1.2.0/"])
      #expect(try await session.run("get", "dd", "wrktalk", "-o", "jsonpath={.spec.version}") == "1.2.0")
      #expect(try await session.run("explain", "dd.spec.artifact").contains("sha256"))
      let misspelt = try session.manifest(("  runtime:", "  runtim:"))
      #expect(try await session.failure("apply", "-f", misspelt).contains("unknown field \"spec.runtim\""))
    }
  }

  @Test(arguments: versions) func aListIsBackedUpAndRestored(version: Testbed.Facility) async throws {
    try await withSession(version) { session in
      let list = try session.file(
        """
        apiVersion: v1
        kind: List
        items:
        - {apiVersion: v1, kind: Namespace, metadata: {name: listed}}
        - {apiVersion: coordination.k8s.io/v1, kind: Lease, metadata: {name: l, namespace: listed}, spec: {holderIdentity: a}}
        """)
      #expect(try await session.run("apply", "-f", list).contains("lease.coordination.k8s.io/l created"))
      try await session.run("apply", "-f", try session.manifest())
      let backup = try session.file(try await session.run("get", "dd", "-o", "yaml"))
      #expect(try await session.run("apply", "-f", backup).contains("wrktalk "))
    }
  }

  @Test(arguments: versions) func aKindThatIsNotServedIsNamed(version: Testbed.Facility) async throws {
    try await withSession(version) { session in
      let manifest = try session.manifest(("kind: DesiredDeployment", "kind: DesiredDeploymnt"))
      let message = try await session.failure("apply", "-f", manifest)
      #expect(
        message.contains("no matches for kind \"DesiredDeploymnt\" in version \"deploy.wrktalk.com/v1\""), "\(message)")
    }
  }

  @Test(arguments: versions) func leasesAndEventsAreAppliedEditedAndPatched(version: Testbed.Facility) async throws {
    try await withSession(version) { session in
      func lease(_ holder: String) throws -> String {
        try session.file(
          """
          apiVersion: coordination.k8s.io/v1
          kind: Lease
          metadata: {name: l, namespace: wrktalk}
          spec: {holderIdentity: \(holder), renewTime: "2026-11-24T03:00:32Z"}
          """)
      }
      try await session.run("apply", "-f", try lease("first"))
      #expect(try await session.failure("diff", "-f", try lease("second")).contains("+  holderIdentity: second"))
      #expect(try await session.run("apply", "-f", try lease("second")).contains("configured"))
      try await session.run("edit", "lease", "l", environment: ["KUBE_EDITOR": "sed -i s/second$/third/"])
      try await session.run("patch", "lease", "l", "-p", "{\"metadata\":{\"finalizers\":[\"example.com/a\"]}}")
      let shown = try await session.run(
        "get", "lease", "l", "-o", "jsonpath={.spec.holderIdentity} {.spec.renewTime} {.metadata.finalizers[0]}")
      #expect(shown == "third 2026-11-24T03:00:32.000000Z example.com/a")
      let event = try session.file(
        """
        apiVersion: v1
        kind: Event
        metadata: {name: e, namespace: wrktalk}
        involvedObject: {kind: DesiredDeployment, namespace: wrktalk, name: wrktalk}
        reason: Trouble
        message: seen
        type: Error
        count: 1
        """)
      try await session.run("apply", "-f", event)
      try await session.run("patch", "event", "e", "-p", "{\"count\":2}")
      #expect(try await session.run("get", "event", "e", "-o", "jsonpath={.count}") == "2")
      #expect(try await session.run("get", "events").contains("desireddeployment/wrktalk"))
    }
  }

  @Test(arguments: versions) func namespacesAreCreatedShownAndDeleted(version: Testbed.Facility) async throws {
    try await withSession(version) { session in
      #expect(try await session.run("create", "namespace", "made").contains("created"))
      try await session.run("apply", "-f", try session.manifest())
      let names = try await session.run("get", "ns", "-o", "name")
      #expect(names == "namespace/made\nnamespace/wrktalk")
      #expect(try await session.run("delete", "ns", "made").contains("deleted"))
      #expect(try await session.failure("delete", "ns", "wrktalk").contains("delete what is in it first"))
      try await session.run("delete", "dd", "--all")
      #expect(try await session.run("delete", "ns", "wrktalk").contains("deleted"))
      #expect(try await session.run("get", "ns", "-o", "name") == "")
    }
  }
}
