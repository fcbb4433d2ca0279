import Database
import FleetProtocol
import HTTPService
import HTTPTransport
import OfferPlanning
import Outbox
import ProgramConfiguration
import Reconciliation
import Synchronization
import TestSupport
import Testing
import WireFormats

@testable import Backend
@testable import Mail

/// From a fact to what each admin gets: one mail for one fact, whatever is repeated, killed or down.
@Suite(.postgreSQLServer, .timeLimit(.minutes(2))) struct NoticeDeliveryTests {
  private static let mailing = [
    "SMTP_HOST": "127.0.0.1", "SMTP_SECURITY": "none",
    "WRKTALK_ADMIN_EMAIL": "ops@example.com,Boss@example.com",
  ]

  private static func webhook(_ url: String) -> [String: String] {
    ["WRKTALK_NOTICE_WEBHOOK_URL": "\(url)/hook", "WRKTALK_NOTICE_WEBHOOK_SECRET": "a secret of ours"]
  }

  private static func failed(_ number: Int) -> AdminNotice {
    AdminNotice(.deploymentFailed, fact: "d\(number)/1", version: "2.3.\(number)", detail: "image not found")
  }

  private func record(_ fixture: BackendFixture, _ notices: [AdminNotice]) async throws {
    let ledger = fixture.parts.notices
    try await fixture.database.transaction(.write) { try ledger.record(notices, in: $0) }
  }

  private func waiting(_ fixture: BackendFixture) async throws -> [String] {
    try await fixture.query("SELECT destination FROM outbox ORDER BY destination, sequence").compactMap { $0[0].text }
  }

  /// What the mail server was handed, and what it says to each recipient.
  private final class Mails: Sendable {
    private let sent = Mutex<[MailMessage]>([])
    var all: [MailMessage] { sent.withLock { $0 } }
    func add(_ mail: MailMessage) { sent.withLock { $0.append(mail) } }
  }

  private func sender(
    _ fixture: BackendFixture, _ mails: Mails, failing: [String: MailError.Code] = [:]
  ) -> NoticeSender {
    let parts = fixture.parts.notifications.sender
    return NoticeSender(
      database: parts.database, settings: parts.settings, recipients: parts.recipients, messages: parts.messages,
      http: parts.http,
      sendMail: { (mail: MailMessage) async throws(MailError) -> Void in
        if let code = failing[mail.to[0].address] { throw MailError(code: code, message: "no") }
        mails.add(mail)
      }, now: parts.now)
  }

  /// Sends what waits as the outbox does, once each.
  private func send(_ fixture: BackendFixture, by sender: NoticeSender) async throws -> [String: SendAnswer] {
    let answers = Mutex<[String: SendAnswer]>([:])
    let runner = OutboxRunner(
      OutboxConfiguration(), database: fixture.database, logger: fixture.parts.logger, now: { fixture.now },
      reportDead: { _, _ in [] },
      send: { delivery in
        let answer = try await sender.send(delivery)
        answers.withLock { $0[delivery.message.destination] = answer }
        return answer
      })
    let task = Task { await runner.run() }
    let count = Set(try await waiting(fixture)).count
    while answers.withLock({ $0.count }) < count { try await Task.sleep(for: .milliseconds(5)) }
    runner.stop()
    await task.value
    return answers.withLock { $0 }
  }

  @Test(arguments: TestDatabase.available)
  func oneFactIsOneMessageToEachRecipient(_ database: TestDatabase) async throws {
    try await BackendFixture.with(database, environment: Self.mailing) { fixture in
      try await record(fixture, [Self.failed(1), Self.failed(1)])
      try await record(fixture, [Self.failed(1)])
      _ = try await fixture.parts.notifications.dispatcher.pass()
      // Whoever is killed and starts again finds that it was told.
      _ = try await fixture.parts.notifications.dispatcher.pass()
      try await record(fixture, [Self.failed(1)])
      _ = try await fixture.parts.notifications.dispatcher.pass()
      #expect(try await waiting(fixture) == ["notices to boss@example.com", "notices to ops@example.com"])
      let mails = Mails()
      _ = try await send(fixture, by: sender(fixture, mails))
      #expect(Set(mails.all.flatMap(\.to).map(\.address)) == ["ops@example.com", "Boss@example.com"])
      #expect(mails.all.allSatisfy { $0.subject == "[WrkTalk] ⚠️ Deployment v2.3.1 FAILED: image not found" })
      #expect(mails.all.allSatisfy { $0.html != nil && $0.text.contains("What to do next") })
    }
  }

  @Test(arguments: TestDatabase.available)
  func whatIsOverIsToldAgainAndStaysInTheList(_ database: TestDatabase) async throws {
    try await BackendFixture.with(database) { fixture in
      let notice = AdminNotice(.agentOffline, fact: "agent")
      let ledger = fixture.parts.notices
      try await record(fixture, [notice])
      #expect(
        try await fixture.database.transaction(.write) { try ledger.resolve(.agentOffline, fact: "agent", in: $0) })
      #expect(
        try await !fixture.database.transaction(.write) { try ledger.resolve(.agentOffline, fact: "agent", in: $0) })
      #expect(try await fixture.notices() == [])
      fixture.advance(.seconds(60))
      try await record(fixture, [notice])
      #expect(try await fixture.notices() == ["agentOffline"])
      // Without any channel it is in the list all the same.
      _ = try await fixture.parts.notifications.dispatcher.pass()
      let list = try await endpoints(fixture).list(try QueryItems(nil))
      #expect(list["notices"]?.array?.count == 2)
      #expect(list["notices"]?.array?[0]["resolvedAt"] == nil && list["notices"]?.array?[1]["resolvedAt"] != nil)
      #expect(try await waiting(fixture).isEmpty)
    }
  }

  @Test(arguments: TestDatabase.available)
  func aDeadMailServerHoldsUpNeitherTheWebhookNorAnotherRecipient(_ database: TestDatabase) async throws {
    let received = Mutex<[ServerRequest]>([])
    let server = try LoopbackServer { request, connection in
      received.withLock { $0.append(request) }
      connection.respond(200, body: [])
    }
    let environment = Self.mailing.merging(Self.webhook(server.url)) { $1 }
    try await BackendFixture.with(database, environment: environment) { fixture in
      try await record(fixture, [Self.failed(1)])
      _ = try await fixture.parts.notifications.dispatcher.pass()
      let mails = Mails()
      let answers = try await send(
        fixture, by: sender(fixture, mails, failing: ["ops@example.com": .deferred, "Boss@example.com": .rejected]))
      #expect(answers["notices to ops@example.com"] == .retry(reason: "no"))
      #expect(answers["notices to boss@example.com"] == .rejected(reason: "no"))
      #expect(answers[NoticeDelivery.webhookDestination] == .delivered)
      #expect(try await waiting(fixture) == ["notices to ops@example.com"])
      let request = try #require(received.withLock { $0.first })
      let body = try JSONValue(parsing: request.body)
      let signature = try #require(request.headers[WebhookSignature.header.lowercased()])
      #expect(WebhookSignature.isValid(signature, of: request.body, secret: "a secret of ours"))
      #expect(body["id"]?.string == request.headers[WebhookSignature.idHeader.lowercased()])
      #expect(body["kind"] == "deploymentFailed" && body["version"] == "2.3.1")
      let channels = try await endpoints(fixture).list(try QueryItems(nil))["channels"]?.array
      #expect(channels?.first?["lastError"] == "no")
    }
  }

  @Test(arguments: TestDatabase.available)
  func manyFactsWithinAMinuteAreOneMessage(_ database: TestDatabase) async throws {
    try await BackendFixture.with(database, environment: Self.webhook("http://127.0.0.1:1")) { fixture in
      let dispatcher = fixture.parts.notifications.dispatcher
      try await record(fixture, (1...3).map(Self.failed))
      _ = try await dispatcher.pass()
      #expect(try await waiting(fixture).count == 3)
      try await record(fixture, (4...9).map(Self.failed))
      fixture.advance(.seconds(10))
      #expect(try await dispatcher.pass() == .after(.seconds(50)))
      #expect(try await waiting(fixture).count == 3)
      fixture.advance(.seconds(50))
      _ = try await dispatcher.pass()
      #expect(try await waiting(fixture).count == 4)
      let digest = try await fixture.outbox(NoticeDelivery.topic).last
      #expect(digest?["notices"]?.array?.count == 6)
    }
  }

  @Test(arguments: TestDatabase.available)
  func recipientsAreThoseOfTheMomentOfSending(_ database: TestDatabase) async throws {
    try await BackendFixture.with(database, environment: Self.mailing) { fixture in
      _ = try await fixture.database.transaction(.write) { connection in
        try connection.execute(
          """
          INSERT INTO admin (email, state, role) VALUES ('ann@example.com', 'active', 'admin'), ('bob@example.com', 'disabled', 'admin'),
            ('ops@EXAMPLE.com', 'active', 'viewer'), ('not an address', 'active', 'viewer')
          """)
      }
      let recipients = fixture.parts.notifications.sender.recipients
      let all = try await fixture.database.transaction(.read) { try recipients.all($0) }
      #expect(all.map(\.address.address) == ["ann@example.com", "Boss@example.com", "ops@example.com"])
      try await record(fixture, [Self.failed(1)])
      _ = try await fixture.parts.notifications.dispatcher.pass()
      _ = try await endpoints(fixture).setRecipient(["address": "ANN@example.com", "mail": false])
      let mails = Mails()
      let answers = try await send(fixture, by: sender(fixture, mails))
      #expect(
        answers["notices to ann@example.com"]
          == .rejected(reason: "the recipient is no admin any more, or wants no mail"))
      #expect(mails.all.count == 2)
      try await record(fixture, [Self.failed(2)])
      _ = try await fixture.parts.notifications.dispatcher.pass()
      #expect(try await waiting(fixture) == ["notices to boss@example.com", "notices to ops@example.com"])
    }
  }

  private func endpoints(_ fixture: BackendFixture) -> NoticeEndpoints {
    NoticeEndpoints(
      database: fixture.database, sender: fixture.parts.notifications.sender,
      makeID: { "11111111-1111-4111-8111-111111111111" }
    )
  }

  @Test(arguments: TestDatabase.available)
  func theListIsReadAPageAtATime(_ database: TestDatabase) async throws {
    try await BackendFixture.with(database) { fixture in
      for number in 1...5 {
        // Two of one moment are told apart by their ids.
        if number % 2 == 1 { fixture.advance(.milliseconds(1)) }
        try await record(fixture, [Self.failed(number)])
      }
      var seen: [String] = []
      var token: String?
      repeat {
        let query = "limit=2" + (token.map { "&continue=\($0)" } ?? "")
        let page = try await endpoints(fixture).list(try QueryItems(query))
        seen += page["notices"]?.array?.compactMap { $0["version"]?.string } ?? []
        token = page["continue"]?.string
      } while token != nil
      #expect(seen.count == 5 && Set(seen).count == 5)
      #expect(seen.first == "2.3.5" && Set(seen.suffix(2)) == ["2.3.1", "2.3.2"])
    }
  }

  @Test(arguments: TestDatabase.available)
  func aTestSaysWhatEachChannelAnswered(_ database: TestDatabase) async throws {
    let server = try LoopbackServer { _, connection in connection.respond(500, body: Array("out of order".utf8)) }
    let environment = Self.mailing.merging(Self.webhook(server.url)) { $1 }
    try await BackendFixture.with(database, environment: environment) { fixture in
      let mails = Mails()
      let sender = sender(fixture, mails, failing: ["Boss@example.com": .unavailable])
      let answers = try await sender.test(id: "t1", actor: "ann")
      #expect(answers.map(\.recipient) == ["Boss@example.com", "ops@example.com", nil])
      #expect(answers.map(\.problem) == ["no", nil, "the webhook's receiver answered 500: out of order"])
      #expect(mails.all.first?.text.contains("Asked for by ann") == true)
      let json = NoticeEndpoints.json(answers)
      #expect(json["channels"]?.array?.map { $0["delivered"] } == [false, true, false])
    }
  }

  @Test(arguments: TestDatabase.available)
  func oldNoticesGoExceptWhatStillHolds(_ database: TestDatabase) async throws {
    try await BackendFixture.with(database) { fixture in
      try await record(fixture, [Self.failed(1), AdminNotice(.agentOffline, fact: "agent")])
      _ = try await fixture.parts.notifications.dispatcher.pass()
      fixture.advance(.seconds(399 * 86_400))
      try await record(fixture, [Self.failed(2)])
      _ = try await fixture.parts.notifications.dispatcher.pass()
      #expect(try await fixture.notices() == ["agentOffline", "deploymentFailed", "deploymentFailed"])
      fixture.advance(.seconds(2 * 86_400))
      _ = try await fixture.parts.notifications.dispatcher.pass()
      #expect(try await fixture.notices() == ["agentOffline", "deploymentFailed"])
    }
  }

  @Test(arguments: [
    (["WRKTALK_NOTICE_WEBHOOK_URL": "ftp://x"], "WRKTALK_NOTICE_WEBHOOK_URL"),
    (["WRKTALK_PUBLIC_URL": "https://x/\"><script>"], "WRKTALK_PUBLIC_URL"),
    (["WRKTALK_ADMIN_EMAIL": "nobody"], "WRKTALK_ADMIN_EMAIL"),
  ])
  func aWrongSettingIsNamed(environment: [String: String], name: String) {
    let error = #expect(throws: ConfigurationError.self) {
      try BackendConfiguration(environment: environment, dataFolder: "/data")
    }
    #expect(error?.message.contains(name) == true || error?.setting == name)
  }
}
