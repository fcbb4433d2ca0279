import TestSupport
import Testing

/// Stock `kubectl` that lets the server merge, and two managers of one object, against the real Backend.
@Suite(.needs(.kubectl), .timeLimit(.minutes(10)))
struct ServerSideApplyTests {
  private func withSession(_ body: (KubectlSession) async throws -> Void) async throws {
    let session = try await KubectlSession()
    do {
      try await body(session)
    } catch {
      await session.backend.stop()
      throw error
    }
    #expect(await session.backend.stop() == .exited(code: 0))
  }

  private static let suspended = ("version: 1.0.0", "version: 1.0.0\n  suspend: true")
  private static let newer = ("version: 1.0.0", "version: 1.1.0")

  private func get(_ session: KubectlSession, _ path: String) async throws -> String {
    try await session.run("get", "dd", "wrktalk", "-o", "jsonpath={\(path)}")
  }

  @Test func theServerMerges() async throws {
    try await withSession { session in
      let plain = try session.manifest()
      #expect(try await session.failure("diff", "--server-side", "-f", plain).contains("+  version: 1.0.0"))
      let dryRun = try await session.run("apply", "--server-side", "--dry-run=server", "-f", plain)
      #expect(dryRun.contains("serverside-applied (server dry run)"))
      #expect(try await session.failure("get", "dd", "wrktalk").contains("not found"))

      let applied = try await session.run("apply", "--server-side", "-f", try session.manifest(Self.suspended))
      #expect(applied.contains("wrktalk serverside-applied"))
      let version = try await get(session, ".metadata.resourceVersion")
      try await session.run("apply", "--server-side", "-f", try session.manifest(Self.suspended))
      #expect(try await get(session, ".metadata.resourceVersion") == version, "nothing changed")

      let diff = try await session.failure("diff", "--server-side", "-f", plain)
      #expect(diff.contains("-  suspend: true"))
      #expect(diff.contains("+  suspend: false"))
      try await session.run("apply", "--server-side", "-f", plain)
      #expect(try await get(session, ".spec.suspend") == "false", "what is not applied any more is the default again")
      try await session.run("diff", "--server-side", "-f", plain)
    }
  }

  @Test func twoManagersShareAnObject() async throws {
    try await withSession { session in
      try await session.run("apply", "--server-side", "--field-manager=vendor", "-f", try session.manifest())
      let customer = try session.file(
        """
        apiVersion: deploy.wrktalk.com/v1
        kind: DesiredDeployment
        metadata: {name: wrktalk, namespace: wrktalk, labels: {tier: gold}}
        spec: {suspend: true, imageTags: {backend: v7}}
        """)
      try await session.run("apply", "--server-side", "--field-manager=customer", "-f", customer)
      // Each goes on with its own.
      try await session.run("apply", "--server-side", "--field-manager=vendor", "-f", try session.manifest(Self.newer))
      #expect(try await get(session, ".spec.version") == "1.1.0")
      #expect(try await get(session, ".spec.suspend") == "true")

      let wanted = try session.manifest(Self.suspended, ("suspend: true", "suspend: false"))
      let refused = try await session.failure("apply", "--server-side", "--field-manager=vendor", "-f", wanted)
      #expect(refused.contains(#"Apply failed with 1 conflict: conflict with "customer": .spec.suspend"#))
      #expect(refused.contains("--force-conflicts"), "kubectl knows it as a conflict of managers")
      try await session.run(
        "apply", "--server-side", "--field-manager=vendor", "--force-conflicts", "-f", wanted)
      #expect(try await get(session, ".spec.suspend") == "false")
      let managers = try await get(session, ".metadata.managedFields[*].manager")
      #expect(managers.split(separator: " ").sorted() == ["customer", "vendor"])

      #expect(!(try await session.run("get", "dd", "wrktalk", "-o", "yaml").contains("managedFields")))
      let shown = try await session.run("get", "dd", "wrktalk", "-o", "yaml", "--show-managed-fields")
      #expect(shown.contains("f:imageTags"))
      #expect(shown.contains("operation: Apply"))
    }
  }

  @Test func otherWritesAreConflictsThatNameTheirManager() async throws {
    try await withSession { session in
      try await session.run("apply", "--server-side", "-f", try session.manifest())
      try await session.run("patch", "dd", "wrktalk", "--type=merge", "-p", #"{"spec":{"version":"1.2.0"}}"#)
      let refused = try await session.failure("apply", "--server-side", "-f", try session.manifest())
      #expect(
        refused.contains(
          #"conflict with "kubectl-patch" using deploy.wrktalk.com/v1: .spec.version"#))
      #expect(try await session.failure("diff", "--server-side", "-f", try session.manifest()).contains("conflict"))
      let diff = try await session.failure(
        "diff", "--server-side", "--force-conflicts", "-f", try session.manifest())
      #expect(diff.contains("-  version: 1.2.0"))
      let unknown = try session.manifest(("  runtime:", "  runtim:"))
      #expect(
        try await session.failure("apply", "--server-side", "-f", unknown).contains(#"unknown field "spec.runtim""#))
    }
  }

  /// From client-side apply and back.
  @Test func theWayFromClientSideApplyHasNoConflicts() async throws {
    try await withSession { session in
      try await session.run("apply", "-f", try session.manifest(Self.suspended))
      try await session.run("apply", "--server-side", "-f", try session.manifest(Self.newer))
      #expect(try await get(session, ".spec.version") == "1.1.0")
      #expect(try await get(session, ".spec.suspend") == "false", "what was applied on the client's side is taken over")
      let managers = try await get(session, ".metadata.managedFields[*].manager")
      #expect(managers.split(separator: " ").sorted() == ["kubectl", "kubectl-last-applied"])
      try await session.run("apply", "-f", try session.manifest(("version: 1.0.0", "version: 1.3.0")))
      #expect(try await get(session, ".spec.version") == "1.3.0")
    }
  }

  @Test func aStatusAndKindsOfKubernetesAreAppliedToo() async throws {
    try await withSession { session in
      try await session.run("apply", "--server-side", "-f", try session.manifest())
      let status = try session.file(
        """
        apiVersion: deploy.wrktalk.com/v1
        kind: DesiredDeployment
        metadata: {name: wrktalk, namespace: wrktalk}
        status: {observedGeneration: 1}
        """)
      try await session.run(
        "apply", "--server-side", "--subresource=status", "--field-manager=agent", "-f", status)
      #expect(try await get(session, ".status.observedGeneration") == "1")
      let others = try session.file(
        """
        apiVersion: v1
        kind: Namespace
        metadata: {name: other, labels: {tier: gold}}
        ---
        apiVersion: coordination.k8s.io/v1
        kind: Lease
        metadata: {name: lock, namespace: other}
        spec: {holderIdentity: me, leaseDurationSeconds: 15}
        """)
      let applied = try await session.run("apply", "--server-side", "-f", others)
      #expect(applied.contains("namespace/other serverside-applied"))
      #expect(applied.contains("lease.coordination.k8s.io/lock serverside-applied"))
      let holder = try await session.run(
        "get", "lease", "lock", "-n", "other", "-o", "jsonpath={.spec.holderIdentity}")
      #expect(holder == "me")
    }
  }
}
