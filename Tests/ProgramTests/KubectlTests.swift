import TestSupport
import Testing

/// Stock `kubectl`, unmodified, against the real Backend.
@Suite(.needs(.kubectl), .timeLimit(.minutes(10)))
struct KubectlTests {
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

  /// What an Agent would report.
  private static let readyStatus = """
    {"status": {"observedGeneration": 1, "conditions": [{"type": "Ready", "status": "True", "reason": "Deployed",
    "message": "1.0.0 runs", "lastTransitionTime": "2026-11-24T03:00:32Z"}]}}
    """

  @Test func applyDiffAndApplyAgain() async throws {
    try await withSession { session in
      let first = try session.manifest()
      #expect(try await session.run("apply", "-f", first).contains("wrktalk created"))
      #expect(try await session.run("apply", "-f", first).contains("wrktalk unchanged"))
      let second = try session.manifest(("version: 1.0.0", "version: 1.1.0"))
      let diff = try await session.failure("diff", "-f", second)
      #expect(diff.contains("-  version: 1.0.0"))
      #expect(diff.contains("+  version: 1.1.0"))
      #expect(diff.contains("+  generation: 2"))
      #expect(try await session.run("apply", "-f", second).contains("wrktalk configured"))
      try await session.run("diff", "-f", second)
      let dryRun = try await session.run("apply", "--dry-run=server", "-f", first)
      #expect(dryRun.contains("configured (server dry run)"))
      #expect(try await session.run("get", "dd", "wrktalk", "-o", "jsonpath={.metadata.generation}") == "2")
    }
  }

