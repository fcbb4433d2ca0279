import FoundationEssentials
import TestSupport
import Testing
import WireFormats

/// A customer on one Docker host, as `compose/customer.yaml` brings it up and its head says what is made before: its folder is another
/// one here, its ports are free ones, and PostgreSQL and the S3 server are this machine's in images that begin as the public ones.
@Suite(
  .needs(.docker), .needs(.images), .needs(.backendImage), .needs(.composeAgentImage), .needs(.postgresql), .needs(.s3),
  .usesEngine, .timeLimit(.minutes(10)))
struct CustomerStackTests {
  @Test func theFilesOfTheHeadBringUpABackendAndItsAgent() async throws {
    let stack = try await CustomerStack()
    let outcome: Result<Void, any Error>
    do { outcome = .success(try await Self.use(stack)) } catch { outcome = .failure(error) }
    if case .failure = outcome { print("---", (try? await stack.compose("logs", "--tail", "40")) ?? "no logs") }
    try await stack.remove()
    try outcome.get()
  }

  private static func use(_ stack: CustomerStack) async throws {
    try await stack.createVolumes()
    try await stack.compose("up", "-d", "--quiet-pull")
    try await stack.wait("the Backend is ready") { try await stack.get("/readyz") == "ok" }
    let admin = try await stack.token("admin")
    try await stack.write(try await stack.token("agent", "--namespace", "wrktalk"), to: "agent-token")
    // What the head says of before the first release.
    try await stack.wait("the bucket is made") {
      try await stack.s3("PUT", "wrktalk")
      return true
    }
    try await stack.s3("PUT", "wrktalk/config/.env", file: try stack.folder.write("A=1\n", to: "settings"))
    try await stack.wait("the Agent is heard of") {
      let status = try JSONValue(parsing: try await stack.get("/api/admin/status", token: admin))
      return status["agent"]?["isOnline"] == true && status["agent"]?["executor"] == "record"
    }
    // What is kept is there after all of it was made anew.
    try await stack.compose("down")
    try await stack.compose("up", "-d", "--quiet-pull")
    try await stack.wait("the Backend is ready again") { try await stack.get("/readyz") == "ok" }
    let status = try JSONValue(parsing: try await stack.get("/api/admin/status", token: admin))
    #expect(status["agent"]?["lastPoll"]?.string?.isEmpty == false, "\(status.text)")
    try await stack.wait("the settings are there") {
      try await stack.s3("GET", "wrktalk/config/.env") == "A=1"
    }
  }
}

private struct CustomerStack {
  private static let accessKey = "customer"
  private static let secretKey = "a-key-for-this-test-alone"

  let folder: TemporaryFolder
  private let project = "t\(String(UInt64.random(in: 0...UInt64.max), radix: 36))"
  private let backendPort = Int.random(in: 20_000..<26_000)
  private let bucketPort = Int.random(in: 26_000..<32_000)
  private let environment: [String]
  private var configuration: String { folder.file("etc") }

