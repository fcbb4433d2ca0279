import FleetKinds
import FoundationEssentials
import HTTPTransport
import ResourceClient
import ResourceModel
import TestSupport
import Testing
import WireFormats

/// A customer's Backend as a pod, as manifests/overlays/vendor-source has it, over PostgreSQL and an S3 server, with a vendor's server
/// outside of the cluster.
@Suite(
  .needs(.cluster), .needs(.kubectl), .needs(.backendImage), .needs(.hostAddress), .needs(.s3), .needs(.postgresql),
  .postgreSQLServer, .timeLimit(.minutes(15)))
struct CustomerPodTests {
  @Test func aReleaseOfTheVendorsLiesInTheCustomersBucket() async throws {
    try await ClusterSession.use { session in
      try await PodBucket.use(session) { bucket in
        let vendor = try await VendorProcess(session)
        do {
          try await vendor.publish("1.0.0")
          let volume = try await session.makeVolume()
          do {
            try await session.deployBackend(bucket, vendor)
            try await session.waitForOffer(of: "1.0.0")
            // What was told of and kept is there after the pod.
            try await session.kubectl("delete", "pod", "-l", "app.kubernetes.io/name=wrktalk-backend")
            try await session.kubectl("rollout", "status", "deployment/wrktalk-backend", "--timeout=120s")
            try await session.waitForOffer(of: "1.0.0")
          } catch {
            print("--- the Backend's log:", (try? await session.kubectl("logs", "deploy/wrktalk-backend")) ?? "none")
            _ = try? await session.kubectl("delete", "persistentvolume", volume, "--wait=false")
            throw error
          }
          _ = try await session.kubectl("delete", "persistentvolume", volume, "--wait=false")
        } catch {
          await vendor.program.stop()
          throw error
        }
        await vendor.program.stop()
      }
    }
  }
}

/// The vendor's server as a program of this machine, where pods reach it.
private struct VendorProcess {
  static let ciToken = "a-token-of-ci-for-this-test-alone"
  let program: RunningProgram
  let url: String
  let apiKey: String
  let session: ClusterSession

  init(_ session: ClusterSession) async throws {
    self.session = session
    let host = try Testbed.location(of: .hostAddress)
    let folder = ["--data-dir", session.folder.file("gcc")]
    let environment = ["CI_TOKEN": Self.ciToken, "GCC_WEBHOOK_ALLOWED_ADDRESSES": "*"]
    program = try await RunningProgram.start(
      Testbed.program("wrktalk-gcc"), arguments: ["serve", "--listen", "\(host):0"] + folder, environment: environment)
    let line = try await program.line(containing: "serves http://\(host):")
    url = String(line.split(separator: " ").last ?? "")
    func secret(_ words: String...) async throws -> String {
      let program = try await RunningProgram.start(
        Testbed.program("wrktalk-gcc"), arguments: words + folder, environment: environment)
      guard case .exited(code: 0) = await program.termination(),
        let secret = program.output.last(where: { !$0.isEmpty && !$0.contains(" ") })
      else { throw ProgramError(description: "\(words): \(program.output.joined(separator: "\n"))") }
      return secret
    }
    let client = ResourceClient(
      endpoint: APIEndpoint(
        url, token: .fixed(try await secret("token", "create", "--role", "admin", "--name", "a")),
        allowsInsecureHTTP: true),
      http: session.http)
    _ = try await client.create(Organization(metadata: ObjectMeta(name: "customer-x"), spec: OrganizationSpec()))
    apiKey = try await secret("key", "create", "customer-x")
  }

  /// As CI does it (spec §5.1).
  func publish(_ version: String) async throws {
    let chart = session.folder.file("wrktalk-\(version).tgz")
    try await CustomerEnvironment.command("bash", "\(Testbed.repository)/Tests/Testbed/chart.sh", version, chart)
    let tags = #"{"backend":"v1","media":"v1","controlTower":"v1","agent":"v1"}"#
    for arguments in [
      ["artifacts", "-F", "file=@\(chart)", "-F", "type=helm", "-F", "version=\(version)"],
      [
        "releases", "-H", "Content-Type: application/json", "-d", #"{"version":"\#(version)","imageTags":\#(tags)}"#,
      ],
      ["releases/\(version)/publish"],
    ] {
      try await CustomerEnvironment.command(
        [
          "curl", "-sS", "--fail-with-body", "-X", "POST", "\(url)/api/internal/\(arguments[0])", "-H",
          "Authorization: Bearer \(Self.ciToken)",
        ] + arguments.dropFirst())
    }
  }
}

