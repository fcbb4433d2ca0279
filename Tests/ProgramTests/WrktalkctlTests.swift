import DeploymentKinds
import HTTPTransport
import ResourceClient
import ResourceModel
import TestSupport
import Testing
import WireFormats

/// The real `wrktalkctl` against a real Backend; no Agent, so the tests write the status themselves.
@Suite struct WrktalkctlTests {
  private static let manifest = """
    apiVersion: deploy.wrktalk.com/v1
    kind: DesiredDeployment
    metadata: {name: wrktalk}
    spec:
      version: 1.0.0
      runtime: Compose
      artifact:
        path: artifacts/compose/wrktalk-1.0.0-compose.tar.gz
        sha256: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
      imageTags: {backend: v1, media: v1}
      compose: {projectName: shop, envPath: config/.env}

    """

  /// A Backend and a folder with the manifest and a context, while `body` runs.
  private struct Desk {
    let folder: TemporaryFolder
    let server: String
    let client: ResourceClient

    static let reference = "desireddeployment.deploy.wrktalk.com/wrktalk"

    static func use(_ body: (Desk) async throws -> Void) async throws {
      let folder = try TemporaryFolder()
      let database = "sqlite:\(folder.file("wrktalk.db"))"
      let token = try await CustomerEnvironment.createToken(role: "admin", database)
      try folder.write(token, to: "admin.token")
      try folder.write(try await CustomerEnvironment.createToken(role: "viewer", database), to: "viewer.token")
      try folder.write(WrktalkctlTests.manifest, to: "one.yaml")
      let backend = try await RunningProgram.start(
        Testbed.program("wrktalk-backend"), arguments: ["serve", "--listen", "127.0.0.1:0"],
        environment: ["WRKTALK_DATABASE_URL": database])
      let http = HTTPClient(userAgent: "wrktalk-tests")
      var failure: (any Error)?
      do {
        let server = "http://127.0.0.1:\(try await CustomerEnvironment.port(of: backend))"
        let client = ResourceClient(endpoint: APIEndpoint(server, token: .fixed(token)), http: http)
        let desk = Desk(folder: folder, server: server, client: client)
        _ = try await desk.run(
          "config", "set-context", "here", "--server", server, "--token-file", folder.file("admin.token"))
        try await body(desk)
      } catch {
        failure = error
      }
      await http.shutdown()
      await backend.stop()
      if let failure { throw failure }
    }

    func start(_ arguments: [String], _ environment: [String: String] = [:]) async throws -> RunningProgram {
      var variables = ["WRKTALKCTL_CONFIG": folder.file("config.yaml")]
      variables.merge(environment) { _, new in new }
      return try await RunningProgram.start(
        Testbed.program("wrktalkctl"), arguments: arguments, environment: variables, workingDirectory: folder.path)
    }

    /// The lines it printed.
    @discardableResult
    func run(_ arguments: String..., code: Int = 0, environment: [String: String] = [:]) async throws -> [String] {
      let program = try await start(arguments, environment)
      let status = await program.termination()
      guard case .exited(code: code) = status else {
        throw ProgramError(description: "\(arguments) ended with \(status): \(program.output)")
      }
      return program.output
    }

    func report(_ status: DesiredDeploymentStatus) async throws {
      var object = try await client.get(DesiredDeploymentKind.self, CustomerEnvironment.key)
      object.status = status
      _ = try await client.replaceStatus(object)
    }
  }

  private static func condition(_ type: String, _ status: Condition.Status, _ generation: Int64, _ reason: String)
    -> Condition
  {
    Condition(
      type: type, status: status, observedGeneration: generation, lastTransitionTime: Timestamp(seconds: 1_800_000_000),
      reason: reason, message: "told by the test")
  }

