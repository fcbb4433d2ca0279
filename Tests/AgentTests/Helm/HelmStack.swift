import ClusterAccess
import Cryptography
import DeploymentKinds
import FoundationEssentials
import HTTPTransport
import Logging
import Processes
import ResourceClient
import ResourceModel
import Synchronization
import TestSupport
import Testing
import WireFormats

@testable import Agent
@testable public import DeploymentPlanning

/// A namespace of its own on the testbed's cluster, and the runtime under test.
final class HelmStack: Sendable {
  let folder: TemporaryFolder
  let namespace: String
  let client: ResourceClient
  let requests: RequestCounter
  let runtime: HelmRuntime
  let helm: String
  private let kubeconfig: String
  private let told = Mutex<[DesiredDeploymentStatus.Progress]>([])

  /// Runs `body` in a new namespace, and removes it afterwards.
  static func with<Result>(
    _ edition: HelmEdition, restartLimit: Int64 = 2, _ body: (HelmStack) async throws -> Result
  ) async throws -> Result {
    let stack = try HelmStack(
      helm: try edition.executable(), in: try TemporaryFolder(),
      namespace: "t\(String(UInt64.random(in: 0...UInt64.max), radix: 36))", restartLimit: restartLimit)
    try await stack.kubectl("create", "namespace", stack.namespace)
    let result: Swift.Result<Result, any Error>
    do { result = .success(try await body(stack)) } catch { result = .failure(error) }
    if case .failure = result { print("--- progress:", stack.progress.map(\.message).joined(separator: "\n")) }
    _ = try? await stack.kubectl("delete", "namespace", stack.namespace, "--wait=false")
    return try result.get()
  }

  /// - Parameter disturbed: what the runtime takes for helm instead of it.
  private init(
    helm: String, in folder: TemporaryFolder, namespace: String, restartLimit: Int64, disturbed: String? = nil
  ) throws {
    self.folder = folder
    self.namespace = namespace
    self.helm = helm
    kubeconfig = try Testbed.location(of: .cluster)
    requests = RequestCounter()
    client = try Self.client(kubeconfig: kubeconfig, counting: requests)
    runtime = HelmRuntime(
      configuration: .init(
        workingDirectory: folder.file("work"),
        environment: ["PATH": Testbed.variable("PATH") ?? "", "HOME": folder.path],
        executable: disturbed ?? helm, kubeconfig: kubeconfig, restartLimit: restartLimit),
      client: client, registries: HTTPClient(userAgent: "wrktalk-tests"),
      now: { Timestamp(seconds: Int64(Date().timeIntervalSince1970)) }, logger: Logger(label: "test"))
  }

  /// The same release under an Agent that somebody disturbs.
  func disturbed(by intrusion: HelmIntrusion) throws -> HelmStack {
    try HelmStack(
      helm: helm, in: folder, namespace: namespace, restartLimit: 2,
      disturbed: try intrusion.program(around: helm, kubeconfig: kubeconfig, namespace: namespace, in: folder))
  }

  /// The same release under an Agent that takes this program for helm.
  func with(program: String) throws -> HelmStack {
    let path = try folder.write(program, to: "helm-instead")
    try FileManager.default.setAttributes([.posixPermissions: 0o700], ofItemAtPath: path)
    return try HelmStack(helm: helm, in: folder, namespace: namespace, restartLimit: 2, disturbed: path)
  }

  private static func client(kubeconfig: String, counting requests: RequestCounter) throws -> ResourceClient {
    let access = try ClusterConfiguration(kubeconfig: kubeconfig, environment: [:]) { path in
      FileManager.default.contents(atPath: path).map { String(decoding: $0, as: UTF8.self) }
    }
    return ResourceClient(
      endpoint: access.endpoint,
      transport: CountingTransport(http: HTTPClient(userAgent: "wrktalk-tests"), counter: requests))
  }

  var progress: [DesiredDeploymentStatus.Progress] { told.withLock { $0 } }