extension ClusterSession {
  /// For the claim of this namespace alone: the testbed's cluster makes no volumes by itself.
  fileprivate func makeVolume() async throws -> String {
    let path = folder.file("volume")
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    try await CustomerEnvironment.command("chown", "1000:1000", path)
    let volume: JSONValue = [
      "apiVersion": "v1", "kind": "PersistentVolume", "metadata": ["name": .string(namespace)],
      "spec": [
        "capacity": ["storage": "10Gi"], "accessModes": ["ReadWriteOnce"], "hostPath": ["path": .string(path)],
        "claimRef": ["namespace": .string(namespace), "name": "wrktalk-backend-data"],
      ],
    ]
    try await kubectl("apply", "-f", folder.write(volume.text, to: "volume.json"))
    return namespace
  }

  /// In the order that the head of the overlay gives.
  fileprivate func deployBackend(_ bucket: PodBucket, _ vendor: VendorProcess) async throws {
    let database = try await PostgreSQLServer.current.createDatabase(host: Testbed.location(of: .hostAddress))
    try await kubectl(
      "create", "secret", "generic", "wrktalk-backend", "--from-literal=database-url=\(database)",
      "--from-literal=secret-key=\(String(repeating: "5a", count: 32))")
    try await kubectl(
      "create", "secret", "generic", "wrktalk-backend-vendor", "--from-literal=api-key=\(vendor.apiKey)",
      "--from-literal=webhook-secret=secret")
    try await kubectl(
      "create", "secret", "generic", "wrktalk-backend-bucket", "--from-literal=AWS_ACCESS_KEY_ID=\(PodBucket.key)",
      "--from-literal=AWS_SECRET_ACCESS_KEY=\(PodBucket.secret)")
    try await kubectl("create", "configmap", "wrktalk-backend-trust", "--from-literal=root.json={}")
    let certificate = try await TestCertificate.make(in: folder, for: ["DNS:wrktalk-backend.example.com"])
    try await kubectl(
      "create", "secret", "tls", "wrktalk-backend-tls", "--cert", certificate.certificateFile, "--key",
      certificate.keyFile)
    try await applyOverlay(
      "vendor-source", images: ["wrktalk-backend": try Testbed.location(of: .backendImage)],
      settings: "wrktalk-backend-settings",
      variables: [
        "WRKTALK_GCC_ENDPOINT": vendor.url, "WRKTALK_INSECURE_HTTP": "true",
        "WRKTALK_DEPLOYMENT_NAMESPACE": namespace, "WRKTALK_BUCKET_PROVIDER": "minio",
        "WRKTALK_BUCKET_NAME": namespace,
        "WRKTALK_BUCKET_ENDPOINT": "http://\(try Testbed.location(of: .hostAddress)):8333",
        // Nobody signs the releases of this test.
        "WRKTALK_TRUST_ROOT_FILE": "",
      ])
    try await kubectl("rollout", "status", "deployment/wrktalk-backend", "--timeout=180s")
  }

  /// Until the release may be deployed.
  fileprivate func waitForOffer(of version: String) async throws {
    let address = try await kubectl(
      "get", "pod", "-l", "app.kubernetes.io/name=wrktalk-backend", "--field-selector=status.phase=Running", "-o",
      "jsonpath={.items[-1].status.podIP}")
    let token = try await kubectl(
      "exec", "deploy/wrktalk-backend", "--", "wrktalk-backend", "token", "create", "--role", "viewer", "--name",
      "v\(String(UInt32.random(in: 0...UInt32.max), radix: 36))", "--expires", "24h")
    var pending: [JSONValue] = []
    for _ in 0..<300 {
      let text = try await CustomerEnvironment.command(
        "curl", "-sSk", "--fail-with-body", "https://\(address):3000/api/admin/deployment/releases", "-H",
        "Authorization: Bearer \(token)")
      pending = try JSONValue(parsing: Array(text.utf8))["pending"]?.array ?? []
      if pending.contains(where: { $0["version"]?.string == version && $0["chartDownloaded"] == true }) { return }
      try await Task.sleep(for: .milliseconds(200))
    }
    throw ProgramError(description: "waited in vain for \(version): \(JSONValue.array(pending).text)")
  }
}
