import DeploymentKinds
import FoundationEssentials
import HTTPTransport
import Processes
import ResourceClient
import ResourceModel
import Synchronization
import TestSupport
import WireFormats

/// One customer's environment, with the real programs: a Backend, a folder as the bucket, a Compose project of its own on
/// the testbed's engine, and an Agent that can be started and killed at will.
final class CustomerEnvironment: Sendable {
  static let key = ObjectKey(namespace: "wrktalk", name: "wrktalk")

  let folder: TemporaryFolder
  let project: String
  let port: Int
  let backend: RunningProgram
  let client: ResourceClient
  let http: HTTPClient
  let adminToken: String
  private let agentTokenFile: String
  private let agents = Mutex<[RunningProgram]>([])

  /// Runs `body` in a new environment, and removes all of it whatever happens.
  static func use<Value: Sendable>(
    _ body: (CustomerEnvironment) async throws -> Value
  ) async throws -> Value {
    let environment = try await CustomerEnvironment()
    let result: Result<Value, any Error>
    do { result = .success(try await body(environment)) } catch { result = .failure(error) }
    if case .failure = result { environment.showOutput() }
    try await environment.tearDown()
    return try result.get()
  }

  /// What the programs said, for whoever reads of a failed test.
  private func showOutput() {
    for program in [backend] + agents.withLock({ $0 }) {
      print("--- \(program.name), the last lines:", program.output.suffix(40).joined(separator: "\n"), separator: "\n")
    }
  }

  /// Starts the Backend; the Agent is started by the test.
  private init(database: String? = nil) async throws {
    folder = try TemporaryFolder()
    project = "t\(String(UInt64.random(in: 0...UInt64.max), radix: 36))"
    let databaseURL = database ?? "sqlite:\(folder.file("wrktalk.db"))"
    adminToken = try await Self.createToken(role: "admin", databaseURL)
    agentTokenFile = try folder.write(
      try await Self.createToken(role: "agent", databaseURL, namespace: Self.key.namespace), to: "agent.token")
    backend = try await RunningProgram.start(
      Testbed.program("wrktalk-backend"), arguments: ["serve", "--listen", "127.0.0.1:0"],
      environment: ["WRKTALK_DATABASE_URL": databaseURL])
    port = try await Self.port(of: backend)
    http = HTTPClient(userAgent: "wrktalk-tests")
    client = ResourceClient(
      endpoint: APIEndpoint("http://127.0.0.1:\(port)", token: .fixed(adminToken)), http: http)
    try FileManager.default.createDirectory(atPath: folder.file("bucket/config"), withIntermediateDirectories: true)
    try setSettings(["REGISTRY": try Testbed.location(of: .images)])
  }

  /// The port that a Backend started with port 0 says it listens on.
  static func port(of backend: RunningProgram) async throws -> Int {
    let line = try await backend.line(containing: " serves http")
    let digits = line.split(separator: "://127.0.0.1:", maxSplits: 1).last?.prefix { $0.isNumber } ?? ""
    guard let port = Int(digits) else { throw ProgramError(description: "no port in «\(line)»") }
    return port
  }

  /// - Parameter namespace: what an Agent's token is bound to.
  static func createToken(
    role: String, _ databaseURL: String, namespace: String = "wrktalk"
  ) async throws -> String {
    let program = try await RunningProgram.start(
      Testbed.program("wrktalk-backend"),
      arguments: ["token", "create", "--role", role, "--name", "tests-\(role)"]
        + (role == "agent" ? ["--namespace", namespace] : []),
      environment: ["WRKTALK_DATABASE_URL": databaseURL])
    guard case .exited(code: 0) = await program.termination(), let token = program.output.last(where: { !$0.isEmpty })
    else {
      throw ProgramError(description: "no token: \(program.output.joined(separator: "\n"))")
    }
    return token
  }

  // MARK: The bucket

  /// Writes `config/.env`.
  func setSettings(_ settings: [String: String]) throws {
    let lines = settings.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
    try folder.write(lines.joined(separator: "\n") + "\n", to: "bucket/config/.env")
  }

  /// Puts a bundle with this Compose file into the bucket and returns the artifact that names it.
  func publish(version: String, composeFile: String) async throws -> DesiredDeploymentSpec.Artifact {
    let path = "artifacts/compose/wrktalk-\(version)-compose.tar.gz"
    try folder.write(composeFile, to: "bundle-\(version)/wrktalk/docker-compose.yaml")
    try FileManager.default.createDirectory(
      atPath: folder.file("bucket/artifacts/compose"), withIntermediateDirectories: true)
    try await Self.command(
      "tar", "-C", folder.file("bundle-\(version)"), "--mtime=@0", "-czf", folder.file("bucket/\(path)"), "wrktalk")
    return DesiredDeploymentSpec.Artifact(path: path, sha256: try await sha256(of: folder.file("bucket/\(path)")))
  }

  func sha256(of file: String) async throws -> String {
    String(try await Self.command("sha256sum", file).prefix(64))
  }

  // MARK: The record

  func spec(
    version: String, artifact: DesiredDeploymentSpec.Artifact, tag: String, timeout: Duration = .seconds(60),
    failurePolicy: FailurePolicy = .rollBack, drift: DriftPolicy = .correct
  ) -> DesiredDeploymentSpec {
    DesiredDeploymentSpec(
      version: version, runtime: .compose, artifact: artifact, imageTags: ["backend": tag, "media": tag],
      compose: .init(projectName: project, envPath: "config/.env", timeout: DurationText(timeout)),
      failurePolicy: failurePolicy, drift: drift, interval: DurationText(.seconds(10)))
  }

