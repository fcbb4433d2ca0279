import Cryptography
import DeploymentKinds
import FoundationEssentials
import ReleaseManifest
import ResourceClient
import ResourceModel
import TestSupport
import WireFormats

extension CustomerEnvironment {
  /// What the vendor says of a release of the two services.
  func manifest(
    _ vendor: SigningVendor, version: String, sequence: Int64, tag: String
  ) async throws -> Manifest {
    let artifact = try await publish(version: version, composeFile: twoServices)
    return try await vendor.manifest(
      version: version, sequence: sequence, tag: tag, artifact: artifact, at: folder.file("bucket/\(artifact.path)"))
  }

  /// A spec that asks for a release which the vendor has signed.
  func signedSpec(
    _ vendor: SigningVendor, version: String, sequence: Int64, tag: String, key: Ed25519.PrivateKey? = nil
  ) async throws -> DesiredDeploymentSpec {
    let artifact = try await publish(version: version, composeFile: twoServices)
    var spec = spec(version: version, artifact: artifact, tag: tag)
    spec.manifest = vendor.envelope(
      try await vendor.manifest(
        version: version, sequence: sequence, tag: tag, artifact: artifact, at: folder.file("bucket/\(artifact.path)")),
      signedWith: key)
    return spec
  }

  @discardableResult
  func startTrustingAgent(_ root: String, _ settings: [String: String] = [:]) async throws -> RunningProgram {
    try folder.write(root, to: "root.json")
    return try await startAgent(
      settings.merging([
        "WRKTALK_AGENT_TRUST_ROOT_FILE": folder.file("root.json"), "WRKTALK_AGENT_ALLOW_UNSIGNED": "",
      ]) { given, _ in given })
  }

  /// Sets annotations of the record, as whoever carries what the vendor signed does.
  func annotate(_ annotations: [String: String]) async throws {
    guard !annotations.isEmpty else { return }
    _ = try await client.mergePatch(
      DesiredDeploymentKind.definition.names, Self.key,
      ["metadata": ["annotations": .object(annotations.mapValues { .string($0) })]])
  }

  /// Writes the status as whoever has got hold of the Agent's token can.
  func forgeStatus(_ change: (inout JSONValue) -> Void) async throws {
    let token = try String(contentsOfFile: folder.file("agent.token"), encoding: .utf8)
    let forger = ResourceClient(endpoint: APIEndpoint("http://127.0.0.1:\(port)", token: .fixed(token)), http: http)
    while true {
      do throws(ResourceClientError) {
        var object = try await forger.get(DesiredDeploymentKind.definition.names, Self.key)
        var status = object["status"] ?? [:]
        change(&status)
        object["status"] = status
        _ = try await forger.replace(DesiredDeploymentKind.definition.names, Self.key, object, subresource: "status")
        return
      } catch {
        guard error.isConflict else { throw error }
      }
    }
  }

  /// Each service's container: one that is still the same was left alone.
  func containerIDs() async throws -> Set<String> {
    Set(
      try await Self.command(
        "docker", "ps", "-q", "--no-trunc", "--filter", "label=com.docker.compose.project=\(project)"
      ).split(separator: "\n").map(String.init))
  }
}
