import CurlTransfers
import Synchronization
import TestSupport
import Testing
import WireFormats

@testable import Mail

struct MailClientTests {
  private func message(
    _ id: String = "first", to recipients: [String] = ["admin@customer.example"], text: String = "It is there."
  ) throws -> MailMessage {
    MailMessage(
      id: id, date: Timestamp(seconds: 1_800_000_000), from: try #require(MailAddress("gcc@vendor.example")),
      to: recipients.compactMap { MailAddress($0) }, subject: "Release", text: text)
  }

  private func client(
    _ server: SMTPServer, security: MailSettings.Security = .none, credentials: MailSettings.Credentials? = nil,
    tls: TLSSettings = TLSSettings(), timeout: Duration = .seconds(30)
  ) throws -> MailClient {
    MailClient(
      try MailSettings(
        host: "localhost", port: server.port, security: security, credentials: credentials, tls: tls,
        clientName: "gcc.vendor.example", timeout: timeout))
  }

  private func failure(_ client: MailClient, _ message: MailMessage) async -> MailError? {
    await #expect(throws: MailError.self) { try await client.send(message) }
  }

  @Test func aMailArrivesWhole() async throws {
    let server = try SMTPServer()
    let text = "One\n.\n..two\n.three\nGröße\n\nend"
    let mail = try message(to: ["admin@customer.example", "second@customer.example"], text: text)
    try await client(server).send(mail)
    let taken = try #require(server.mails.first)
    #expect(taken.greeting == "gcc.vendor.example")
    #expect(taken.sender == "gcc@vendor.example")
    #expect(taken.recipients == ["admin@customer.example", "second@customer.example"])
    #expect(taken.text == String(decoding: try mail.encoded(), as: UTF8.self))
    #expect(taken.text.hasSuffix("\r\n\r\nOne\r\n.\r\n..two\r\n.three\r\nGr=C3=B6=C3=9Fe\r\n\r\nend\r\n"))
    #expect(server.mails.count == 1)
  }

  @Test func aLargeMailArrivesWhole() async throws {
    let server = try SMTPServer()
    let mail = try message(text: (0..<20_000).map { ".line \($0)" }.joined(separator: "\n"))
    try await client(server).send(mail)
    #expect(server.mails.first?.text == String(decoding: try mail.encoded(), as: UTF8.self))
  }

  @Test func aConnectionIsUsedAgain() async throws {
    let server = try SMTPServer()
    let client = try client(server)
    for number in 0..<5 { try await client.send(try message("mail-\(number)")) }
    // A slow machine may lose one in between; each mail its own would be five.
    #expect(server.mails.count == 5)
    #expect(Set(server.mails.map(\.connection)).count < 5)
  }

  @Test func manyMailsAtOnceShareFewConnections() async throws {
    let server = try SMTPServer()
    let client = try client(server)
    try await withThrowingTaskGroup(of: Void.self) { group in
      for number in 0..<100 {
        group.addTask { try await client.send(try message("mail-\(number)", text: "\(number)")) }
      }
      try await group.waitForAll()
    }
    #expect(Set(server.mails.map(\.text)).count == 100)
    #expect((server.mails.map(\.connection).max() ?? 99) <= 4)
  }

  @Test(arguments: [MailSettings.Security.startTLS, .tls])
  func aMailAndItsCredentialsGoOverTLS(_ security: MailSettings.Security) async throws {
    let certificate = try await TestCertificate.make()
    let server = try SMTPServer(
      encryption: security == .tls ? .fromTheFirstByte : .startTLS, certificate: certificate,
      credentials: "AHVzZXIAcGFzcw==")
    let client = try client(
      server, security: security, credentials: .init(user: "user", password: "pass"),
      tls: TLSSettings(certificateAuthorityFile: certificate.certificateFile))
    try await client.send(try message())
    #expect(server.mails.first?.isEncrypted == true)
    #expect(server.mails.first?.credentials == "AHVzZXIAcGFzcw==")
  }