  /// Creates the record, or replaces the spec of the one that is there.
  @discardableResult
  func apply(_ spec: DesiredDeploymentSpec) async throws -> DesiredDeployment {
    try await client.applyDeployment(Self.key, spec)
  }

  func deployment() async throws -> DesiredDeployment { try await client.get(DesiredDeploymentKind.self, Self.key) }

  /// Waits, by a watch, until the record is as `condition` says.
  @discardableResult
  func wait(
    for what: String, key: ObjectKey = CustomerEnvironment.key, within limit: Duration = .seconds(180),
    _ condition: @escaping @Sendable (DesiredDeployment) -> Bool
  ) async throws -> DesiredDeployment {
    try await client.waitForDeployment(key, what, within: limit, condition)
  }

  /// Waits until the present generation runs in full health.
  @discardableResult
  func waitUntilReady() async throws -> DesiredDeployment {
    try await wait(for: "Ready") { $0.isReady }
  }

  func waitUntilGone() async throws {
    try await client.waitUntilDeploymentIsGone(Self.key, within: .seconds(90))
  }

  // MARK: The Agent and the engine

  /// What an Agent on this machine is told.
  var agentVariables: [String: String] {
    [
      "WRKTALK_AGENT_BACKEND_URL": "http://127.0.0.1:\(port)", "WRKTALK_AGENT_TOKEN_FILE": agentTokenFile,
      "WRKTALK_AGENT_ALLOW_UNSIGNED": "1", "WRKTALK_AGENT_DEPLOYMENT_TYPE": "docker",
      "WRKTALK_AGENT_KUBE_NAMESPACE": Self.key.namespace,
      "WRKTALK_AGENT_BUCKET_PROVIDER": "file", "WRKTALK_AGENT_BUCKET_NAME": folder.file("bucket"),
      "WRKTALK_AGENT_COMPOSE_WORKING_DIR": folder.file("agent"), "WRKTALK_AGENT_LEASE_DURATION": "3s",
    ]
  }

  /// Starts an Agent; `settings` replaces or adds environment variables.
  @discardableResult
  func startAgent(_ settings: [String: String] = [:]) async throws -> RunningProgram {
    let agent = try await RunningProgram.start(
      Testbed.program("wrktalk-agent"), arguments: ["run"],
      environment: agentVariables.merging(settings) { _, given in given })
    agents.withLock { $0.append(agent) }
    return agent
  }

  /// The project's containers: service to the release tag it serves and its state.
  func containers() async throws -> [String: String] {
    let lines = try await Self.command(
      "docker", "ps", "-a", "--no-trunc", "--filter", "label=com.docker.compose.project=\(project)", "--format",
      #"{{.Label "com.docker.compose.service"}}={{.State}} {{.Label "com.docker.compose.oneoff"}}"#)
    var found: [String: String] = [:]
    for line in lines.split(separator: "\n") {
      let parts = line.split(separator: "=", maxSplits: 1).map(String.init)
      if parts.count == 2 { found[parts[0]] = String(parts[1].split(separator: " ").first ?? "") }
    }
    return found
  }

  /// What `service` itself says its version is.
  func servedVersion(of service: String) async throws -> String {
    try await Self.command("docker", "exec", try await containerID(of: service), "/bin/busybox", "cat", "/www/version")
  }

  func containerID(of service: String) async throws -> String {
    let id = try await Self.command(
      "docker", "ps", "-aq", "--no-trunc", "--filter", "label=com.docker.compose.project=\(project)", "--filter",
      "label=com.docker.compose.service=\(service)"
    ).split(separator: "\n").first
    guard let id else { throw ProgramError(description: "no container of \(service)") }
    return String(id)
  }

  /// Ends every program that the test started.
  func stopPrograms() async {
    for program in agents.withLock({ $0 }) { await program.kill() }
    await backend.stop()
  }

  /// Stops everything and removes the project's containers and networks.
  private func tearDown() async throws {
    await stopPrograms()
    await http.shutdown()
    try await Self.command(
      "sh", "-c",
      """
      docker ps -aq --filter label=com.docker.compose.project=\(project) | xargs -r docker rm -f
      docker network ls -q --filter label=com.docker.compose.project=\(project) | xargs -r docker network rm
      """)
  }

  /// Runs a command of the system and returns its standard output.
  @discardableResult
  static func command(_ words: String...) async throws -> String { try await command(words) }

  @discardableResult
  static func command(_ words: [String]) async throws -> String {
    let program = try await RunningProgram.start("/usr/bin/env", arguments: words)
    guard case .exited(code: 0) = await program.termination() else {
      throw ProgramError(description: "\(words[0]) failed: \(program.output.joined(separator: "\n"))")
    }
    return program.output.joined(separator: "\n")
  }
}

/// The Compose file of the tests' releases: two services that are healthy once they answer, on the images of the testbed.
let twoServices = """
  services:
    backend:
      image: ${REGISTRY}/backend:${BACKEND_IMAGE_TAG}
      depends_on: [media]
      stop_grace_period: 1s
      healthcheck: &health
        test: ["CMD", "/bin/busybox", "wget", "-q", "-O", "/dev/null", "http://127.0.0.1:8080/healthz"]
        interval: 1s
        timeout: 2s
        retries: 5
    media:
      image: ${REGISTRY}/media:${MEDIA_IMAGE_TAG}
      stop_grace_period: 1s
      healthcheck: *health

  """
