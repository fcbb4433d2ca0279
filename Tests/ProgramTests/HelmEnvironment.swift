import CoreKinds
import DeploymentKinds
import FoundationEssentials
import HTTPTransport
import ResourceClient
import ResourceModel
import Synchronization
import TestSupport
import WireFormats

/// One customer's Kubernetes environment, with the real programs: a namespace of the testbed's cluster, a folder as the
/// bucket, a Backend or the cluster's own API server that holds the record, and Agents that can be started and killed at
/// will.
final class HelmEnvironment: Sendable {
  /// Who holds the record.
  enum Source: String, Sendable, CaseIterable {
    case backend
    case cluster
  }

  let edition: HelmEdition
  let session: ClusterSession
  let key: ObjectKey
  let backend: RunningProgram?
  /// Speaks to whoever holds the record.
  let client: ResourceClient
  /// The kubeconfig of whoever holds the record.
  let recordKubeconfig: String
  /// What the Agent needs to find the record.
  private let sourceSettings: [String: String]
  private let agents = Mutex<[RunningProgram]>([])

  var folder: TemporaryFolder { session.folder }
  var namespace: String { session.namespace }
  var agentOutput: [String] { agents.withLock { $0 }.flatMap(\.output) }

  /// Runs `body` in a new environment, and removes all of it whatever happens.
  static func use(
    _ edition: HelmEdition, source: Source = .backend, _ body: (HelmEnvironment) async throws -> Void
  ) async throws {
    try await ClusterSession.use { session in
      let environment = try await HelmEnvironment(edition, source: source, session)
      var failure: (any Error)?
      do { try await body(environment) } catch { failure = error }
      if failure != nil { environment.showOutput() }
      for agent in environment.agents.withLock({ $0 }) { await agent.kill() }
      await environment.backend?.stop()
      if let failure { throw failure }
    }
  }

  /// What the programs said, for whoever reads of a failed test.
  private func showOutput() {
    for program in [backend].compactMap({ $0 }) + agents.withLock({ $0 }) {
      print("--- \(program.name), the last lines:", program.output.suffix(40).joined(separator: "\n"), separator: "\n")
    }
  }

  private init(_ edition: HelmEdition, source: Source, _ session: ClusterSession) async throws {
    self.edition = edition
    self.session = session
    key = session.key("wrktalk")
    let folder = session.folder
    switch source {
    case .cluster:
      backend = nil
      client = session.client
      recordKubeconfig = session.kubeconfig
      sourceSettings = ["WRKTALK_AGENT_SOURCE": "kubernetes"]
    case .backend:
      let databaseURL = "sqlite:\(folder.file("wrktalk.db"))"
      let token = try await CustomerEnvironment.createToken(role: "admin", databaseURL)
      let agentToken = try await CustomerEnvironment.createToken(
        role: "agent", databaseURL, namespace: session.namespace)
      let backend = try await RunningProgram.start(
        Testbed.program("wrktalk-backend"), arguments: ["serve", "--listen", "127.0.0.1:0"],
        environment: ["WRKTALK_DATABASE_URL": databaseURL])
      let port = try await CustomerEnvironment.port(of: backend)
      self.backend = backend
      client = ResourceClient(
        endpoint: APIEndpoint("http://127.0.0.1:\(port)", token: .fixed(token)), http: session.http)
      recordKubeconfig = try folder.write(
        KubectlSession.kubeconfig(token: token, port: port, namespace: session.namespace), to: "backend.kubeconfig")
      try folder.write(token, to: "admin.token")
      sourceSettings = [
        "WRKTALK_AGENT_BACKEND_URL": "http://127.0.0.1:\(port)",
        "WRKTALK_AGENT_TOKEN_FILE": try folder.write(agentToken, to: "agent.token"),
      ]
    }
    try FileManager.default.createDirectory(
      atPath: folder.file("bucket/artifacts/helm"), withIntermediateDirectories: true)
  }

  // MARK: Programs

  /// Starts an Agent; `settings` replaces or adds environment variables.
  @discardableResult
  func startAgent(_ settings: [String: String] = [:]) async throws -> RunningProgram {
    var environment = [
      "WRKTALK_AGENT_KUBE_NAMESPACE": namespace, "KUBECONFIG": session.kubeconfig,
      "WRKTALK_AGENT_HELM_BINARY": try edition.executable(),
      "WRKTALK_AGENT_BUCKET_PROVIDER": "file", "WRKTALK_AGENT_BUCKET_NAME": folder.file("bucket"),
      "WRKTALK_AGENT_WORKING_DIR": folder.file("agent"), "WRKTALK_AGENT_LEASE_DURATION": "3s",
      "WRKTALK_AGENT_ALLOW_UNSIGNED": "1",
    ]
    environment.merge(sourceSettings) { _, given in given }
    environment.merge(settings) { _, given in given }
    let agent = try await RunningProgram.start(
      Testbed.program("wrktalk-agent"), arguments: ["run"], environment: environment)
    agents.withLock { $0.append(agent) }
    return agent
  }

  /// Runs `kubectl` against whoever holds the record.
  @discardableResult
  func kubectlOfRecord(_ arguments: String...) async throws -> String {
    try await command(
      [try Testbed.location(of: .kubectl), "--kubeconfig", recordKubeconfig, "-n", namespace] + arguments)
  }