  @Test func aServerThatNobodyVouchesForGetsNothing() async throws {
    let server = try SMTPServer(encryption: .startTLS, certificate: try await TestCertificate.make())
    let error = await failure(try client(server, security: .startTLS), try message())
    #expect(error?.code == .unavailable)
    #expect(error?.message.hasPrefix("no trusted TLS connection to localhost:\(server.port)") == true)
    #expect(server.mails.isEmpty)
  }

  /// Somebody between the two may have taken the offer away.
  @Test func withoutAnOfferOfTLSNothingIsSent() async throws {
    let server = try SMTPServer()
    let error = await failure(try client(server, security: .startTLS), try message())
    #expect(error?.code == .unavailable)
    #expect(error?.isPermanent == false)
    #expect(error?.message.contains("does not offer STARTTLS") == true)
    #expect(server.mails.isEmpty)
  }

  struct Refusal: Sendable, CustomTestStringConvertible {
    /// The beginning of the command.
    var command: String
    var reply: String
    var code: MailError.Code
    var replyCode: Int?
    var testDescription: String { "\(command) → \(reply)" }
  }

  static let refusals: [Refusal] = [
    Refusal(command: "CONNECT", reply: "554 no service here", code: .unavailable, replyCode: 554),
    Refusal(command: "CONNECT", reply: "421 too many connections", code: .unavailable, replyCode: 421),
    Refusal(command: "CONNECT", reply: "", code: .unavailable),
    Refusal(command: "MAIL", reply: "550 5.7.1 not you", code: .rejected, replyCode: 550),
    Refusal(command: "MAIL", reply: "451 4.3.0 later", code: .deferred, replyCode: 451),
    Refusal(command: "MAIL", reply: "530 5.7.0 authenticate first", code: .notAuthenticated, replyCode: 530),
    Refusal(command: "MAIL", reply: "421 4.3.2 shutting down", code: .deferred, replyCode: 421),
    Refusal(command: "MAIL", reply: "", code: .unavailable),
    Refusal(command: "RCPT", reply: "550-5.1.1 no such\r\n550 5.1.1 user", code: .rejected, replyCode: 550),
    Refusal(command: "RCPT", reply: "450 4.2.0 greylisted", code: .deferred, replyCode: 450),
    Refusal(command: "DATA", reply: "554 5.6.0 no", code: .rejected, replyCode: 554),
    Refusal(command: "DATA", reply: "452 4.3.1 disk full", code: .deferred, replyCode: 452),
    Refusal(command: ".", reply: "552 5.3.4 too large", code: .rejected, replyCode: 552),
    Refusal(command: ".", reply: "450 4.7.1 looks odd", code: .deferred, replyCode: 450),
    Refusal(command: ".", reply: "", code: .unavailable),
  ]

  @Test(arguments: refusals)
  func whatTheServerSaysDecidesWhetherAnotherAttemptIsInVain(_ row: Refusal) async throws {
    let server = try SMTPServer { $0.hasPrefix(row.command) ? row.reply : nil }
    let error = await failure(try client(server), try message())
    #expect(error?.code == row.code)
    #expect(error?.reply?.code == row.replyCode)
    #expect(error?.isPermanent == (row.code == .rejected))
    #expect(server.mails.isEmpty)
  }

  @Test func theServersWordsAreReported() async throws {
    let server = try SMTPServer { $0.hasPrefix("RCPT") ? "550-5.1.1 no\u{7}such\r\n550 5.1.1 user" : nil }
    let error = await failure(try client(server), try message())
    #expect(error?.message == "localhost:\(server.port) rejects the mail: 550 5.1.1 nosuch 5.1.1 user")
  }

  @Test func oneRefusedRecipientKeepsTheMailFromAll() async throws {
    let server = try SMTPServer { $0.contains("<second@") ? "550 no such user" : nil }
    let error = await failure(
      try client(server), try message(to: ["admin@customer.example", "second@customer.example"]))
    #expect(error?.code == .rejected)
    #expect(server.mails.isEmpty)
  }