  init() async throws {
    folder = try TemporaryFolder()
    let images = try await CustomerEnvironment.command(
      "bash", "\(Testbed.repository)/Tests/Testbed/public-images.sh"
    ).split(separator: "\n").suffix(2).map(String.init)
    environment = [
      "WRKTALK_DATABASE_IMAGE=\(try #require(images.first))", "WRKTALK_BUCKET_IMAGE=\(try #require(images.last))",
      "WRKTALK_BACKEND_IMAGE=\(try Testbed.location(of: .backendImage))",
      "WRKTALK_AGENT_IMAGE=\(try Testbed.location(of: .composeAgentImage))", "WRKTALK_BACKEND_PORT=\(backendPort)",
      "WRKTALK_AGENT_BACKEND_URL=https://localhost:\(backendPort)",
    ]
    let file = "\(Testbed.repository)/compose/customer.yaml"
    let text = String(decoding: try #require(FileManager.default.contents(atPath: file)), as: UTF8.self)
      .replacing("/etc/wrktalk", with: folder.file("etc"))
      .replacing("/var/lib/wrktalk-agent", with: folder.file("agent"))
      .replacing("/root/.docker/config.json", with: folder.file("docker.json"))
      .replacing("127.0.0.1:8333", with: "127.0.0.1:\(bucketPort)")
    try folder.write(text, to: "customer.yaml")
    try folder.write("{}", to: "docker.json")
    try await makeFiles()
  }

  /// The files of the head, in its order.
  private func makeFiles() async throws {
    let password = "a-password-for-this-test-alone"
    let identity: JSONValue = [
      "name": "wrktalk", "credentials": [["accessKey": .string(Self.accessKey), "secretKey": .string(Self.secretKey)]],
      "actions": ["Read", "Write", "List", "Admin"],
    ]
    let keys = "AWS_ACCESS_KEY_ID=\(Self.accessKey)\nAWS_SECRET_ACCESS_KEY=\(Self.secretKey)\n"
    let contents = [
      "database-password": password, "pgpass": "database:5432:wrktalk:wrktalk:\(password)\n",
      "secret-key": String(repeating: "7", count: 64), "gcc-api-key": "a-key", "webhook-secret": "a-secret",
      "s3.json": (["identities": [identity]] as JSONValue).text,
      "agent.env": keys + "WRKTALK_AGENT_COMPOSE_WORKING_DIR=\(folder.file("agent"))\n",
      "backend.env": keys + "WRKTALK_GCC_ENDPOINT=https://gcc.example.invalid\nWRKTALK_ORGANIZATION_NAME=customer-x\n",
    ]
    for (name, content) in contents { try folder.write(content, to: "etc/\(name)") }
    let trust = folder.file("trust")
    try await CustomerEnvironment.command(
      Testbed.program("wrktalkctl"), "trust", "init", "--product", "wrktalk", "--dir", trust)
    try await CustomerEnvironment.command("cp", "\(trust)/root.json", configuration)
    try await CustomerEnvironment.command(
      "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
      "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", "\(configuration)/tls.key",
      "-out",
      "\(configuration)/tls.crt")
    try await protect()
  }

  /// Of uid 1000, and for nobody else to read.
  private func protect() async throws {
    try await CustomerEnvironment.command(
      "sh", "-c",
      "chown -R 1000:1000 '\(configuration)' && chmod 0700 '\(configuration)' && chmod 0600 '\(configuration)'/*")
  }

  func write(_ secret: String, to name: String) async throws {
    try folder.write(secret, to: "etc/\(name)")
    try await protect()
  }

  @discardableResult
  func compose(_ words: String...) async throws -> String {
    try await CustomerEnvironment.command(
      environment + ["docker", "compose", "-p", project, "-f", folder.file("customer.yaml")] + words)
  }

  /// The folder that the volume of downloads is mounted over belongs to uid 1000 in the image as it is shipped, and so does the volume; in
  /// the testbed's image it is not there.
  func createVolumes() async throws {
    try await compose("create", "--quiet-pull", "backend")
    try await CustomerEnvironment.command(
      "docker", "run", "--rm", "--user", "0:0", "--entrypoint", "/bin/busybox", "-v", "\(project)_downloads:/downloads",
      try Testbed.location(of: .backendImage), "chown", "1000:1000", "/downloads")
  }

  /// As the head says.
  func token(_ role: String, _ more: String...) async throws -> String {
    let said = try await CustomerEnvironment.command(
      environment + ["docker", "compose", "-p", project, "-f", folder.file("customer.yaml"), "exec", "-T", "backend"]
        + ["wrktalk-backend", "token", "create", "--role", role, "--name", role] + more)
    return try #require(said.split(separator: "\n").map(String.init).last { $0.hasPrefix("wtk_") }, "\(said)")
  }

  func get(_ path: String, token: String? = nil) async throws -> String {
    try await CustomerEnvironment.command(
      ["curl", "-sS", "--fail-with-body", "--cacert", "\(configuration)/tls.crt"]
        + (token.map { ["-H", "Authorization: Bearer \($0)"] } ?? []) + ["https://localhost:\(backendPort)\(path)"])
  }

  /// Any S3 client would do.
  @discardableResult
  func s3(_ method: String, _ path: String, file: String? = nil) async throws -> String {
    try await CustomerEnvironment.command(
      [
        "curl", "-sS", "--fail-with-body", "-X", method, "--aws-sigv4", "aws:amz:us-east-1:s3", "--user",
        "\(Self.accessKey):\(Self.secretKey)",
      ] + (file.map { ["-H", "x-amz-content-sha256: UNSIGNED-PAYLOAD", "--data-binary", "@\($0)"] } ?? []) + [
        "http://127.0.0.1:\(bucketPort)/\(path)"
      ])
  }

  /// Asks until it is so; whatever does not answer yet is asked again.
  func wait(_ what: String, _ isReached: () async throws -> Bool) async throws {
    var last = ""
    for _ in 0..<600 {
      do {
        if try await isReached() { return }
      } catch {
        last = "\(error)"
      }
      try await Task.sleep(for: .milliseconds(200))
    }
    throw ProgramError(description: "waited in vain: \(what); \(last)")
  }

  func remove() async throws {
    _ = try? await compose("down", "-v", "--timeout", "5")
    // What containers made is theirs.
    try await CustomerEnvironment.command("rm", "-rf", folder.file("etc"), folder.file("agent"))
  }
}
