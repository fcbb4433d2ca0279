import Cryptography
import FleetProtocol
import HTTPTransport
import Synchronization
import TestSupport
import Testing
import WireFormats

@testable import FleetSimulator

/// The whole simulation, against a server that is as small as can be.
@Suite struct FleetSimulationTests {
  /// Plays the vendor's server.
  private final class Vendor: Sendable {
    struct State {
      var keys: [String: String] = [:]
      var secrets: [String: String] = [:]
      var endpoints: [String: String] = [:]
      var created = 0
      var heartbeats = 0
      var statuses: [String] = []
    }

    let state = Mutex(State())
    let offer = ReleaseOffer(releaseID: "rel-1", version: "2.3.0")

    func answer(_ request: ServerRequest, _ connection: ServerConnection) {
      let body = (try? JSONValue(parsing: request.body)) ?? .null
      let parts = request.target.split(separator: "/").map(String.init)
      func respond(_ json: JSONValue, _ headers: [String] = []) {
        connection.respond(headers: ["Content-Type: application/json"] + headers, body: json.serialized())
      }
      switch (request.method, parts.first, parts.last) {
      case ("POST", "apis", _):
        let name = body["metadata"]?["name"]?.string ?? ""
        state.withLock {
          $0.created += 1
          $0.endpoints[name] = body["spec"]?["webhookEndpoint"]?.string
        }
        connection.respond(201, body: body.serialized())
      case (_, _, "keys"):
        let key = "key-of-\(parts[3])"
        state.withLock { $0.keys[parts[3]] = key }
        respond(["id": "1", "key": .string(key)])
      case (_, _, "webhook-secret"):
        state.withLock { $0.secrets[parts[3]] = body["secret"]?.string }
        respond(body)
      case (_, _, "updates"):
        guard request.headers["authorization"] == "Bearer key-of-\(parts[3])" else {
          connection.respond(404, body: Array(#"{"error":"unknown"}"#.utf8))
          return
        }
        respond(ReleaseOffer.nothing, ["ETag: \"0\""])
      case (_, _, "heartbeat"):
        state.withLock { $0.heartbeats += 1 }
        respond(["received": true, "nextHeartbeatSeconds": 300])
      case (_, _, "scheduled"), (_, _, "status"):
        state.withLock { $0.statuses.append(body["status"]?.string ?? "asked") }
        respond(["received": true])
      default: connection.respond(500)
      }
    }
  }

  private func settings(_ server: LoopbackServer, _ folder: TemporaryFolder, port: Int) -> SimulationSettings {
    var settings = SimulationSettings(
      server: server.url, token: "t", organizations: 3, keysFile: folder.file("keys.jsonl"),
      webhooks: .init(port: port))
    settings.behaviour = FleetBehaviour(
      offline: 0, slow: 0, failing: 0, neverConsents: 0, heartbeatInterval: .milliseconds(300),
      pollInterval: .milliseconds(500), consentDelay: .milliseconds(100), deploymentTime: .milliseconds(200))
    return settings
  }

  @Test func customersAreMadeOnceAndDeployWhatTheyAreToldOf() async throws {
    let vendor = Vendor()
    let server = try LoopbackServer { vendor.answer($0, $1) }
    let folder = try TemporaryFolder()
    let settings = settings(server, folder, port: 18_931)
    let simulation = Task { try await FleetSimulation(settings: settings).run { _ in } }

    // What the vendor sends, twice, and once with another's secret.
    let http = HTTPClient(userAgent: "test")
    let body = vendor.offer.body
    func send(secret: String) async -> Int? {
      guard let endpoint = vendor.state.withLock({ $0.endpoints["sim-000001"] }) else { return nil }
      return try? await http.send(
        HTTPRequest(
          method: "POST", url: endpoint,
          headers: [
            (WebhookSignature.header, WebhookSignature.signature(of: body, secret: secret)),
            (WebhookSignature.idHeader, "w1"),
          ], body: .bytes(body))
      ).status
    }
    var status: Int?
    for _ in 0..<3000 where status != 200 {
      try await Task.sleep(for: .milliseconds(20))
      if let secret = vendor.state.withLock({ $0.secrets["sim-000001"] }) { status = await send(secret: secret) }
    }
    #expect(status == 200)
    let secret = try #require(vendor.state.withLock { $0.secrets["sim-000001"] })
    #expect(await send(secret: secret) == 200)
    #expect(await send(secret: "another") == 401)

    // A person ends it when all is done.
    for _ in 0..<3000 where vendor.state.withLock({ $0.statuses.count < 3 || $0.heartbeats == 0 }) {
      try await Task.sleep(for: .milliseconds(20))
    }
    // The answer to the last report is read after the vendor gave it.
    try await Task.sleep(for: .seconds(1))
    simulation.cancel()
    let summary = try await simulation.value.json
    await http.shutdown()
    #expect(summary["organizations"] == 3)
    #expect(summary["webhooks"]?["received"] == 1 && summary["webhooks"]?["repeats"] == 1)
    #expect(summary["webhooks"]?["badSignature"] == 1)
    #expect(summary["reports"]?["success"] == 1)
    #expect((summary["heartbeats"]?["succeeded"]?.integer ?? 0) > 0)
    #expect(vendor.state.withLock { $0.statuses } == ["asked", "inProgress", "success"])
    #expect(vendor.state.withLock { $0.created } == 3)

    // The second run finds the keys.
    var again = settings
    again.duration = .milliseconds(100)
    _ = try await FleetSimulation(settings: again).run { _ in }
    #expect(vendor.state.withLock { $0.created } == 3)
  }

  @Test func keysOfAnotherServerAreRefusedWithAReason() async throws {
    let vendor = Vendor()
    let server = try LoopbackServer { vendor.answer($0, $1) }
    let folder = try TemporaryFolder()
    try folder.write(
      """
      {"organization":"sim-000000","key":"of another","secret":"s","webhook":""}

      """, to: "keys.jsonl")
    let settings = settings(server, folder, port: 18_932)
    await #expect {
      try await FleetSimulation(settings: settings).run { _ in }
    } throws: { error in
      "\(error)".contains("does not accept the key of sim-000000")
    }
  }

  @Test func aLineThatWasCutOffIsForgottenAndAWrongOneNamed() throws {
    let folder = try TemporaryFolder()
    try folder.write(#"{"organization":"a","key":"k"}"# + "\n" + #"{"organization":"b","#, to: "keys.jsonl")
    let ring = try KeyRing(path: folder.file("keys.jsonl"))
    ring.close()
    #expect(ring.keys.keys.sorted() == ["a"])
    var second = try KeyRing(path: folder.file("keys.jsonl"))
    try second.add(CustomerKey(organization: "c", key: "k", secret: "s", webhook: ""))
    second.close()
    #expect(try KeyRing(path: folder.file("keys.jsonl")).keys.keys.sorted() == ["a", "c"])
    try folder.write("no JSON\n", to: "keys.jsonl")
    #expect {
      try KeyRing(path: folder.file("keys.jsonl"))
    } throws: { error in
      "\(error)".hasSuffix("keys.jsonl:1 is not a line of a file of keys")
    }
  }
}
