import FleetKinds
import HTTPTransport
import ResourceClient
import ResourceModel
import TestSupport
import Testing
import WireFormats

/// Three processes of the vendor's server over one PostgreSQL, one of which is killed every two seconds while simulated customers
/// take a release in stages: no target is lost, nobody gets the release who should not, every webhook arrives at least once and is
/// known as a repetition where it comes twice, and what is counted is what there is. `make chaos-fleet` is the long form.
@Suite(.needs(.postgresql), .postgreSQLServer, .timeLimit(.minutes(5)))
struct FleetChaosTests {
  private static let perProcess = 30
  private static let version = "2.3.0"

  @Test func whoIsKilledLosesNoTargetAndTellsNobodyWrongly() async throws {
    let folder = try TemporaryFolder()
    let servers = try await servers(folder)
    let http = HTTPClient(userAgent: "wrktalk-chaos")
    let token = try await servers[0].secret(["token", "create", "--role", "admin", "--name", "chaos"])
    let clients = servers.map { ResourceClient(endpoint: APIEndpoint($0.url, token: .fixed(token)), http: http) }
    let fleets = try await fleets(servers, token, folder)
    try await until("all customers are there") {
      try await clients[0].list(OrganizationKind.names, namespace: nil).items.count == 3 * Self.perProcess
    }
    try await publish(servers[0], clients[0], token, folder)

    // The customers of the last process are in no stage.
    let expected = 2 * Self.perProcess
    var kills = 0
    // Each of them is killed, however soon the rollout is through.
    var isThrough = false
    while kills < 3 || !isThrough {
      try #require(kills < 40, "the rollout does not end")
      let victim = servers[kills % 3]
      await victim.kill()
      kills += 1
      try await victim.start()
      try await Task.sleep(for: .seconds(2))
      isThrough = try await isDone(clients[(kills + 1) % 3], expected)
    }
    try await check(clients[0], expected)
    let hooks = try await webhooks(of: fleets)
    print("\(kills) kills, \(hooks.received) webhooks for \(expected) targets, \(hooks.repeats) known as repetitions")
    #expect(hooks.received - hooks.repeats >= expected)
    #expect(hooks.bad == 0)
    for server in servers { await server.program.stop() }
    await http.shutdown()
  }

  private func isDone(_ client: ResourceClient, _ expected: Int) async throws -> Bool {
    let targets = (try? await client.list(DeploymentTargetKind.names, namespace: nil).items) ?? []
    return targets.count == expected
      && targets.allSatisfy { $0["status"]?["bucket"]?.string == TargetBucket.succeeded.rawValue }
  }

  private func check(_ client: ResourceClient, _ expected: Int) async throws {
    let targets = try await client.list(DeploymentTargetKind.names, namespace: nil).items
    let reached = Set(targets.compactMap { $0["spec"]?["organization"]?.string })
    #expect(reached.count == expected && reached.allSatisfy { !$0.hasPrefix("p2") })
    for organization in try await client.list(OrganizationKind.names, namespace: nil).items {
      let name = organization["metadata"]?["name"]?.string ?? ""
      let runs = organization["status"]?["currentVersion"]?.string == Self.version
      #expect(runs == reached.contains(name), "\(name) runs \(organization["status"]?["currentVersion"]?.text ?? "")")
    }
    // What is counted is what there is, and the rollout has come to its end by it.
    try await until("the rollout is completed") {
      let rollout = try await client.get(RolloutKind.self, ObjectKey(namespace: "", name: "chaos"))
      guard rollout.status?.phase == .completed else { return false }
      let counts = rollout.status?.stages.map(\.counts) ?? []
      #expect(counts.reduce(0) { $0 + $1.succeeded } == expected)
      #expect(counts.reduce(0) { $0 + $1.members } == expected)
      return true
    }
  }

  // MARK: The programs

  private func servers(_ folder: TemporaryFolder) async throws -> [ServerProcess] {
    let environment = [
      "DATABASE_URL": try await PostgreSQLServer.current.createDatabase(), "GCC_WEBHOOK_ALLOWED_ADDRESSES": "*",
      "GCC_SECRET_KEY": String(repeating: "ab", count: 32), "GCC_BUCKET_PROVIDER": "file",
      "GCC_BUCKET_NAME": folder.file("bucket"), "WRKTALK_LOG_LEVEL": "warning",
    ]
    try folder.write("", to: "bucket/.keep")
    var servers: [ServerProcess] = []
    for number in 0..<3 {
      servers.append(
        try await ServerProcess(
          "wrktalk-gcc", arguments: ["--data-dir", folder.file("gcc-\(number)")], environment: environment))
    }
    return servers
  }