  @Test func wrongCredentialsAreNoFaultOfTheMail() async throws {
    let server = try SMTPServer(credentials: "AHVzZXIAcGFzcw==")
    let error = await failure(
      try client(server, credentials: .init(user: "user", password: "wrong")), try message())
    #expect(error?.code == .notAuthenticated)
    #expect(error?.reply?.code == 535)
    #expect(error?.isPermanent == false)
    #expect(error?.message.contains("wrong") == true, "the server's word")
    #expect(server.mails.isEmpty)
  }

  @Test func aRefusedMailLeavesTheServerUsable() async throws {
    let server = try SMTPServer { $0.contains("<bad@") ? "550 no such user" : nil }
    let client = try client(server)
    #expect(await failure(client, try message("a", to: ["bad@customer.example"]))?.code == .rejected)
    try await client.send(try message("b"))
    #expect(await failure(client, try message("c", to: ["bad@customer.example"]))?.code == .rejected)
    try await client.send(try message("d"))
    #expect(server.mails.count == 2)
  }

  @Test func aServerThatIsNotThereIsUnavailable() async throws {
    let port = try SMTPServer().port
    let settings = try MailSettings(host: "127.0.0.1", port: port, security: .none)
    let error = await failure(MailClient(settings), try message())
    #expect(error?.code == .unavailable)
    #expect(error?.message == "cannot connect to 127.0.0.1:\(port): Connection refused")
  }

  @Test func aSilentServerTimesOut() async throws {
    let silent = try LoopbackServer(serve: { $0.waitForClose() })
    let settings = try MailSettings(
      host: "127.0.0.1", port: silent.port, security: .none, timeout: .milliseconds(50))
    #expect(await failure(MailClient(settings), try message())?.code == .unavailable)
  }

  @Test func endlessRepliesAreCutOff() async throws {
    let endless = try LoopbackServer(serve: { while $0.write("220-\(String(repeating: "x", count: 500))\r\n") {} })
    let settings = try MailSettings(host: "127.0.0.1", port: endless.port, security: .none)
    #expect(await failure(MailClient(settings), try message())?.code == .unavailable)
  }

  @Test func cancellingTheTaskEndsTheAttempt() async throws {
    let (arrived, announce) = AsyncStream<Void>.makeStream()
    let (closed, announceEnd) = AsyncStream<Void>.makeStream()
    let silent = try LoopbackServer(serve: { connection in
      announce.yield()
      connection.waitForClose()
      announceEnd.yield()
    })
    let client = MailClient(try MailSettings(host: "127.0.0.1", port: silent.port, security: .none))
    let mail = try message()
    let sending = Task { try await client.send(mail) }
    for await _ in arrived { break }
    sending.cancel()
    let error = await #expect(throws: MailError.self) { try await sending.value }
    #expect(error?.code == .cancelled)
    for await _ in closed { break }
    client.stop()
    #expect(await failure(client, mail)?.code == .cancelled)
  }

