import Database
import FleetKinds
import FleetProtocol
import HTTPTransport
import Outbox
import Reconciliation
import ResourceModel
import Synchronization
import TestSupport
import Testing
import WireFormats

@testable import ControlCenter

/// Webhooks as customers get them (spec §5.2, §8.2).
@Suite(.postgreSQLServer, .timeLimit(.minutes(2))) struct WebhookTests {
  private static let secret = "a secret of the customer"

  /// What customers' servers got.
  private final class Received: Sendable {
    private let requests = Mutex<[ServerRequest]>([])
    var all: [ServerRequest] { requests.withLock { $0 } }
    func add(_ request: ServerRequest) { requests.withLock { $0.append(request) } }
  }

  /// A customer whose server answers so; the loops that send webhooks run as they do in the program.
  private func customer(
    _ database: TestDatabase, _ answer: @escaping LoopbackServer.Handler,
    _ body: @Sendable (FleetFixture, Received) async throws -> Void
  ) async throws {
    let received = Received()
    let server = try LoopbackServer { request, connection in
      received.add(request)
      answer(request, connection)
    }
    let environment = HealthTests.withMail.merging(["GCC_WEBHOOK_ALLOWED_ADDRESSES": "*"]) { $1 }
    try await FleetFixture.with(database, environment: environment) { fixture in
      try await fixture.addOrganization("acme", webhook: "\(server.url)/api/deployment/webhook", secret: Self.secret)
      let tasks = [Task { try await fixture.parts.offers.run() }, Task { await fixture.parts.outbox.run() }]
      try await fixture.addRelease("2.3.0")
      try await fixture.settle()
      try await body(fixture, received)
      fixture.parts.outbox.cancel()
      for task in tasks { task.cancel() }
      for task in tasks { _ = await task.result }
    }
  }

  /// Waits for what another task does.
  private func eventually(_ condition: () async throws -> Bool) async throws {
    while try await !condition() { try await Task.sleep(for: .milliseconds(5)) }
  }

  private func phase(_ fixture: FleetFixture) async throws -> TargetPhase? {
    try await fixture.target("acme", "2.3.0").status?.phase
  }

  @Test(arguments: TestDatabase.available)
  func aCustomerGetsTheSpecificationsBodySignedAndIsNotedWhenItAcknowledges(_ database: TestDatabase) async throws {
    let acknowledge: LoopbackServer.Handler = { _, connection in connection.respond(200, body: Array("{}".utf8)) }
    try await customer(database, acknowledge) { fixture, received in
      try await eventually { try await phase(fixture) == .notified }
      let request = try #require(received.all.first)
      #expect(request.method == "POST" && request.target == "/api/deployment/webhook")
      let signature = try #require(request.headers["x-webhook-signature"])
      #expect(WebhookSignature.isValid(signature, of: request.body, secret: Self.secret))
      #expect(!WebhookSignature.isValid(signature, of: request.body + [0x20], secret: Self.secret))
      #expect(request.headers["x-webhook-id"]?.isEmpty == false && request.headers["x-webhook-timestamp"] != nil)
      let json = try JSONValue(parsing: request.body)
      #expect(json["eventType"] == "release.published")
      #expect(json["release"]?["version"] == "2.3.0" && json["release"]?["imageTags"]?["backend"] == "sha-abc")
      #expect(json["ruleset"]?["isForced"] == false && json["ruleset"]?["estimatedDowntime"] == .null)
      let status = try #require(try await fixture.organization("acme").status)
      #expect(status.lastWebhookAck != nil && status.lastSeen == status.lastWebhookAck)
      #expect(try await fixture.target("acme", "2.3.0").status?.webhook?.acked == true)
      // What the webhook said is what a poll says.
      #expect(fixture.parts.offers.offer(for: "acme")?.body == request.body)
    }
  }

  /// Error 2.2: it would not help to send it again, and people have to compare the secrets.
  @Test(arguments: TestDatabase.available)
  func error2_2_whoAnswers401IsNotAskedAgain(_ database: TestDatabase) async throws {
    let refuse: LoopbackServer.Handler = { _, connection in connection.respond(401) }
    try await customer(database, refuse) { fixture, received in
      try await eventually { try await phase(fixture) == .webhookFailed }
      fixture.advance(.seconds(600))
      fixture.parts.outbox.cancel()
      #expect(received.all.count == 1)
      let webhook = try #require(try await fixture.target("acme", "2.3.0").status?.webhook)
      #expect(webhook.error?.contains("401") == true && !webhook.acked)
      let events = try await fixture.query("SELECT object FROM event WHERE object LIKE '%WebhookUnauthorized%'")
      #expect(events.count == 1)
      // The admins hear of it, and nobody else.
      #expect(try await fixture.parts.digest.pass() == 1)
      let mail = try await fixture.query("SELECT payload FROM outbox WHERE topic = 'mail'")
      #expect(mail.count == 1 && mail[0][0].text?.contains("Auth issue with customer acme") == true)
    }
  }

  /// Error 2.3: three attempts a minute apart with one id, then the customer's poll takes over.
  @Test(arguments: TestDatabase.available)
  func error2_3_whoFailsIsAskedThreeTimesAndThenPolls(_ database: TestDatabase) async throws {
    let fail: LoopbackServer.Handler = { _, connection in
      connection.respond(503, body: Array("being upgraded".utf8))
    }
    try await customer(database, fail) { fixture, received in
      for count in 1...3 {
        try await eventually { received.all.count == count }
        // Until the attempt is written down the message is in the sender's hands.
        try await eventually {
          try await fixture.query("SELECT attempts FROM outbox WHERE locked_by IS NOT NULL OR attempts < \(count)")
            .isEmpty
        }
        if count < 3 {
          #expect(try await phase(fixture) == .pending)
          fixture.advance(.seconds(61))
          try await fixture.database.transaction(.write) { try $0.notify(channel: Outbox.channel, payload: "") }
        }
      }
      try await eventually { try await phase(fixture) == .webhookFailed }
      #expect(Set(received.all.compactMap { $0.headers["x-webhook-id"] }).count == 1)
      let webhook = try #require(try await fixture.target("acme", "2.3.0").status?.webhook)
      #expect(webhook.retries == 2 && webhook.error?.contains("being upgraded") == true, "\(webhook)")
      #expect(fixture.parts.offers.offer(for: "acme")?.version == "2.3.0", "the poll brings it")
    }
  }

  /// Error 2.1: three attempts, then the poll; and people are told of who is away for a day while a forced update waits.
  @Test(arguments: TestDatabase.available)
  func error2_1_whoCannotBeReachedIsLeftToThePollAndToldOfAfterADay(_ database: TestDatabase) async throws {
    try await FleetFixture.with(database) { fixture in
      // Nobody listens there.
      try await fixture.addOrganization("acme", webhook: "http://127.0.0.1:1/hook", secret: Self.secret)
      try await fixture.heartbeat("acme")
      let tasks = [Task { try await fixture.parts.offers.run() }, Task { await fixture.parts.outbox.run() }]
      try await fixture.addRelease("2.3.0", isForced: true)
      try await fixture.settle()
      for count in 1...3 {
        try await eventually {
          let attempts = try await fixture.query(
            "SELECT attempts FROM outbox WHERE destination = 'acme' AND locked_by IS NULL AND attempts >= \(count)")
          if !attempts.isEmpty { return true }
          return try await phase(fixture) == .webhookFailed
        }
        guard count < 3 else { break }
        #expect(try await phase(fixture) == .pending)
        fixture.advance(.seconds(61))
        try await fixture.database.transaction(.write) { try $0.notify(channel: Outbox.channel, payload: "") }
      }
      try await eventually { try await phase(fixture) == .webhookFailed }
      #expect(try await fixture.target("acme", "2.3.0").status?.webhook?.retries == 2)
      #expect(fixture.parts.offers.offer(for: "acme")?.version == "2.3.0", "the poll brings it")
      fixture.parts.outbox.cancel()
      for task in tasks { task.cancel() }
      for task in tasks { _ = await task.result }
      for span in [600, 3000, 82_800] {
        fixture.advance(.seconds(span))
        while try await fixture.parts.health.pass() == .now {}
      }
      let escalations = try await fixture.query("SELECT \"organizationName\", CAST(type AS text) FROM gcc_escalation")
      #expect(escalations.map { [$0[0].text, $0[1].text] } == [["acme", "CLIENT_OFFLINE"]])
    }
  }

  /// Error 2.4: whoever takes too long is asked again, like one that fails.
  @Test func error2_4_whoDoesNotAnswerInTimeIsAskedAgain() async throws {
    let slow = try LoopbackServer(serve: { $0.waitForClose() })
    try await FleetFixture.with(.sqlite) { fixture in
      var sender = WebhookSender(
        http: fixture.parts.http, offers: fixture.parts.offers, secrets: fixture.parts.secrets,
        recipients: SetWriter { set in set.map { _ in nil } },
        acknowledgements: SetWriter { set in set.map { _ in () } }, now: { fixture.now })
      sender.timeout = .milliseconds(50)
      let answer = try await sender.post([], to: "\(slow.url)/hook", secret: Self.secret, id: "1")
      guard case .retry(let after, let reason) = answer else {
        Issue.record("\(answer)")
        return
      }
      #expect(after == nil && !reason.isEmpty)
    }
  }

  @Test func answersMeanWhatTheSpecificationSays() {
    func meaning(_ status: Int, _ retryAfter: String? = nil) -> SendAnswer {
      WebhookAnswer.meaning(status: status, retryAfter: retryAfter, body: [])
    }
    #expect(meaning(200) == .delivered && meaning(204) == .delivered)
    #expect(meaning(401) == .rejected(reason: WebhookAnswer.unauthorized))
    #expect(meaning(302) == .retry(reason: "the customer answered 302: redirects are not followed"))
    #expect(meaning(500) == .retry(reason: "the customer answered 500"))
    #expect(meaning(429, "120") == .retry(after: .seconds(120), reason: "the customer answered 429"))
    #expect(meaning(503, "-5") == .retry(after: .zero, reason: "the customer answered 503"))
  }

  /// Whoever may name an endpoint must not make this server knock at doors of its own network.
  @Test(arguments: ["http://127.0.0.1:1/hook", "http://169.254.169.254/latest", "http://[::1]:1/", "http://10.0.0.1/"])
  func endpointsOfTheInnerNetworkAreNotConnectedTo(_ endpoint: String) async throws {
    try await FleetFixture.with(.sqlite, environment: [:]) { fixture in
      let error = await #expect(throws: (any Error).self) { try await fixture.parts.http.send(.init(url: endpoint)) }
      #expect(String(describing: error).contains("address"))
    }
  }

  @Test func secretsAreSealedInTheDatabase() async throws {
    try await FleetFixture.with(.sqlite) { fixture in
      try await fixture.addOrganization("acme", secret: Self.secret)
      let kept = try await fixture.query("SELECT \"webhookSecret\" FROM organizational_service").first?[0].text ?? ""
      #expect(!kept.contains(Self.secret) && !kept.isEmpty)
      #expect(fixture.parts.secrets.open(kept, of: "acme") == Self.secret)
      #expect(fixture.parts.secrets.open(kept, of: "other") == nil)
      let object = try await fixture.object(OrganizationKind.definition, "acme")
      #expect(!object.text.contains("ecret"))
    }
  }
}