  @Test func aManifestIsAppliedShownChangedAndDeleted() async throws {
    try await Desk.use { desk in
      #expect(try await desk.run("apply", "-f", "one.yaml") == ["\(Desk.reference) created"])
      #expect(try await desk.run("apply", "-f", "one.yaml") == ["\(Desk.reference) unchanged"])
      let changed = Self.manifest.replacing("version: 1.0.0", with: "version: 2.0.0").replacing(", media: v1", with: "")
      try desk.folder.write(changed, to: "two.yaml")
      let diff = try await desk.run("diff", "-f", "two.yaml", code: 1)
      #expect(diff.contains("-    media: v1"))
      #expect(diff.contains("+  version: 2.0.0"))
      #expect(diff.contains { $0.hasPrefix("The Agent would: deploy 2.0.0") })
      #expect(try await desk.run("apply", "-f", "two.yaml") == ["\(Desk.reference) configured"])
      #expect(try await desk.run("diff", "-f", "two.yaml").isEmpty)
      let stored = try await desk.client.get(DesiredDeploymentKind.self, CustomerEnvironment.key)
      #expect(stored.spec.imageTags == ["backend": "v1"], "what the manifest no longer has is removed")
      #expect(try await desk.run("get", "dd", "-o", "name") == [Desk.reference])
      #expect(try await desk.run("get", "dd").first?.hasPrefix("NAME ") == true)
      #expect(try await desk.run("describe", "dd/wrktalk").contains { $0.hasPrefix("Summary:") })
      #expect(try await desk.run("delete", "dd/wrktalk") == ["\(Desk.reference) deleted"])
      try await desk.run("get", "dd/wrktalk", code: 1)
    }
  }