  @Test func getInEveryForm() async throws {
    try await withSession { session in
      #expect(try await session.run("get", "dd").contains("No resources found"))
      try await session.run("apply", "-f", try session.manifest())
      try await session.run("patch", "dd", "wrktalk", "--subresource=status", "--type=merge", "-p", Self.readyStatus)
      let table = try await session.run("get", "dd")
      #expect(table.contains("NAME      READY   STATUS     DESIRED   CURRENT   AGE"))
      #expect(table.contains("wrktalk   True    Deployed   1.0.0"))
      #expect(try await session.run("get", "dd", "-o", "wide").contains("RUNTIME"))
      #expect(try await session.run("get", "dd", "-A").contains("NAMESPACE"))
      #expect(try await session.run("get", "dd", "wrktalk", "-o", "yaml").contains("failurePolicy: RollBack"))
      #expect(try await session.run("get", "dd", "wrktalk", "-o", "json").contains("\"timeout\": \"10m\""))
      #expect(
        try await session.run("get", "desireddeployments", "-o", "name")
          == "desireddeployment.deploy.wrktalk.com/wrktalk")
      #expect(try await session.failure("get", "dd", "other").contains("\"other\" not found"))
    }
  }

  @Test func getWatchesAndWaitEndsWhenTheConditionIsTrue() async throws {
    try await withSession { session in
      try await session.run("apply", "-f", try session.manifest())
      let watch = try await session.start(["get", "dd", "-w"])
      try await watch.line(containing: "wrktalk")
      let wait = try await session.start(["wait", "--for=condition=Ready", "dd/wrktalk", "--timeout=60s"])
      try await session.run("patch", "dd", "wrktalk", "--subresource=status", "--type=merge", "-p", Self.readyStatus)
      try await watch.line(containing: "Deployed")
      #expect(await wait.termination() == .exited(code: 0))
      #expect(wait.output.last?.contains("condition met") == true)
      await watch.kill()
    }
  }

  @Test func describeTellsTheStoryInEvents() async throws {
    try await withSession { session in
      try await session.run("apply", "-f", try session.manifest())
      let uid = try await session.run("get", "dd", "wrktalk", "-o", "jsonpath={.metadata.uid}")
      let event = try session.folder.write(
        """
        apiVersion: v1
        kind: Event
        metadata: {generateName: wrktalk., namespace: wrktalk}
        involvedObject:
          {apiVersion: deploy.wrktalk.com/v1, kind: DesiredDeployment, namespace: wrktalk, name: wrktalk, uid: "\(uid)"}
        reason: Deployed
        message: 1.0.0 runs in full health
        type: Normal
        count: 1
        source: {component: wrktalk-agent}
        firstTimestamp: "2026-11-24T03:00:32Z"
        lastTimestamp: "2026-11-24T03:00:32Z"
        """, to: "event.yaml")
      try await session.run("create", "-f", event)
      let description = try await session.run("describe", "dd", "wrktalk")
      #expect(description.contains(#/Failure Policy: +RollBack/#))
      #expect(description.contains("Deployed"))
      #expect(description.contains("1.0.0 runs in full health"))
      #expect(try await session.run("events", "--for", "dd/wrktalk").contains("1.0.0 runs in full health"))
    }
  }

  @Test func explainDocumentsEveryField() async throws {
    try await withSession { session in
      let text = try await session.run("explain", "desireddeployment.spec.artifact")
      #expect(text.contains("FIELD: artifact <Object>"))
      #expect(text.contains("sha256\t<string> -required-"))
      #expect(try await session.run("explain", "dd", "--recursive").contains("newNonEssentialEnvs"))
      #expect(try await session.run("api-resources").contains("desireddeployments   dd"))
      #expect(try await session.run("version").contains("Server Version: v1.34"))
    }
  }

  @Test func editPatchLabelAnnotateReplaceAndDelete() async throws {
    try await withSession { session in
      let manifest = try session.manifest()
      try await session.run("create", "-f", manifest)
      try await session.run(
        "edit", "dd", "wrktalk", environment: ["KUBE_EDITOR": "sed -i s/1.0.0$/1.2.0/"])
      #expect(try await session.run("get", "dd", "wrktalk", "-o", "jsonpath={.spec.version}") == "1.2.0")
      try await session.run("patch", "dd", "wrktalk", "--type=merge", "-p", "{\"spec\":{\"suspend\":true}}")
      #expect(try await session.run("get", "dd", "wrktalk", "-o", "jsonpath={.spec.suspend}") == "true")
      try await session.run(
        "patch", "dd", "wrktalk", "--type=json", "-p",
        "[{\"op\":\"replace\",\"path\":\"/spec/suspend\",\"value\":false}]")
      #expect(try await session.run("get", "dd", "wrktalk", "-o", "jsonpath={.spec.suspend}") == "false")
      try await session.run("label", "dd", "wrktalk", "tier=prod")
      #expect(try await session.run("get", "dd", "-l", "tier=prod", "-o", "name").contains("wrktalk"))
      #expect(try await session.run("get", "dd", "-l", "tier!=prod", "-o", "name") == "")
      try await session.run("annotate", "dd", "wrktalk", "deploy.wrktalk.com/retryRequestedAt=now")
      #expect(try await session.run("replace", "-f", manifest).contains("replaced"))
      #expect(try await session.run("delete", "-f", manifest).contains("deleted"))
      #expect(try await session.failure("get", "dd", "wrktalk").contains("not found"))
    }
  }

  @Test func whatIsWrongIsSaidClearly() async throws {
    try await withSession { session in
      try await session.run("apply", "-f", try session.manifest())
      let misspelt = try session.manifest(("  runtime:", "  runtim:"))
      #expect(try await session.failure("apply", "-f", misspelt).contains("unknown field \"spec.runtim\""))
      let wrong = try session.manifest(("version: 1.0.0", "version: newest"))
      #expect(try await session.failure("apply", "-f", wrong).contains("spec.version: Invalid value"))
      let type = try session.manifest(("version: 1.0.0", "version: [1]"))
      #expect(try await session.failure("apply", "-f", type).contains("spec.version"))
      #expect(try await session.failure("create", "-f", try session.manifest()).contains("already exists"))
      let conflict = try await session.failure(
        "patch", "dd", "wrktalk", "--type=merge", "-p",
        "{\"metadata\":{\"resourceVersion\":\"1\"},\"spec\":{\"suspend\":true}}")
      #expect(conflict.contains("the object has been modified"))
      let strategic = try await session.failure("patch", "dd", "wrktalk", "-p", "{\"spec\":{\"suspend\":true}}")
      #expect(strategic.contains("use --type=merge or --type=json"))
    }
  }

  @Test func everyRoleIsToldWhatItMay() async throws {
    try await withSession { session in
      try await session.run("apply", "-f", try session.manifest())
      #expect(try await session.run("auth", "can-i", "delete", "dd") == "yes")
      #expect(try await session.run("auth", "can-i", "--list").contains("*.*"))
      #expect(try await session.run("auth", "whoami").contains("tests-admin"))
      try session.useToken(try await CustomerEnvironment.createToken(role: "agent", session.databaseURL))
      #expect(try await session.failure("auth", "can-i", "update", "dd").hasPrefix("no"))
      #expect(try await session.run("auth", "can-i", "update", "dd", "--subresource=status") == "yes")
      #expect(try await session.run("auth", "can-i", "patch", "dd", "--subresource=finalizers") == "yes")
      try await session.run(
        "patch", "dd", "wrktalk", "--type=merge", "-p", "{\"metadata\":{\"finalizers\":[\"example.com/kept\"]}}")
      try await session.run("patch", "dd", "wrktalk", "--type=merge", "-p", "{\"metadata\":{\"finalizers\":null}}")
      let forbidden = try await session.failure(
        "patch", "dd", "wrktalk", "--type=merge", "-p", "{\"spec\":{\"suspend\":true}}")
      #expect(forbidden.contains("User \"tests-agent\" (role agent) cannot patch resource \"desireddeployments\""))
      try session.useToken("wrong")
      #expect(try await session.failure("get", "dd").contains("You must be logged in to the server"))
    }
  }
}
