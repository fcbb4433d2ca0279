import DeploymentKinds
import FleetKinds
import FoundationEssentials
import HTTPTransport
import ResourceClient
import ResourceModel
import Synchronization
import TestSupport
import WireFormats

/// The whole way of a release, with the real programs: the vendor's server, a customer's Backend and bucket, and an Agent with a
/// place of its own on the testbed.
final class ReleaseChain: Sendable {
  static let organization = "customer-x"
  /// What seals secrets in databases that several processes may share.
  private static let secretKey = String(repeating: "7", count: 64)
  static let ciToken = "a-token-of-ci-for-this-test-alone"

  let folder: TemporaryFolder
  let place: any ChainPlace
  let vendor: ServerProcess
  let backend: ServerProcess
  let http: HTTPClient
  /// The vendor's, with everything allowed.
  let vendorClient: ResourceClient
  let client: ResourceClient
  let adminToken: String
  /// Of the Backend and of the vendor's server.
  let databases: (backend: String, vendor: String)
  private let agentTokenFile: String
  /// Under which the Agent reaches the Backend.
  private let agentURL: String
  private let signing: ReleaseSigning?
  private let agents = Mutex<[RunningProgram]>([])

  /// Runs `body` over a chain that is there, and removes all of it whatever happens.
  /// - Parameters:
  ///   - place: where the Agent deploys to.
  ///   - database: of both servers.
  ///   - isSigned: whether the vendor signs its releases, and everybody demands it.
  ///   - settings: of the Backend, beside what it needs.
  ///   - way: the URL under which a server is reached by those of that leg, of its own.
  static func use(
    _ place: any ChainPlace = ComposePlace(), database: TestDatabase = .sqlite, isSigned: Bool = false,
    settings: [String: String] = [:], way: (Leg, String) async throws -> String = { $1 },
    _ body: (ReleaseChain) async throws -> Void
  ) async throws {
    let chain = try await ReleaseChain(place, database, isSigned, settings, way)
    let result: Result<Void, any Error>
    do { result = .success(try await body(chain)) } catch { result = .failure(error) }
    if case .failure = result { chain.showOutput() }
    try await chain.tearDown()
    try result.get()
  }

  /// Who reaches whom.
  enum Leg: Sendable, CaseIterable {
    case backendToVendor
    case vendorToBackend
    case agentToBackend
  }

  private init(
    _ place: any ChainPlace, _ database: TestDatabase, _ isSigned: Bool, _ settings: [String: String],
    _ way: (Leg, String) async throws -> String
  ) async throws {
    let folder = try TemporaryFolder()
    self.folder = folder
    func url(_ file: String) async throws -> String {
      switch database {
      case .sqlite: "sqlite:\(folder.file(file))"
      case .postgresql: try await PostgreSQLServer.current.createDatabase()
      }
    }
    try FileManager.default.createDirectory(atPath: folder.file("backend"), withIntermediateDirectories: true)
    try FileManager.default.createDirectory(atPath: folder.file("gcc"), withIntermediateDirectories: true)
    databases = (try await url("backend/wrktalk.db"), try await url("gcc/gcc.db"))
    signing = isSigned ? try await ReleaseSigning(folder) : nil
    self.place = place
    http = HTTPClient(userAgent: "wrktalk-tests")
    vendor = try await ServerProcess(
      "wrktalk-gcc", arguments: ["--data-dir", folder.file("gcc")],
      environment: [
        "CI_TOKEN": Self.ciToken, "GCC_WEBHOOK_ALLOWED_ADDRESSES": "*", "WRKTALK_DATABASE_URL": databases.vendor,
        "GCC_TRUST_ROOT_FILE": signing?.root ?? "", "GCC_SECRET_KEY": Self.secretKey,
      ])
    let vendorToken = try await vendor.secret(["token", "create", "--role", "admin", "--name", "tests"])
    vendorClient = ResourceClient(endpoint: APIEndpoint(vendor.url, token: .fixed(vendorToken)), http: http)
    _ = try await vendorClient.create(
      Organization(
        metadata: ObjectMeta(name: Self.organization), spec: OrganizationSpec(deploymentType: place.deploymentType)))
    let apiKey = try await vendor.secret(["key", "create", Self.organization])
    let secret = try await vendorClient.put(
      path: "/api/internal/organizations/\(Self.organization)/webhook-secret", body: [:])["secret"]?.string
    let variables = [
      "WRKTALK_GCC_ENDPOINT": try await way(.backendToVendor, vendor.url),
      "WRKTALK_ORGANIZATION_NAME": Self.organization, "WRKTALK_DATABASE_URL": databases.backend,
      "WRKTALK_TRUST_ROOT_FILE": signing?.root ?? "", "WRKTALK_SECRET_KEY": Self.secretKey,
      "WRKTALK_GCC_API_KEY": apiKey, "WRKTALK_WEBHOOK_SECRET": secret ?? "", "WRKTALK_BUCKET_PROVIDER": "file",
      "WRKTALK_BUCKET_NAME": folder.file("bucket"),
    ].merging(place.backendSettings) { $1 }
    try FileManager.default.createDirectory(atPath: folder.file("bucket/config"), withIntermediateDirectories: true)
    try place.fillBucket(folder)
    backend = try await ServerProcess(
      "wrktalk-backend", arguments: ["--data-dir", folder.file("backend")],
      environment: variables.merging(settings) { $1 })
    adminToken = try await backend.secret(["token", "create", "--role", "admin", "--name", "tests-admin"])
    client = ResourceClient(endpoint: APIEndpoint(backend.url, token: .fixed(adminToken)), http: http)
    let agentToken = try await backend.secret([
      "token", "create", "--role", "agent", "--name", "tests-agent", "--namespace", place.namespace,
    ])
    agentTokenFile = try folder.write(agentToken, to: "agent.token")
    agentURL = try await way(.agentToBackend, backend.url)
    // Now that it is known where the Backend is.
    var organization = try await vendorClient.get(
      OrganizationKind.self, ObjectKey(namespace: "", name: Self.organization))
    organization.spec.webhookEndpoint = "\(try await way(.vendorToBackend, backend.url))/api/deployment/webhook"
    _ = try await vendorClient.replace(organization)
  }

