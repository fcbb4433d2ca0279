import Database
import FleetKinds
import FleetProtocol
import Outbox
import ResourceModel
import Synchronization
import TestSupport
import Testing
import WireFormats

@testable import ControlCenter

/// Customers whose endpoints do what they should not, by a fault or on purpose: none of them holds up another's webhook.
@Suite(.postgreSQLServer, .timeLimit(.minutes(2))) struct HostileWebhookTests {
  private static let secret = "a secret of the customer"

  /// What an endpoint does, and what is known of it afterwards; nil where the attempt goes on.
  private struct Endpoint: Sendable, CustomTestStringConvertible {
    var name: String
    var serve: @Sendable (ServerConnection) -> Void
    var error: String?
    var testDescription: String { name }
  }

  private static let endpoints: [Endpoint] = [
    Endpoint(name: "slow", serve: { $0.waitForClose() }),
    Endpoint(
      name: "endless-body",
      serve: { connection in
        _ = connection.readRequest()
        connection.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while connection.write("1000\r\n" + String(repeating: "x", count: 0x1000) + "\r\n") {}
      }, error: "a response of more than 65536 bytes"),
    Endpoint(
      name: "endless-headers",
      serve: { connection in
        _ = connection.readRequest()
        connection.write("HTTP/1.1 200 OK\r\n")
        while connection.write("X-Header: \(String(repeating: "x", count: 1000))\r\n") {}
      }, error: ""),
    Endpoint(
      name: "one-huge-header",
      serve: { connection in
        _ = connection.readRequest()
        connection.write("HTTP/1.1 200 OK\r\nX-Header: ")
        while connection.write(String(repeating: "x", count: 1000)) {}
      }, error: ""),
    Endpoint(
      name: "redirecting",
      serve: { connection in
        while connection.readRequest() != nil { connection.respond(307, headers: ["Location: /elsewhere"]) }
      }, error: "redirects are not followed"),
    Endpoint(
      name: "unauthorized",
      serve: { connection in while connection.readRequest() != nil { connection.respond(401) } },
      error: "401"),
    Endpoint(name: "no-http", serve: { $0.write("SSH-2.0-OpenSSH_9.2\r\n") }, error: ""),
    Endpoint(name: "hanging-up", serve: { _ in }, error: ""),
  ]

  @Test(arguments: TestDatabase.available)
  func noneHoldsUpAnothersDelivery(_ database: TestDatabase) async throws {
    let requested = Mutex<[String]>([])
    let good = try LoopbackServer { request, connection in
      requested.withLock { $0.append(request.target) }
      connection.respond(200)
    }
    let servers = try Self.endpoints.map { endpoint in
      try LoopbackServer(serve: { connection in endpoint.serve(connection) })
    }
    try await FleetFixture.with(database) { fixture in
      for (endpoint, server) in zip(Self.endpoints, servers) {
        try await fixture.addOrganization(endpoint.name, webhook: "\(server.url)/hook", secret: Self.secret)
      }
      // Nobody listens there.
      try await fixture.addOrganization("refusing", webhook: "http://127.0.0.1:1/hook", secret: Self.secret)
      // Many that are slow, so that the good one has to come between them.
      for number in 0..<40 {
        try await fixture.addOrganization("slow-\(number)", webhook: "\(servers[0].url)/hook", secret: Self.secret)
      }
      try await fixture.addOrganization("zz-good", webhook: "\(good.url)/hook", secret: Self.secret)
      try await fixture.addRelease("2.3.0")
      try await fixture.settle()
      let tasks = [Task { try await fixture.parts.offers.run() }, Task { await fixture.parts.outbox.run() }]
      while try await fixture.target("zz-good", "2.3.0").status?.phase != .notified {
        try await Task.sleep(for: .milliseconds(5))
      }
      #expect(requested.withLock { $0 } == ["/hook"])
      for endpoint in Self.endpoints + [Endpoint(name: "refusing", serve: { _ in }, error: "")] {
        guard let expected = endpoint.error else { continue }
        var row: SQLRow?
        // Kept for the next attempt, or given up.
        while row == nil {
          row = try await fixture.query(
            """
            SELECT last_error FROM outbox WHERE destination = $1 AND last_error IS NOT NULL
            UNION ALL SELECT reason FROM outbox_dead WHERE destination = $1
            """, [.text(endpoint.name)]
          ).first
          try await Task.sleep(for: .milliseconds(5))
        }
        let error = row?[0].text ?? ""
        #expect(expected.isEmpty || error.contains(expected), "\(endpoint.name): \(error)")
        #expect(try await fixture.target(endpoint.name, "2.3.0").status?.webhook?.acked == false)
      }
      #expect(try await fixture.target("unauthorized", "2.3.0").status?.phase == .webhookFailed)
      #expect(try await fixture.target("redirecting", "2.3.0").status?.phase == .pending)
      fixture.parts.outbox.cancel()
      for task in tasks { task.cancel() }
      for task in tasks { _ = await task.result }
    }
  }

  /// What another program wrote into the table, as the specification's own would.
  @Test(arguments: TestDatabase.available)
  func secretsThatAnotherProgramWroteAreSealedAndAreInNoMessage(_ database: TestDatabase) async throws {
    let signatures = Mutex<[Bool]>([])
    let server = try LoopbackServer { request, connection in
      let signature = request.headers["x-webhook-signature"] ?? ""
      signatures.withLock {
        $0.append(WebhookSignature.isValid(signature, of: request.body, secret: "written as it is"))
      }
      connection.respond(200)
    }
    try await FleetFixture.with(database) { fixture in
      for name in ["a", "b", "c"] { try await fixture.addOrganization(name, webhook: server.url) }
      try await fixture.execute("UPDATE organizational_service SET \"webhookSecret\" = 'written as it is'")
      try await fixture.addRelease("2.3.0")
      try await fixture.settle()
      let messages = try await fixture.query("SELECT payload FROM outbox WHERE topic = 'webhook'")
      #expect(messages.count == 3)
      for message in messages { #expect(message[0].text?.contains("written") == false, "\(message)") }
      #expect(try await fixture.parts.secrets.sealAll() == false)
      for row in try await fixture.query("SELECT name, \"webhookSecret\" FROM organizational_service") {
        #expect(row[1].text?.hasPrefix("v1:") == true)
        #expect(fixture.parts.secrets.open(row[1].text ?? "", of: row[0].text ?? "") == "written as it is")
      }
      let tasks = [Task { try await fixture.parts.offers.run() }, Task { await fixture.parts.outbox.run() }]
      while signatures.withLock({ $0.count }) < 3 { try await Task.sleep(for: .milliseconds(5)) }
      #expect(signatures.withLock { $0 } == [true, true, true])
      fixture.parts.outbox.cancel()
      for task in tasks { task.cancel() }
      for task in tasks { _ = await task.result }
    }
  }

  @Test(arguments: TestDatabase.available)
  func aWebhookGoesWhereTheCustomerIsNow(_ database: TestDatabase) async throws {
    let received = Mutex<[String]>([])
    let server = try LoopbackServer { request, connection in
      received.withLock { $0.append(request.target) }
      connection.respond(200)
    }
    try await FleetFixture.with(database) { fixture in
      for name in ["moves", "leaves"] {
        try await fixture.addOrganization(name, webhook: "\(server.url)/old-\(name)", secret: Self.secret)
      }
      try await fixture.addRelease("2.3.0")
      try await fixture.settle()
      try await fixture.execute(
        "UPDATE organizational_service SET \"webhookEndpoint\" = '\(server.url)/new' WHERE name = 'moves'")
      try await fixture.execute("UPDATE organizational_service SET \"webhookEndpoint\" = NULL WHERE name = 'leaves'")
      let tasks = [Task { try await fixture.parts.offers.run() }, Task { await fixture.parts.outbox.run() }]
      while try await fixture.query("SELECT count(*) FROM outbox").first?[0].integer != 0 {
        try await Task.sleep(for: .milliseconds(5))
      }
      #expect(received.withLock { $0 } == ["/new"])
      let webhook = try await fixture.target("leaves", "2.3.0").status?.webhook
      #expect(webhook?.error?.contains("polls") == true)
      fixture.parts.outbox.cancel()
      for task in tasks { task.cancel() }
      for task in tasks { _ = await task.result }
    }
  }
}