  private func fleets(
    _ servers: [ServerProcess], _ token: String, _ folder: TemporaryFolder
  ) async throws -> [RunningProgram] {
    var fleets: [RunningProgram] = []
    for (number, server) in servers.enumerated() {
      let port = try LoopbackServer(serve: { _ in }).port
      fleets.append(
        try await RunningProgram.start(
          Testbed.program("wrktalkctl"),
          arguments: [
            "simulate", "fleet", "--url", server.url, "--prefix", "p\(number)", "--organizations",
            "\(Self.perProcess)", "--listen", "127.0.0.1:\(port)", "--keys", folder.file("keys-\(number).jsonl"),
            "--heartbeat-every", "2s", "--poll-every", "1s", "--offline", "0%", "--never-consents", "0%", "--slow",
            "0%", "--failing", "0%", "--consent-after", "1s", "--deployment", "1s", "--every", "60s",
          ], environment: ["WRKTALK_TOKEN": token]))
    }
    return fleets
  }

  private func publish(
    _ server: ServerProcess, _ client: ResourceClient, _ token: String, _ folder: TemporaryFolder
  ) async throws {
    try folder.write("apiVersion: v2\nname: wrktalk\nversion: \(Self.version)\n", to: "chart/wrktalk/Chart.yaml")
    try folder.write("services: {app: {image: example.com/app:1}}\n", to: "bundle/wrktalk/docker-compose.yaml")
    let (chart, bundle) = (folder.file("chart.tgz"), folder.file("bundle.tar.gz"))
    try await CustomerEnvironment.command("tar", "-C", folder.file("chart"), "-czf", chart, "wrktalk")
    try await CustomerEnvironment.command("tar", "-C", folder.file("bundle"), "-czf", bundle, "wrktalk")
    // Of 2/3 of all, a few first, then under a limit.
    let names = try await client.list(OrganizationKind.names, namespace: nil).items
      .compactMap { $0["metadata"]?["name"]?.string }.filter { !$0.hasPrefix("p2") }
    try folder.write(
      """
      apiVersion: deploy.wrktalk.com/v1
      kind: Rollout
      metadata: {name: chaos}
      spec:
        release: \(Self.version)
        stages:
        - {name: canary, organizations: [\(names.prefix(6).joined(separator: ", "))], gate: {successPercent: 90, minReports: 6}}
        - {name: most, organizations: [\(names.joined(separator: ", "))], maxInFlight: 10}
      """, to: "rollout.yaml")
    for arguments in [
      [
        "release", "create", "--version", Self.version, "--helm", chart, "--compose", bundle, "--backend-tag",
        "sha-abc",
      ], ["rollout", "start", "-f", folder.file("rollout.yaml")], ["release", "publish", Self.version],
    ] {
      let program = try await RunningProgram.start(
        Testbed.program("wrktalkctl"), arguments: arguments,
        environment: ["WRKTALK_TOKEN": token, "WRKTALK_SERVER": server.url])
      guard case .exited(code: 0) = await program.termination() else {
        throw ProgramError(description: "\(arguments): \(program.output.joined(separator: "\n"))")
      }
    }
  }

  /// What the customers got, once they have ended.
  private func webhooks(of fleets: [RunningProgram]) async throws -> (received: Int, repeats: Int, bad: Int) {
    var sum = (received: 0, repeats: 0, bad: 0)
    for fleet in fleets {
      await fleet.stop()
      let text = fleet.output.drop { $0 != "{" }.joined(separator: "\n")
      let hooks = try JSONValue(parsing: Array(text.utf8))["webhooks"]
      sum.received += Int(hooks?["received"]?.integer ?? 0)
      sum.repeats += Int(hooks?["repeats"]?.integer ?? 0)
      sum.bad += Int((hooks?["badSignature"]?.integer ?? 0) + (hooks?["unknown"]?.integer ?? 0))
    }
    return sum
  }

  private func until(_ what: String, _ condition: () async throws -> Bool) async throws {
    let clock = ContinuousClock()
    let deadline = clock.now + .seconds(90)
    while try await !condition() {
      guard clock.now < deadline else { throw ProgramError(description: "not yet: \(what)") }
      try await Task.sleep(for: .milliseconds(100))
    }
  }
}