  func target(
    timeout: Duration = .seconds(120), ignoring rules: [DesiredDeploymentSpec.DriftIgnoreRule] = [],
    returnsToFormer: Bool = false
  ) -> RuntimeTarget {
    RuntimeTarget(
      name: "wrktalk", namespace: namespace, timeout: timeout, driftIgnore: rules, returnsToFormer: returnsToFormer)
  }

  /// The fixture's chart as this version, as the Agent would have unpacked it.
  func release(
    _ version: String, tag: String, values: String = "", valuesFrom: [DesiredDeploymentSpec.ValuesReference] = []
  ) async throws -> PreparedRelease {
    let folder = folder.file("release-\(String(UInt32.random(in: 0...UInt32.max), radix: 36))")
    let archive = "\(folder)/chart.tgz"
    try FileManager.default.createDirectory(atPath: "\(folder)/bundle", withIntermediateDirectories: true)
    try await command("bash", "\(Testbed.repository)/Tests/Testbed/chart.sh", version, archive)
    try await command("tar", "-C", "\(folder)/bundle", "-xzf", archive)
    let registry = "global: {registry: \(try Testbed.location(of: .images))}\n"
    try Data((registry + values).utf8).write(to: URL(filePath: "\(folder)/config"))
    let digest = try await command("sha256sum", archive).prefix(64)
    return PreparedRelease(
      release: .init(
        version: version, artifact: .init(path: "chart.tgz", sha256: String(digest)), configPath: "config/values.yaml",
        valuesFrom: valuesFrom, imageTags: ["backend": tag, "media": tag]),
      folder: "\(folder)/bundle", configFile: "\(folder)/config")
  }

  /// A chart of these objects alone, as the Agent would have unpacked it.
  func release(_ version: String, of objects: String...) throws -> PreparedRelease {
    let folder = folder.file("release-\(String(UInt32.random(in: 0...UInt32.max), radix: 36))")
    try FileManager.default.createDirectory(
      atPath: "\(folder)/bundle/wrktalk/templates", withIntermediateDirectories: true)
    let objects = objects.joined(separator: "\n---\n")
    for (path, text) in [
      ("Chart.yaml", "{apiVersion: v2, name: wrktalk, version: \(version)}\n"), ("templates/all.yaml", objects),
    ] {
      try Data(text.utf8).write(to: URL(filePath: "\(folder)/bundle/wrktalk/\(path)"))
    }
    return PreparedRelease(
      release: .init(
        version: version,
        artifact: .init(
          path: "chart.tgz", sha256: SHA256.digest(of: Array("\(version)\n\(objects)".utf8)).hexadecimal)),
      folder: "\(folder)/bundle", configFile: nil)
  }

  /// One pod of the `backend` image that needs no time to become ready.
  static func deployment(
    _ name: String = "web", tag: String, label: String = "web", environment: [String] = [], replicas: Int = 1
  ) throws -> String {
    let variables = environment.map { "{name: \($0), value: x}" }.joined(separator: ", ")
    return """
      apiVersion: apps/v1
      kind: Deployment
      metadata: {name: \(name)}
      spec:
        replicas: \(replicas)
        selector: {matchLabels: {app: \(name), part: \(label)}}
        template:
          metadata: {labels: {app: \(name), part: \(label)}}
          spec:
            terminationGracePeriodSeconds: 0
            containers:
              - name: web
                image: \(try Testbed.location(of: .images))/backend:\(tag)
                env: [\(variables)]
      """
  }

  static func configMap(_ name: String, _ data: String) -> String {
    "{apiVersion: v1, kind: ConfigMap, metadata: {name: \(name)}, data: {\(data)}}"
  }

  /// What Helm's own history says: `1 superseded`.
  func history() async throws -> [String] {
    let text = try await runHelm("history", "wrktalk", "-o", "json")
    let line = text.split(separator: "\n").first { $0.hasPrefix("[") } ?? "[]"
    return (try JSONValue(parsing: String(line)).array ?? []).map {
      "\($0["revision"]?.integer ?? 0) \($0["status"]?.string ?? "")"
    }
  }