  // MARK: The vendor

  /// Makes and publishes a release as CI does (spec §5.1): one whose images have this tag.
  /// - Parameter archive: what is uploaded, and the vendor's word for its type; what the place packs unless given.
  func publish(
    _ version: String, tag: String, isForced: Bool = false, notes: String = "Bug fixes",
    settings: JSONValue = [["key": "NEW_FEATURE", "value": "false"]], archive: (file: String, type: String)? = nil
  ) async throws {
    var packed = archive
    if packed == nil { packed = try await place.pack(version, folder) }
    guard let (file, type) = packed else { return }
    let authorization = "Authorization: Bearer \(Self.ciToken)"
    let manifest = try await signing?.manifest(of: version, tag: tag, settings, file, place, folder)
    try await curl(
      [
        "-X", "POST", "\(vendor.url)/api/internal/artifacts", "-H", authorization, "-F", "file=@\(file)", "-F",
        "type=\(type)", "-F", "version=\(version)",
      ] + (manifest.map { ["-F", "manifest=<\($0)"] } ?? []))
    let release: JSONValue = [
      "version": .string(version),
      "imageTags": .object(
        // All that a manifest has an image of.
        (signing == nil ? ["backend", "media", "controlTower", "agent"] : ["backend", "media"])
          .reduce(into: [:]) { $0[$1] = .string(tag) }),
      "isForced": .bool(isForced), "isMigrationRequired": false, "releaseNotes": .string(notes),
      "newNonEssentialEnvs": settings,
    ]
    try await curl([
      "-X", "POST", "\(vendor.url)/api/internal/releases", "-H", authorization, "-H",
      "Content-Type: application/json", "-d", release.text,
    ])
    try await curl(["-X", "POST", "\(vendor.url)/api/internal/releases/\(version)/publish", "-H", authorization])
  }

  @discardableResult
  private func curl(_ arguments: [String]) async throws -> String {
    try await CustomerEnvironment.command(["curl", "-sS", "--fail-with-body"] + arguments)
  }

  func organizationAtVendor() async throws -> Organization {
    try await vendorClient.get(OrganizationKind.self, ObjectKey(namespace: "", name: Self.organization))
  }

  /// Waits until the vendor knows that the customer runs this version.
  func waitForVendor(toKnow version: String) async throws {
    try await poll("the vendor knows \(version)") {
      try await organizationAtVendor().status?.currentVersion == version
    }
  }

  /// The target of a release at the customer, as JSON, once it is as `condition` says.
  @discardableResult
  func waitForTarget(
    of version: String, _ what: String, _ condition: (JSONValue) -> Bool
  ) async throws -> JSONValue {
    var last: JSONValue = .null
    try await poll("\(version) is \(what) at the vendor's; it is \(last.text)") {
      let targets = try await vendorClient.list(DeploymentTargetKind.names, namespace: nil).items
      guard let target = targets.first(where: { $0["spec"]?["release"]?.string == version }) else { return false }
      last = target
      return condition(target)
    }
    return last
  }

