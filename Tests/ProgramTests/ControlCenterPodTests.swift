import FleetKinds
import HTTPTransport
import ResourceClient
import ResourceModel
import TestSupport
import Testing
import WireFormats

/// The vendor's server as two pods of a cluster, as manifests/overlays/gcc has them, over PostgreSQL and an S3 server.
@Suite(
  .needs(.cluster), .needs(.kubectl), .needs(.controlCenterImage), .needs(.hostAddress), .needs(.s3),
  .needs(.postgresql), .postgreSQLServer, .timeLimit(.minutes(15)))
struct ControlCenterPodTests {
  /// In the order that the head of the overlay gives.
  @Test func aReleaseThatOnePodTakesIsOfferedByTheOther() async throws {
    try await ClusterSession.use { session in
      try await PodBucket.use(session) { bucket in
        let ciToken = "a-token-of-ci-for-this-test-alone"
        try await session.deployControlCenter(bucket, ciToken: ciToken)
        let pods = try await session.kubectl(
          "get", "pods", "-l", "app.kubernetes.io/name=wrktalk-gcc", "-o", "jsonpath={.items[*].status.podIP}"
        ).split(separator: " ").map { "https://\($0):3000" }
        try #require(pods.count == 2)

        let admin = try await session.kubectl(
          "exec", "deploy/wrktalk-gcc", "--", "wrktalk-gcc", "token", "create", "--role", "admin", "--name", "admin",
          "--expires", "24h")
        let customer = Organization(metadata: ObjectMeta(name: "customer-x"), spec: OrganizationSpec())
        let client = session.client(pods[0], token: admin)
        _ = try await client.create(customer)
        // What is said of the key beside it has spaces.
        let lines = try await session.kubectl(
          "exec", "deploy/wrktalk-gcc", "--", "wrktalk-gcc", "key", "create", "customer-x"
        ).split(separator: "\n")
        let key = String(try #require(lines.first { !$0.contains(" ") }))

        let chart = session.folder.file("wrktalk-1.0.0.tgz")
        try await CustomerEnvironment.command(
          "bash", "\(Testbed.repository)/Tests/Testbed/chart.sh", "1.0.0", chart)
        // As the specification has CI do it, through one pod (spec §5.1).
        try await session.curl(
          "-X", "POST", "\(pods[0])/api/internal/artifacts", "-H", "Authorization: Bearer \(ciToken)", "-F",
          "file=@\(chart)", "-F", "type=helm", "-F", "version=1.0.0")
        let tags = #"{"backend":"v1","media":"v1","controlTower":"v1","agent":"v1"}"#
        try await session.curl(
          "-X", "POST", "\(pods[0])/api/internal/releases", "-H", "Authorization: Bearer \(ciToken)", "-H",
          "Content-Type: application/json", "-d", #"{"version":"1.0.0","imageTags":\#(tags)}"#)
        try await session.curl(
          "-X", "POST", "\(pods[0])/api/internal/releases/1.0.0/publish", "-H", "Authorization: Bearer \(ciToken)")

        // The other offers it, and gives the chart out as it came.
        let offer = try await session.offer(of: "customer-x", at: pods[1], key: key)
        #expect(offer["release"]?["version"] == "1.0.0")
        let copy = session.folder.file("copy.tgz")
        try await session.curl(
          "\(pods[1])/api/artifacts/charts/1.0.0?type=helm", "-H", "Authorization: Bearer \(key)", "-o", copy)
        try await CustomerEnvironment.command("cmp", chart, copy)

        // One that goes takes nothing along.
        let name = try await session.kubectl(
          "get", "pods", "-l", "app.kubernetes.io/name=wrktalk-gcc", "-o", "jsonpath={.items[0].metadata.name}")
        try await session.kubectl("delete", "pod", name, "--grace-period=0", "--force")
        try await session.kubectl("rollout", "status", "deployment/wrktalk-gcc", "--timeout=120s")
      }
    }
  }
}

extension ClusterSession {
  fileprivate func deployControlCenter(_ bucket: PodBucket, ciToken: String) async throws {
    let database = try await PostgreSQLServer.current.createDatabase(host: Testbed.location(of: .hostAddress))
    try await kubectl(
      "create", "secret", "generic", "wrktalk-gcc", "--from-literal=database-url=\(database)",
      "--from-literal=secret-key=\(String(repeating: "5a", count: 32))", "--from-literal=ci-token=\(ciToken)")
    try await kubectl(
      "create", "secret", "generic", "wrktalk-gcc-bucket", "--from-literal=AWS_ACCESS_KEY_ID=\(PodBucket.key)",
      "--from-literal=AWS_SECRET_ACCESS_KEY=\(PodBucket.secret)")
    let certificate = try await TestCertificate.make(in: folder, for: ["DNS:gcc.example.com"])
    try await kubectl(
      "create", "secret", "tls", "wrktalk-gcc-tls", "--cert", certificate.certificateFile, "--key",
      certificate.keyFile)
    try await applyOverlay(
      "gcc", images: ["wrktalk-gcc": try Testbed.location(of: .controlCenterImage)],
      settings: "wrktalk-gcc-settings",
      variables: [
        "GCC_BUCKET_PROVIDER": "minio", "GCC_BUCKET_NAME": namespace,
        "GCC_BUCKET_ENDPOINT": "http://\(try Testbed.location(of: .hostAddress)):8333",
      ])
    try await kubectl("rollout", "status", "deployment/wrktalk-gcc", "--timeout=180s")
  }

  fileprivate func client(_ url: String, token: String) -> ResourceClient {
    // The certificate is for a name that nothing resolves here.
    ResourceClient(
      endpoint: APIEndpoint(url, token: .fixed(token), tls: TLSSettings(isVerificationDisabled: true)), http: http)
  }

  @discardableResult
  fileprivate func curl(_ arguments: String...) async throws -> String {
    try await CustomerEnvironment.command(["curl", "-sSk", "--fail-with-body"] + arguments)
  }

  /// What a customer is offered, once the pod knows of it.
  fileprivate func offer(of organization: String, at url: String, key: String) async throws -> JSONValue {
    while true {
      let text = try await curl(
        "\(url)/api/v1/organizations/\(organization)/updates", "-H", "Authorization: Bearer \(key)")
      let answer = try JSONValue(parsing: Array(text.utf8))
      if answer["eventType"] != "none" { return answer }
      try await Task.sleep(for: .milliseconds(100))
    }
  }
}
