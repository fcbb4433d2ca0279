import DeploymentKinds
import FoundationEssentials
import HTTPTransport
import ObjectStorage
import ResourceClient
import ResourceModel
import Synchronization
import TestSupport
import WireFormats

/// What an Agent in a pod works with: a bucket on the testbed's S3 server, reached from inside of the cluster, and charts in
/// it.
final class PodBucket: Sendable {
  let session: ClusterSession
  private let bucket: any Bucket
  private let keys = Mutex<Set<String>>([])

  /// Runs `body` with a new bucket of the namespace's name, and removes it whatever happens.
  static func use<Value: Sendable>(
    _ session: ClusterSession, _ body: (PodBucket) async throws -> Value
  ) async throws -> Value {
    let bucket = try PodBucket(session)
    try await bucket.curl("PUT")
    let result: Result<Value, any Error>
    do { result = .success(try await body(bucket)) } catch { result = .failure(error) }
    for key in bucket.keys.withLock({ $0 }) { try? await bucket.bucket.delete(key) }
    try? await bucket.curl("DELETE")
    return try result.get()
  }

  private init(_ session: ClusterSession) throws {
    self.session = session
    bucket = makeBucket(
      try BucketConfiguration(
        environment: Self.variables(session.namespace, try Testbed.location(of: .s3)), prefix: "WRKTALK_AGENT_"),
      http: session.http)
  }

  private func curl(_ method: String) async throws {
    try await CustomerEnvironment.command(
      "curl", "-fsS", "--aws-sigv4", "aws:amz:us-east-1:s3", "--user", "\(Self.key):\(Self.secret)", "-X", method,
      "\(try Testbed.location(of: .s3))/\(session.namespace)")
  }

  private func put(_ key: String, _ content: ObjectContent) async throws {
    _ = keys.withLock { $0.insert(key) }
    try await bucket.put(key, content)
  }

  static let key = Testbed.variable("WRKTALK_TEST_S3_ACCESS_KEY") ?? "testkey"
  static let secret = Testbed.variable("WRKTALK_TEST_S3_SECRET_KEY") ?? "testsecret"

  static func variables(_ bucket: String, _ endpoint: String) -> [String: String] {
    [
      "WRKTALK_AGENT_BUCKET_PROVIDER": "minio", "WRKTALK_AGENT_BUCKET_NAME": bucket,
      "WRKTALK_AGENT_BUCKET_ENDPOINT": endpoint, "AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret,
    ]
  }

  static let secretVariables = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]

  /// The same as a pod is to be told it.
  func podVariables() throws -> [String: String] {
    Self.variables(session.namespace, "http://\(try Testbed.location(of: .hostAddress)):8333")
  }

  /// Puts the fixture's chart as this version into the bucket.
  func publish(_ version: String) async throws -> DesiredDeploymentSpec.Artifact {
    let path = "artifacts/helm/wrktalk-\(version).tgz"
    let file = session.folder.file("wrktalk-\(version).tgz")
    try await CustomerEnvironment.command("bash", "\(Testbed.repository)/Tests/Testbed/chart.sh", version, file)
    try await put(path, .file(path: file))
    let digest = try await CustomerEnvironment.command("sha256sum", file).prefix(64)
    return DesiredDeploymentSpec.Artifact(path: path, sha256: String(digest))
  }

  func putValues(_ text: String) async throws { try await put("config/values.yaml", .bytes(Array(text.utf8))) }

  /// The record of a release of the fixture's chart.
  func spec(
    _ version: String, tags: [String: String], timeout: Duration = .seconds(120),
    valuesFrom: [DesiredDeploymentSpec.ValuesReference]? = nil
  ) async throws -> DesiredDeploymentSpec {
    DesiredDeploymentSpec(
      version: version, runtime: .helm, artifact: try await publish(version), imageTags: tags,
      helm: .init(
        releaseName: "wrktalk", valuesPath: "config/values.yaml", valuesFrom: valuesFrom,
        timeout: DurationText(timeout)),
      interval: DurationText(.seconds(30)))
  }
}

extension ClusterSession {
  /// Applies the record, as JSON.
  func apply(_ spec: DesiredDeploymentSpec) async throws {
    try await kubectl("apply", "-f", manifest("wrktalk", spec: JSONValue(encoding: spec)))
  }

  func deployment() async throws -> DesiredDeployment {
    try await client.get(DesiredDeploymentKind.self, key("wrktalk"))
  }

  /// Waits, by a watch, until the record is as `condition` says.
  @discardableResult
  func wait(
    for what: String, within limit: Duration = .seconds(240),
    _ condition: @escaping @Sendable (DesiredDeployment) -> Bool
  ) async throws -> DesiredDeployment {
    do {
      return try await client.waitForDeployment(key("wrktalk"), what, within: limit, condition)
    } catch {
      print("--- the Agent's log:", (try? await kubectl("logs", "deploy/wrktalk-agent", "--tail=30")) ?? "none")
      throw error
    }
  }

  /// Waits until the present generation runs in full health.
  @discardableResult
  func waitUntilReady() async throws -> DesiredDeployment {
    let generation = try await deployment().metadata.generation
    return try await wait(for: "Ready") { $0.isReady && $0.metadata.generation == generation }
  }
}

/// The testbed's audit log: what the API server was asked, and by whom.
struct AuditLog {
  struct Entry: Hashable {
    var verb: String
    var group: String
    /// `pods/log`
    var resource: String
    var code: Int64
    var agent: String

    var permission: String { "\(verb) \(resource).\(group)" }
  }

  let user: String

  /// What the user asked from byte `offset` of the log on.
  func entries(from offset: Int = 0) throws -> [Entry] {
    let bytes = [UInt8](try Data(contentsOf: URL(filePath: try path()))).dropFirst(offset)
    return bytes.split(separator: UInt8(ascii: "\n")).compactMap { line in
      guard let event = try? JSONValue(parsing: line), event["user"]?["username"]?.string == user,
        let reference = event["objectRef"], let resource = reference["resource"]?.string
      else { return nil }
      return Entry(
        verb: event["verb"]?.string ?? "", group: reference["apiGroup"]?.string ?? "",
        resource: resource + (reference["subresource"]?.string.map { "/\($0)" } ?? ""),
        code: event["responseStatus"]?["code"]?.integer ?? 0, agent: event["userAgent"]?.string ?? "")
    }
  }

  /// How long the log is now, in bytes.
  func length() throws -> Int { try Data(contentsOf: URL(filePath: try path())).count }

  private func path() throws -> String {
    guard let path = Testbed.variable("WRKTALK_TEST_AUDIT_LOG") else {
      throw ProgramError(description: "the testbed's cluster writes no audit log")
    }
    return path
  }
}