  @Test func aDeploymentThatWaitsForItsAgentSaysSo() async throws {
    try await Desk.use { desk in
      try desk.folder.write(Self.manifest + "  deletionPolicy: Uninstall\n", to: "held.yaml")
      try await desk.run("apply", "-f", "held.yaml")
      _ = try await desk.client.mergePatch(
        DesiredDeploymentKind.self, CustomerEnvironment.key,
        ["metadata": ["finalizers": [.string(DesiredDeploymentKind.finalizer)]]])
      let waiting = "waiting for the Agent to uninstall the Compose project shop; it has not seen the deletion yet"
      let marked = try await desk.run("delete", "dd/wrktalk", "--no-wait")
      #expect(marked.first?.hasPrefix("\(Desk.reference) is being deleted; \(waiting)") == true, "\(marked)")
      let inVain = try await desk.run("delete", "dd/wrktalk", "--timeout", "1s", code: 1)
      #expect(inVain.contains { $0.contains("did not come to its deletion within 1s; last seen: \(waiting)") })
      let table = try await desk.run("get", "dd")
      #expect(
        table.contains { $0.hasPrefix("\(Desk.reference) is being deleted; waiting for the finalizer") }, "\(table)")
      #expect(try await desk.run("describe", "dd/wrktalk").contains { $0.contains("It is being deleted; \(waiting)") })
      let released = Self.manifest + "  deletionPolicy: Orphan\n"
      try desk.folder.write(released, to: "released.yaml")
      let diff = try await desk.run("diff", "-f", "released.yaml", code: 1)
      #expect(diff.contains("The Agent would: let this object go at once and leave what runs"), "\(diff)")
      let wait = try await desk.start(["delete", "dd/wrktalk"])
      try await wait.line(containing: "waiting for the Agent")
      _ = try await desk.client.mergePatch(
        DesiredDeploymentKind.self, CustomerEnvironment.key, ["metadata": ["finalizers": []]])
      try await wait.line(containing: "\(Desk.reference) deleted")
    }
  }

  @Test func aWrongFieldIsShownInItsFileAndTheOthersAreApplied() async throws {
    try await Desk.use { desk in
      let wrong = Self.manifest.replacing("name: wrktalk", with: "name: other").replacing("runtime:", with: "runtme:")
      try desk.folder.write(wrong + "---\n" + Self.manifest, to: "both.yaml")
      let output = try await desk.run("apply", "-f", "both.yaml", code: 1)
      #expect(output.contains { $0.hasPrefix("both.yaml:6:3: ") }, "\(output)")
      #expect(output.contains("\(Desk.reference) created"))
    }
  }

  @Test func whoMayNotIsToldSo() async throws {
    try await Desk.use { desk in
      try await desk.run("apply", "-f", "one.yaml")
      let viewer = try await desk.run("suspend", "wrktalk", "--token-file", "viewer.token", code: 1)
      #expect(viewer.first?.hasPrefix("error: not allowed (403)") == true)
      let stranger = try await desk.run("get", "dd", code: 1, environment: ["WRKTALK_TOKEN": "wrong"])
      #expect(stranger.first?.contains("does not accept the token (401)") == true)
      // One says that there is a difference.
      try await desk.run("diff", "-f", "missing.yaml", code: 2)
      try await desk.run("diff", "-f", "one.yaml", "--server", "127.0.0.1:1", code: 2)
      let nobody = try await desk.run("get", "dd", "--server", "127.0.0.1:1", code: 1)
      #expect(nobody.first?.hasPrefix("error: cannot reach http://127.0.0.1:1") == true)
      try await desk.run("get", "dd", "--token", "x", code: 64)
    }
  }

  @Test func waitingAndWatchingFollowTheStatus() async throws {
    try await Desk.use { desk in
      try await desk.run("apply", "-f", "one.yaml")
      let watch = try await desk.start(["get", "dd", "--watch"])
      try await watch.line(containing: "wrktalk")
      let wait = try await desk.start(["wait", "dd/wrktalk", "--for=condition=Ready"])
      try await wait.line(containing: "waiting for the Agent")
      try await desk.report(
        .init(
          observedGeneration: 1, progress: .init(step: .pulling, done: 1, total: 5, message: "backend"),
          conditions: [Self.condition("Ready", .isFalse, 1, "Deploying")]))
      try await wait.line(containing: "Pulling 1/5: backend")
      try await watch.line(containing: "Deploying")
      try await desk.report(
        .init(observedGeneration: 1, conditions: [Self.condition("Ready", .isTrue, 1, "Converged")]))
      try await wait.line(containing: "condition met")
      let status = await wait.termination()
      guard case .exited(code: 0) = status else {
        throw ProgramError(description: "wait ended with \(status): \(wait.output)")
      }
      try await watch.line(containing: "Converged")
      await watch.kill()
    }
  }

  @Test func waitingFailsAtOnceWhenTheDeploymentStalls() async throws {
    try await Desk.use { desk in
      try await desk.run("apply", "-f", "one.yaml")
      try await desk.report(
        .init(
          observedGeneration: 1,
          conditions: [
            Self.condition("Ready", .isFalse, 1, "ImagePullFailed"),
            Self.condition("Stalled", .isTrue, 1, "ImagePullFailed"),
          ]))
      let output = try await desk.run("wait", "dd/wrktalk", "--for=condition=Ready", code: 1)
      #expect(output.contains { $0.contains("will not come to Ready: ImagePullFailed: told by the test") })
    }
  }

  @Test func anEarlierReleaseIsDeclaredAgain() async throws {
    try await Desk.use { desk in
      try await desk.run("apply", "-f", "one.yaml")
      let artifact = DesiredDeploymentSpec.Artifact(
        path: "artifacts/0.9.0.tar.gz", sha256: String(repeating: "b", count: 64))
      let entry = DesiredDeploymentStatus.HistoryEntry(
        revision: 1, generation: 1,
        release: .init(
          version: "0.9.0", artifact: artifact, configPath: "config/.env.v0.9.0", imageTags: ["backend": "v0"]),
        outcome: .deployed, message: "all healthy", startedAt: Timestamp(seconds: 1_800_000_000),
        completedAt: Timestamp(seconds: 1_800_000_060))
      try await desk.report(.init(observedGeneration: 1, history: [entry]))
      #expect(try await desk.run("history", "wrktalk").count == 2)
      #expect(try await desk.run("rollback", "wrktalk") == ["\(Desk.reference) declares 0.9.0 (revision 1) again"])
      let stored = try await desk.client.get(DesiredDeploymentKind.self, CustomerEnvironment.key)
      #expect(stored.spec.version == "0.9.0")
      #expect(stored.spec.artifact == artifact)
      #expect(stored.spec.imageTags == ["backend": "v0"])
      #expect(stored.spec.compose?.envPath == "config/.env.v0.9.0")
    }
  }
}