  /// Runs `helm` by hand.
  @discardableResult
  func helm(_ arguments: String...) async throws -> String {
    try await command([try edition.executable(), "--kubeconfig", session.kubeconfig, "-n", namespace] + arguments)
  }

  /// Runs `wrktalkctl` against the Backend.
  @discardableResult
  func wrktalkctl(_ arguments: String...) async throws -> String {
    try await command(
      [Testbed.program("wrktalkctl")] + arguments + [
        "--server", client.endpoint.baseURL, "--token-file", folder.file("admin.token"), "--namespace", namespace,
      ])
  }

  private func command(_ arguments: [String]) async throws -> String {
    let program = try await RunningProgram.start(
      arguments[0], arguments: Array(arguments.dropFirst()), environment: ["HOME": folder.path])
    guard case .exited(code: 0) = await program.termination() else {
      throw ProgramError(description: "\(arguments) failed: \(program.output.joined(separator: "\n"))")
    }
    return program.output.joined(separator: "\n")
  }

  // MARK: The bucket and the record

  /// Puts the fixture's chart as this version into the bucket, and values of its own.
  func publish(_ version: String, values: String = "") async throws -> DesiredDeploymentSpec.Artifact {
    let path = "artifacts/helm/wrktalk-\(version).tgz"
    let file = folder.file("bucket/\(path)")
    try await CustomerEnvironment.command(
      "bash", "\(Testbed.repository)/Tests/Testbed/chart.sh", version, file)
    let common = "global: {registry: \(try Testbed.location(of: .images))}\ncontrolTower: {enabled: false}\n"
    try folder.write(common + values, to: "bucket/\(Self.valuesPath(version))")
    return DesiredDeploymentSpec.Artifact(
      path: path, sha256: String(try await CustomerEnvironment.command("sha256sum", file).prefix(64)))
  }

  private static func valuesPath(_ version: String) -> String { "config/values-\(version).yaml" }

  /// Publishes a release and returns the spec that asks for it.
  func spec(
    _ version: String, tag: String, values: String = "", timeout: Duration = .seconds(90)
  ) async throws -> DesiredDeploymentSpec {
    DesiredDeploymentSpec(
      version: version, runtime: .helm, artifact: try await publish(version, values: values),
      imageTags: ["backend": tag, "media": tag],
      helm: .init(
        releaseName: "wrktalk", valuesPath: Self.valuesPath(version), timeout: DurationText(timeout)),
      interval: DurationText(.seconds(10)))
  }

  func deployment() async throws -> DesiredDeployment { try await client.get(DesiredDeploymentKind.self, key) }

  /// Creates the record, or replaces the spec of the one that is there.
  @discardableResult
  func apply(_ spec: DesiredDeploymentSpec) async throws -> DesiredDeployment {
    try await client.applyDeployment(key, spec)
  }

  /// Waits, by a watch, until the record is as `condition` says.
  @discardableResult
  func wait(
    for what: String, within limit: Duration = .seconds(180),
    _ condition: @escaping @Sendable (DesiredDeployment) -> Bool
  ) async throws -> DesiredDeployment {
    try await client.waitForDeployment(key, what, within: limit, condition)
  }

  @discardableResult
  func waitUntilReady() async throws -> DesiredDeployment { try await wait(for: "Ready") { $0.isReady } }

  /// Deploys a release and waits until it runs in full health.
  @discardableResult
  func deploy(_ spec: DesiredDeploymentSpec) async throws -> DesiredDeployment {
    try await apply(spec)
    return try await waitUntilReady()
  }

  /// Reasons and messages of the Events about the record, once they are as `isExpected` says or the time is over. They
  /// are told beside the status, not with it.
  func events(until isExpected: ([String]) -> Bool = { _ in true }) async throws -> [String] {
    let limit = ContinuousClock.now + .seconds(20)
    while true {
      let events = try await client.list(Event.names, namespace: namespace).items
        .filter { $0["involvedObject"]?["kind"]?.string == DesiredDeploymentKind.names.kind }
        .map { "\($0["reason"]?.string ?? ""): \($0["message"]?.string ?? "")" }
      if isExpected(events) || ContinuousClock.now > limit { return events }
      try await Task.sleep(for: .milliseconds(100))
    }
  }

  // MARK: The cluster

  /// What `service` itself says its version is.
  func servedVersion(of service: String) async throws -> String {
    try await session.kubectl("exec", "deploy/wrktalk-\(service)", "--", "/bin/busybox", "cat", "/www/version")
  }

  /// One field of an object of the release.
  func field(_ path: String, of object: String) async throws -> String {
    try await session.kubectl("get", object, "-o", "jsonpath={\(path)}")
  }

  /// What Helm's own history says: `1 superseded wrktalk-1.0.0`.
  func helmHistory() async throws -> [String] {
    // Helm may warn before it answers.
    let lines = try await helm("history", "wrktalk", "-o", "json").split(separator: "\n")
    let history = try JSONValue(parsing: String(lines.first { $0.hasPrefix("[") } ?? "[]"))
    return (history.array ?? []).map {
      "\($0["revision"]?.integer ?? 0) \($0["status"]?.string ?? "") \($0["chart"]?.string ?? "")"
    }
  }
}