  func field(_ path: String, of object: String) async throws -> String {
    try await kubectl("get", object, "-o", "jsonpath={\(path)}")
  }

  func deploy(
    _ release: PreparedRelease, timeout: Duration = .seconds(120), returnsToFormer: Bool = false
  ) async throws(RuntimeFailure) -> RunningRelease {
    try await runtime.converge(target(timeout: timeout, returnsToFormer: returnsToFormer), to: release) { progress in
      self.told.withLock { $0.append(progress) }
    }
  }

  func restore(
    _ revision: RevisionReference, _ purpose: RestorePurpose = .rollback,
    ignoring: [DesiredDeploymentSpec.DriftIgnoreRule] = []
  ) async throws -> RunningRelease? {
    try await runtime.restore(target(ignoring: ignoring), to: revision, purpose: purpose) { progress in
      self.told.withLock { $0.append(progress) }
    }
  }

  func observe(ignoring rules: [DesiredDeploymentSpec.DriftIgnoreRule] = []) async throws -> HelmObservation {
    guard case .helm(let observation) = try await runtime.observe(target(ignoring: rules)) else {
      throw ProgramError(description: "not observed by Helm")
    }
    return observation
  }

  /// What differs from a revision, and the release's health, as the planner sees them; once the watches have shown what
  /// `isExpected` waits for.
  func comparison(
    with revision: RevisionReference, ignoring rules: [DesiredDeploymentSpec.DriftIgnoreRule] = [],
    until isExpected: (EnvironmentComparison) -> Bool
  ) async throws -> EnvironmentComparison {
    var bell = runtime.changes(target()).makeAsyncIterator()
    while true {
      let comparison = EnvironmentComparison(expected: revision, try await observe(ignoring: rules))
      if isExpected(comparison) { return comparison }
      _ = await bell.next()
    }
  }

  @discardableResult
  func kubectl(_ arguments: String...) async throws -> String {
    try await command([try Testbed.location(of: .kubectl), "--kubeconfig", kubeconfig, "-n", namespace] + arguments)
  }

  @discardableResult
  func runHelm(_ arguments: String...) async throws -> String {
    try await command([helm, "--kubeconfig", kubeconfig, "-n", namespace] + arguments)
  }

  @discardableResult
  private func command(_ arguments: String...) async throws -> String { try await command(arguments) }

  private func command(_ arguments: [String]) async throws -> String {
    let result = try await ChildProcess.run(
      executable: arguments[0], arguments: Array(arguments.dropFirst()),
      environment: ["PATH": Testbed.variable("PATH") ?? "", "HOME": folder.path], timeout: .seconds(120))
    guard result.status.isSuccess else {
      throw ProgramError(description: "\(arguments.joined(separator: " ")): \(result.standardError.text)")
    }
    return result.standardOutput.text
  }
}

/// Counts requests to the API server.
final class RequestCounter: Sendable {
  private let sent = Mutex<[String]>([])

  var all: [String] { sent.withLock { $0 } }
  func note(_ request: HTTPRequest) { sent.withLock { $0.append("\(request.method) \(request.url)") } }
}

private struct CountingTransport: APITransport {
  let http: HTTPClient
  let counter: RequestCounter

  func send(_ request: HTTPRequest) async throws(HTTPTransportError) -> HTTPResponse {
    counter.note(request)
    return try await http.send(request)
  }

  func open(_ request: HTTPRequest) async throws(HTTPTransportError) -> APIStream {
    counter.note(request)
    let response = try await http.stream(request)
    return APIStream(status: response.status, headers: response.headers, body: response.body)
  }
}

extension RevisionReference: ExpressibleByIntegerLiteral {
  public init(integerLiteral value: Int64) { self.init(value) }
}
