import FoundationEssentials
import TestSupport

/// A Backend on SQLite, and stock `kubectl` set up for it.
final class KubectlSession: Sendable {
  let folder: TemporaryFolder
  let backend: RunningProgram
  let databaseURL: String
  let port: Int
  private let kubectl: String

  /// - Parameter version: which `kubectl`.
  init(_ version: Testbed.Facility = .kubectl) async throws {
    kubectl = try Testbed.location(of: version)
    folder = try TemporaryFolder()
    databaseURL = "sqlite:\(folder.file("wrktalk.db"))"
    let token = try await CustomerEnvironment.createToken(role: "admin", databaseURL)
    backend = try await RunningProgram.start(
      Testbed.program("wrktalk-backend"), arguments: ["serve", "--listen", "127.0.0.1:0"],
      environment: ["WRKTALK_DATABASE_URL": databaseURL])
    port = try await CustomerEnvironment.port(of: backend)
    try useToken(token)
  }

  /// Gives `kubectl` this token.
  func useToken(_ token: String) throws {
    try folder.write(Self.kubeconfig(token: token, port: port, namespace: "wrktalk"), to: "kubeconfig")
  }

  /// `kubectl` sends bearer tokens over TLS only, and over plain HTTP the password of its URL.
  static func kubeconfig(token: String, port: Int, namespace: String) -> String {
    """
    apiVersion: v1
    kind: Config
    clusters: [{name: here, cluster: {server: "http://kubectl:\(token)@127.0.0.1:\(port)"}}]
    contexts: [{name: here, context: {cluster: here, namespace: \(namespace)}}]
    current-context: here
    """
  }

  func start(_ arguments: [String], environment: [String: String] = [:]) async throws -> RunningProgram {
    let own = ["KUBECONFIG": folder.file("kubeconfig"), "HOME": folder.path]
    return try await RunningProgram.start(
      kubectl, arguments: arguments, environment: own.merging(environment) { _, given in given })
  }

  /// Runs `kubectl` and returns what it prints.
  @discardableResult
  func run(_ arguments: String..., environment: [String: String] = [:]) async throws -> String {
    let program = try await start(arguments, environment: environment)
    guard case .exited(code: 0) = await program.termination() else {
      throw ProgramError(description: "kubectl \(arguments) failed: \(program.output.joined(separator: "\n"))")
    }
    return program.output.joined(separator: "\n")
  }

  /// Runs `kubectl`, which is to fail (`diff` "fails" with 1 where there are differences), and returns what it prints.
  func failure(_ arguments: String...) async throws -> String {
    let program = try await start(arguments)
    if case .exited(code: 0) = await program.termination() {
      throw ProgramError(description: "kubectl \(arguments) did not fail: \(program.output.joined(separator: "\n"))")
    }
    return program.output.joined(separator: "\n")
  }

  /// Writes a file that `kubectl` reads, and returns its path.
  func file(_ text: String) throws -> String {
    try folder.write(text, to: "file-\(String(UInt32.random(in: 0...UInt32.max), radix: 36)).yaml")
  }

  /// Writes a manifest of the deployment `wrktalk`, every `change` a replacement in its text, and returns its path.
  func manifest(_ change: (String, String)...) throws -> String {
    var text = """
      apiVersion: deploy.wrktalk.com/v1
      kind: DesiredDeployment
      metadata:
        name: wrktalk
        namespace: wrktalk
      spec:
        version: 1.0.0
        runtime: Compose
        artifact:
          path: artifacts/compose/wrktalk-1.0.0.tgz
          sha256: \(String(repeating: "a", count: 64))
        compose: {projectName: wrktalk}

      """
    for (old, new) in change { text = text.replacing(old, with: new) }
    return try file(text)
  }
}