  // MARK: The customer's admin

  func send(_ method: String, _ path: String, _ body: JSONValue? = nil) async throws -> (Int, JSONValue) {
    var headers = [(name: "Authorization", value: "Bearer \(adminToken)")]
    if body != nil { headers.append(("Content-Type", "application/json")) }
    let response = try await http.send(
      HTTPTransport.HTTPRequest(
        method: method, url: backend.url + path, headers: headers, body: body.map { .bytes($0.serialized()) } ?? .none))
    return (response.status, (try? JSONValue(parsing: response.body)) ?? .null)
  }

  /// What there is of releases, as the Control Tower sees it.
  func releases() async throws -> JSONValue { try await send("GET", "/api/admin/deployment/releases").1 }

  /// The deployment of a release, once it may be scheduled.
  func waitForOffer(of version: String) async throws -> String {
    var id: String?
    try await poll("\(version) is offered and downloaded") {
      let pending = try await releases()["pending"]?.array ?? []
      id =
        pending.first { $0["version"]?.string == version && $0["chartDownloaded"]?.bool == true }?["id"]?.string
      return id != nil
    }
    return id ?? ""
  }

  @discardableResult
  func schedule(_ version: String, at time: Timestamp? = nil) async throws -> JSONValue {
    let id = try await waitForOffer(of: version)
    let (status, answer) = try await send(
      "POST", "/api/admin/deployment/schedule",
      ["deploymentId": .string(id), "scheduledFor": .string((time ?? Self.now()).wholeSeconds.description)])
    guard status == 200 else { throw ProgramError(description: "scheduling gave \(status): \(answer.text)") }
    return answer
  }

  static func now() -> Timestamp { Timestamp(seconds: Int64(Date().timeIntervalSince1970)) }

  /// Waits until an entry of the history is as `condition` says.
  func waitForHistory(_ what: String, _ condition: (JSONValue) -> Bool) async throws {
    try await poll(what) { try await releases()["history"]?.array?.contains(where: condition) == true }
  }

  // MARK: The Agent

  @discardableResult
  func startAgent(_ settings: [String: String] = [:]) async throws -> RunningProgram {
    let trust =
      signing.map { ("WRKTALK_AGENT_TRUST_ROOT_FILE", $0.root) } ?? ("WRKTALK_AGENT_ALLOW_UNSIGNED", "1")
    let variables = [
      "WRKTALK_AGENT_BACKEND_URL": agentURL, "WRKTALK_AGENT_TOKEN_FILE": agentTokenFile, trust.0: trust.1,
      "WRKTALK_AGENT_KUBE_NAMESPACE": place.namespace,
      "WRKTALK_AGENT_BUCKET_PROVIDER": "file", "WRKTALK_AGENT_BUCKET_NAME": folder.file("bucket"),
      "WRKTALK_AGENT_LEASE_DURATION": "3s",
    ].merging(try place.agentSettings(folder)) { $1 }
    let agent = try await RunningProgram.start(
      Testbed.program("wrktalk-agent"), arguments: ["run"], environment: variables.merging(settings) { $1 })
    agents.withLock { $0.append(agent) }
    return agent
  }

  /// What a service of the customer's stack itself says its version is.
  func servedVersion(of service: String) async throws -> String { try await place.servedVersion(of: service) }

  // MARK: All of it

  /// Asks until it is so; the suite's time limit ends a wait in vain.
  func poll(
    _ what: @autoclosure () -> String, _ isReached: () async throws -> Bool
  ) async throws {
    for _ in 0..<1800 {
      if try await isReached() { return }
      try await Task.sleep(for: .milliseconds(100))
    }
    throw ProgramError(description: "waited in vain: \(what()); \((try? await releases())?.text ?? "")")
  }

  private func showOutput() {
    let programs =
      [("wrktalk-gcc", vendor.output), ("wrktalk-backend", backend.output)]
      + agents.withLock { $0 }.map { ($0.name, $0.output) }
    for (name, output) in programs {
      print("--- \(name), the last lines:", output.suffix(40).joined(separator: "\n"), separator: "\n")
    }
  }

  private func tearDown() async throws {
    for agent in agents.withLock({ $0 }) { await agent.kill() }
    await backend.program.stop()
    await vendor.program.stop()
    await http.shutdown()
    try await place.remove()
  }
}
