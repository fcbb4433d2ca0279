import ClusterAccess
import DeploymentKinds
import FoundationEssentials
import HTTPTransport
import Logging
import ResourceClient
import ResourceModel
import TestSupport
import WireFormats

/// The testbed's cluster with this project's CRD, and a namespace of its own.
final class ClusterSession: Sendable {
  let folder: TemporaryFolder
  let namespace: String
  let kubeconfig: String
  let http: HTTPClient
  let client: ResourceClient
  let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

  /// Runs `body` in a new namespace, and removes it whatever happens.
  static func use<Value: Sendable>(_ body: (ClusterSession) async throws -> Value) async throws -> Value {
    let session = try ClusterSession()
    try await definition.value
    try await session.kubectl("create", "namespace", session.namespace)
    let result: Result<Value, any Error>
    do { result = .success(try await body(session)) } catch { result = .failure(error) }
    _ = try? await session.kubectl("delete", "namespace", session.namespace, "--wait=false")
    await session.http.shutdown()
    return try result.get()
  }

  /// The CRD is the whole cluster's: applied once for all sessions, since of two that apply it to a new cluster at the
  /// same time one is told that it is there already.
  private static let definition = Task {
    let session = try ClusterSession()
    let file = CustomResourceDefinition.fileName(for: DesiredDeploymentKind.definition)
    // The cluster may be older than rules in a CRD, which kubectl takes for a mistake then.
    try await session.kubectl("apply", "--validate=false", "-f", "\(Testbed.repository)/crds/\(file)")
    try await session.kubectl("wait", "--for=condition=Established", "crd/desireddeployments.deploy.wrktalk.com")
    await session.http.shutdown()
  }

  private init() throws {
    folder = try TemporaryFolder()
    namespace = "t\(String(UInt64.random(in: 0...UInt64.max), radix: 36))"
    kubeconfig = try Testbed.location(of: .cluster)
    http = HTTPClient(userAgent: "wrktalk-tests")
    client = ResourceClient(endpoint: try Self.access(kubeconfig).endpoint, http: http)
  }

  static func access(_ kubeconfig: String) throws -> ClusterConfiguration {
    try ClusterConfiguration(kubeconfig: kubeconfig, environment: [:]) { path in
      FileManager.default.contents(atPath: path).map { String(decoding: $0, as: UTF8.self) }
    }
  }

  func key(_ name: String) -> ObjectKey { ObjectKey(namespace: namespace, name: name) }

  /// Runs `kubectl` in the namespace and returns what it prints.
  @discardableResult
  func kubectl(_ arguments: String...) async throws -> String { try await kubectl(arguments) }

  @discardableResult
  func kubectl(_ arguments: [String]) async throws -> String {
    let (succeeded, output) = try await run(arguments)
    guard succeeded else { throw ProgramError(description: "kubectl \(arguments) failed: \(output)") }
    return output
  }

  /// Runs `kubectl`, which is to fail, and returns what it prints.
  func failure(_ arguments: String...) async throws -> String {
    let (succeeded, output) = try await run(arguments)
    if succeeded { throw ProgramError(description: "kubectl \(arguments) did not fail: \(output)") }
    return output
  }

  private func run(_ arguments: [String]) async throws -> (succeeded: Bool, output: String) {
    let program = try await RunningProgram.start(
      try Testbed.location(of: .kubectl), arguments: ["--kubeconfig", kubeconfig, "--namespace", namespace] + arguments)
    return (await program.termination() == .exited(code: 0), program.output.joined(separator: "\n"))
  }

  /// Writes a manifest and returns its path.
  func manifest(_ name: String, spec: JSONValue) throws -> String {
    let object: JSONValue = [
      "apiVersion": "deploy.wrktalk.com/v1", "kind": "DesiredDeployment", "metadata": ["name": .string(name)],
      "spec": spec,
    ]
    return try folder.write(object.text, to: "\(name)-\(String(UInt32.random(in: 0...UInt32.max), radix: 36)).json")
  }

  /// A spec that the CRD accepts, for tests that deploy nothing.
  static func spec(version: String = "1.0.0") -> JSONValue {
    [
      "version": .string(version), "runtime": "Compose", "compose": ["projectName": "wrktalk"],
      "artifact": ["path": "artifacts/compose/a.tgz", "sha256": .string(String(repeating: "a", count: 64))],
    ]
  }
}