  /// libcurl would send the end of the text and wait for the server's word, if it were told to forget the transfer.
  @Test(.timeLimit(.minutes(1)))
  func aMailThatIsGivenUpInTheMidstIsNotDeliveredByHalf() async throws {
    let (begun, announce) = AsyncStream<Void>.makeStream()
    let (ended, announceEnd) = AsyncStream<[UInt8]>.makeStream()
    let gate = BlockingGate()
    let server = try LoopbackServer(serve: { connection in
      connection.write("220 ready\r\n")
      for reply in ["250 test", "250 ok", "250 ok", "354 go on"] {
        _ = connection.read()
        connection.write("\(reply)\r\n")
      }
      announce.yield()
      // Nothing is read meanwhile, so that the text cannot be sent whole.
      gate.wait()
      var end: [UInt8] = []
      while let bytes = connection.read(), !bytes.isEmpty { end = Array((end + bytes).suffix(5)) }
      announceEnd.yield(end)
    })
    // More than the kernel takes for a reader that does not read.
    let address = try #require(MailAddress("gcc@vendor.example"))
    let transfer = MailTransfer(
      [UInt8](repeating: UInt8(ascii: "x"), count: 16 << 20), from: address, to: [address],
      try MailSettings(host: "127.0.0.1", port: server.port, security: .none))
    let loop = TransferLoop(LoopSettings())
    let sending = Task { await loop.run(transfer) { await transfer.waitUntilEnd() } }
    for await _ in begun { break }
    sending.cancel()
    await sending.value
    #expect(throws: MailError.self) { try transfer.check() }
    loop.stop()
    await loop.waitUntilStopped()
    gate.open()
    for await end in ended {
      #expect(end != Array("\r\n.\r\n".utf8))
      break
    }
  }

  @Test func aServerThatLooksLongAtOneMailDelaysNoOther() async throws {
    let (looking, announce) = AsyncStream<Void>.makeStream()
    let gate = BlockingGate()
    let held = Mutex(true)
    let server = try SMTPServer { command in
      guard command == ".",
        held.withLock({ isFirst in
          defer { isFirst = false }
          return isFirst
        })
      else { return nil }
      announce.yield()
      gate.wait()
      return nil
    }
    let client = try client(server)
    let (first, second) = (try message("first", text: "first"), try message("second", text: "second"))
    let slow = Task { try await client.send(first) }
    for await _ in looking { break }
    try await client.send(second)
    #expect(server.mails.count == 1)
    let given = Task { try await client.send(try message("third")) }
    given.cancel()
    _ = await given.result
    gate.open()
    try await slow.value
    #expect(server.mails.count >= 2)
  }

  @Test func anAddressPolicyHoldsForMailsToo() async throws {
    let server = try SMTPServer()
    let settings = try MailSettings(host: "localhost", port: server.port, security: .none)
    let error = await failure(MailClient(settings, addresses: .publicInternet()), try message())
    #expect(error?.code == .unavailable)
    #expect(error?.message.contains("a loopback address") == true)
  }
}

struct MailSettingsTests {
  private static let credentials = MailSettings.Credentials(user: "user", password: "pass")

  @Test func everyKindOfSecurityHasItsPort() throws {
    for (security, port) in [(MailSettings.Security.startTLS, 587), (.tls, 465), (.none, 25)] {
      #expect(try MailSettings(host: "mail.example", security: security).port == UInt16(port))
    }
  }

  @Test(arguments: ["", "mail.example/x", "mail example", "user@mail.example", "[::1]", "mail.example:25", "mail\r\n"])
  func whatIsNoHostIsRefused(_ host: String) {
    #expect(throws: MailSettingsError.invalidHost(host)) { try MailSettings(host: host) }
    #expect(throws: MailSettingsError.invalidClientName(host)) {
      try MailSettings(host: "mail.example", clientName: host)
    }
  }

  @Test func credentialsNeverGoOverANetworkInTheClear() throws {
    #expect(throws: MailSettingsError.credentialsInTheClear(host: "mail.example")) {
      try MailSettings(host: "mail.example", security: .none, credentials: Self.credentials)
    }
    for host in ["localhost", "127.0.0.1", "::1"] {
      _ = try MailSettings(host: host, security: .none, credentials: Self.credentials)
    }
    _ = try MailSettings(host: "mail.example", security: .startTLS, credentials: Self.credentials)
    #expect(throws: MailSettingsError.invalidCredentials) {
      try MailSettings(host: "mail.example", credentials: .init(user: "", password: "x"))
    }
    #expect(throws: MailSettingsError.invalidCredentials) {
      try MailSettings(host: "mail.example", credentials: .init(user: "a\0b", password: "x"))
    }
  }
}
