import FleetKinds
import FoundationEssentials
import TestSupport
import WireFormats

/// Where the customer of a chain has its releases: what differs between the runtimes.
protocol ChainPlace: Sendable {
  /// As the vendor knows it.
  var deploymentType: DeploymentType { get }
  /// Of the DesiredDeployment.
  var namespace: String { get }
  var backendSettings: [String: String] { get }

  func agentSettings(_ folder: TemporaryFolder) throws -> [String: String]
  /// Lays the customer's own settings into the bucket.
  func fillBucket(_ folder: TemporaryFolder) throws
  /// Packs what CI uploads.
  /// - Returns: the file, and the vendor's word for its type.
  func pack(_ version: String, _ folder: TemporaryFolder) async throws -> (file: String, type: String)
  /// What a release manifest is made from, before the artifact's path.
  func manifestOptions(_ folder: TemporaryFolder) throws -> [String]
  /// What a service of the customer's stack itself says its version is.
  func servedVersion(of service: String) async throws -> String
  func remove() async throws
}

/// A Compose project of its own on the testbed's engine.
struct ComposePlace: ChainPlace {
  let project = "t\(String(UInt64.random(in: 0...UInt64.max), radix: 36))"
  let deploymentType = DeploymentType.docker
  let namespace = "wrktalk"

  var backendSettings: [String: String] {
    ["WRKTALK_DEPLOYMENT_TYPE": "docker", "WRKTALK_COMPOSE_PROJECT_NAME": project]
  }

  func agentSettings(_ folder: TemporaryFolder) -> [String: String] {
    ["WRKTALK_AGENT_DEPLOYMENT_TYPE": "docker", "WRKTALK_AGENT_COMPOSE_WORKING_DIR": folder.file("agent")]
  }

  func fillBucket(_ folder: TemporaryFolder) throws {
    try folder.write("REGISTRY=\(try Testbed.location(of: .images))\n", to: "bucket/config/.env")
  }

  func pack(_ version: String, _ folder: TemporaryFolder) async throws -> (file: String, type: String) {
    let bundle = folder.file("wrktalk-\(version)-compose.tar.gz")
    try folder.write(twoServices, to: "bundle-\(version)/wrktalk/docker-compose.yaml")
    try await CustomerEnvironment.command(
      "tar", "-C", folder.file("bundle-\(version)"), "--mtime=@0", "-czf", bundle, "wrktalk")
    return (bundle, "compose")
  }

  func manifestOptions(_ folder: TemporaryFolder) -> [String] {
    ["--env", folder.file("bucket/config/.env"), "--bundle"]
  }

  func servedVersion(of service: String) async throws -> String {
    let id = try await CustomerEnvironment.command(
      "docker", "ps", "-aq", "--no-trunc", "--filter", "label=com.docker.compose.project=\(project)", "--filter",
      "label=com.docker.compose.service=\(service)"
    ).split(separator: "\n").first
    guard let id else { return "" }
    return try await CustomerEnvironment.command("docker", "exec", String(id), "/bin/busybox", "cat", "/www/version")
  }

  func remove() async throws {
    try await CustomerEnvironment.command(
      "sh", "-c",
      """
      docker ps -aq --filter label=com.docker.compose.project=\(project) | xargs -r docker rm -f
      docker network ls -q --filter label=com.docker.compose.project=\(project) | xargs -r docker network rm
      """)
  }
}

/// A Helm release in a namespace of its own of the testbed's cluster.
struct HelmPlace: ChainPlace {
  let session: ClusterSession
  let edition: HelmEdition
  let deploymentType = DeploymentType.kubernetes

  var namespace: String { session.namespace }

  var backendSettings: [String: String] {
    [
      "WRKTALK_DEPLOYMENT_TYPE": "kubernetes", "WRKTALK_DEPLOYMENT_NAMESPACE": namespace,
      // Longer than a busy cluster takes to start a pod: only what crashes may meet it.
      "WRKTALK_DEPLOYMENT_TIMEOUT": "90s",
    ]
  }

  func agentSettings(_ folder: TemporaryFolder) throws -> [String: String] {
    [
      "WRKTALK_AGENT_DEPLOYMENT_TYPE": "kubernetes", "KUBECONFIG": session.kubeconfig,
      "WRKTALK_AGENT_HELM_BINARY": try edition.executable(), "WRKTALK_AGENT_WORKING_DIR": folder.file("agent"),
    ]
  }

  func fillBucket(_ folder: TemporaryFolder) throws {
    try folder.write(
      "global: {registry: \(try Testbed.location(of: .images))}\ncontrolTower: {enabled: false}\n",
      to: "bucket/config/values.yaml")
  }

  func pack(_ version: String, _ folder: TemporaryFolder) async throws -> (file: String, type: String) {
    let chart = folder.file("wrktalk-\(version).tgz")
    try await CustomerEnvironment.command("bash", "\(Testbed.repository)/Tests/Testbed/chart.sh", version, chart)
    return (chart, "helm")
  }

  func manifestOptions(_ folder: TemporaryFolder) throws -> [String] {
    ["--values", folder.file("bucket/config/values.yaml"), "--helm", try edition.executable(), "--chart"]
  }

  func servedVersion(of service: String) async throws -> String {
    try await session.kubectl("exec", "deploy/wrktalk-\(service)", "--", "/bin/busybox", "cat", "/www/version")
  }

  /// The session removes the namespace.
  func remove() {}

  /// What Helm's own history says last: `3 deployed wrktalk-1.0.0`.
  func lastRevision() async throws -> String {
    // Helm may warn before it answers.
    let lines = try await CustomerEnvironment.command(
      try edition.executable(), "--kubeconfig", session.kubeconfig, "-n", namespace, "history", "wrktalk", "-o", "json"
    ).split(separator: "\n")
    let last = try JSONValue(parsing: String(lines.first { $0.hasPrefix("[") } ?? "[]")).array?.last
    return "\(last?["revision"]?.integer ?? 0) \(last?["status"]?.string ?? "") \(last?["chart"]?.string ?? "")"
  }
}
