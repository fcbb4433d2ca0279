import DeploymentKinds
import HTTPTransport
import ResourceClient
import ResourceModel
import TestSupport
import Testing
import WireFormats

/// Backend and Agent as pods of one cluster, as manifests/overlays/backend-source has them, over PostgreSQL.
@Suite(
  .needs(.cluster), .needs(.kubectl), .needs(.agentImage), .needs(.backendImage), .needs(.hostAddress), .needs(.s3),
  .needs(.images), .needs(.postgresql), .postgreSQLServer, .usesEngine, .timeLimit(.minutes(60)))
struct BackendPodTests {
  /// In the order that the head of the overlay gives.
  @Test func anAgentConvergesWhatTheBackendBesideItHolds() async throws {
    try await ClusterSession.use { session in
      try await PodBucket.use(session) { bucket in
        try await bucket.putValues("global: {registry: \(try Testbed.location(of: .images))}\n")
        let audit = AuditLog(user: "system:serviceaccount:\(session.namespace):wrktalk-agent")
        let start = try audit.length()
        let database = try await PostgreSQLServer.current.createDatabase(host: Testbed.location(of: .hostAddress))
        try await session.createSecret(of: bucket)
        try await session.kubectl(
          "create", "secret", "generic", "wrktalk-backend", "--from-literal=database-url=\(database)")
        let folder = try TemporaryFolder()
        let certificate = try await TestCertificate.make(
          in: folder, for: ["DNS:wrktalk-backend.wrktalk-backend", "DNS:wrktalk-backend.wrktalk-backend.svc"])
        try await session.kubectl(
          "create", "secret", "tls", "wrktalk-backend-tls", "--cert", certificate.certificateFile, "--key",
          certificate.keyFile)
        try await session.kubectl(
          "create", "configmap", "wrktalk-backend-ca", "--from-file=ca.crt=\(certificate.certificateFile)")
        try await session.applyBackendOverlay(bucket)
        try await session.kubectl("rollout", "status", "deployment/wrktalk-backend", "--timeout=120s")
        let address = try await session.kubectl(
          "get", "pod", "-l", "app.kubernetes.io/name=wrktalk-backend", "-o", "jsonpath={.items[0].status.podIP}")
        try await session.applyBackendOverlay(bucket, addressOfBackend: address)
        try await session.kubectl(
          "create", "secret", "generic", "wrktalk-agent-token",
          "--from-literal=token=\(try await session.createToken(role: "agent"))")
        try await session.kubectl("rollout", "status", "deployment/wrktalk-agent", "--timeout=120s")

        let token = try await session.createToken(role: "admin")
        let client = ResourceClient(
          // The certificate is for the Service's name, which means nothing outside the cluster.
          endpoint: APIEndpoint(
            "https://\(address):3000", token: .fixed(token), tls: TLSSettings(isVerificationDisabled: true)),
          http: session.http)
        let key = session.key("shop")
        for (version, tag) in [("1.0.0", "v1"), ("2.0.0", "v2")] {
          var spec = try await bucket.spec(version, tags: ["backend": tag, "media": tag])
          // The chart has a Backend of its own, and what is named after another release is not the overlay's.
          spec.helm?.releaseName = "shop"
          spec.deletionPolicy = .uninstall
          let generation = try await client.applyDeployment(key, spec).metadata.generation
          let ready = try await client.waitForDeployment(key, version, within: .seconds(240)) {
            $0.isReady && $0.metadata.generation == generation
          }
          #expect(ready.status?.current?.version == version)
          let image = try await session.kubectl(
            "get", "deployment", "shop-backend", "-o", "jsonpath={.spec.template.spec.containers[0].image}")
          #expect(image.hasSuffix(":\(tag)"))
        }

        try await client.delete(DesiredDeploymentKind.names, key)
        try await client.waitUntilDeploymentIsGone(key, within: .seconds(120))
        #expect(try audit.entries(from: start).filter { $0.code == 403 } == [], "a right is missing")
      }
    }
  }
}

extension ClusterSession {
  /// - Parameter addressOfBackend: what the Service's name stands for; the testbed's cluster has neither DNS nor a proxy
  ///   for Services.
  fileprivate func applyBackendOverlay(_ bucket: PodBucket, addressOfBackend: String? = nil) async throws {
    let alias: JSONValue? = addressOfBackend.map { address in
      [
        "target": ["kind": "Deployment", "name": "wrktalk-agent"],
        "patch": .string(
          ([
            [
              "op": "add", "path": "/spec/template/spec/hostAliases",
              "value": [["ip": .string(address), "hostnames": ["wrktalk-backend.wrktalk-backend"]]],
            ]
          ] as JSONValue).text),
      ]
    }
    var variables = try bucket.podVariables()
    variables["WRKTALK_AGENT_PROJECTS"] = "shop"
    try await applyOverlay(
      "backend-source",
      images: [
        "wrktalk-agent": try Testbed.location(of: .agentImage),
        "wrktalk-backend": try Testbed.location(of: .backendImage),
      ], variables: variables, patches: JSONValue.array(alias.map { [$0] } ?? []).text)
  }

  fileprivate func createToken(role: String) async throws -> String {
    // A token that never ends has a note beside it.
    try await kubectl(
      [
        "exec", "deploy/wrktalk-backend", "--", "wrktalk-backend", "token", "create", "--role", role, "--name", role,
        "--expires", "24h",
      ] + (role == "agent" ? ["--namespace", namespace] : []))
  }
}
