import Testing
import WireFormats

@testable import Mail

private func address(_ text: String, _ name: String? = nil) throws -> MailAddress {
  try #require(MailAddress(text, name: name))
}

struct MailAddressTests {
  @Test(arguments: [
    "a@b", "first.last+tag@mail.example.com", "o'neil@example.com", "root@localhost", "x@xn--bcher-kva.example",
    "!#$%&'*+-/=?^_`{|}~@example.com", "1@2.3",
  ])
  func anAddressIsTaken(_ text: String) { #expect(MailAddress(text)?.address == text) }

  @Test(arguments: [
    "", "@", "a", "a@", "@b", "a@b@c", "a b@c", "a@b c", "a@b\r\nRCPT TO:<x@y>", "a\n@b", "<a@b>", "a@b>", "a,b@c",
    "\"a\"@b", "a.@b", ".a@b", "a..b@c", "a@.b", "a@b.", "a@-b", "a@b-", "a@b_c", "a@[127.0.0.1]", "ä@b",
    "a@bücher.example",
    "a@b\0", "a:b@c", "a(comment)@b", "a@\(String(repeating: "b", count: 64))",
    "\(String(repeating: "a", count: 65))@b",
  ])
  func whatIsNoPlainAddressIsRefused(_ text: String) { #expect(MailAddress(text) == nil) }
}

struct MailMessageTests {
  private func message(subject: String = "Release 2.3.0", text: String = "It is there.\n") throws -> MailMessage {
    MailMessage(
      id: "4f2d", date: Timestamp(seconds: 1_797_300_000), from: try address("gcc@vendor.example", "Control Center"),
      to: [try address("admin@customer.example")], subject: subject, text: text)
  }

  private func text(_ message: MailMessage) throws -> String {
    String(decoding: try message.encoded(), as: UTF8.self)
  }

  @Test func aMailHasTheFieldsThatItNeeds() throws {
    #expect(
      try text(try message())
        == """
        Date: Tue, 15 Dec 2026 02:00:00 +0000
        From: Control Center <gcc@vendor.example>
        To: <admin@customer.example>
        Subject: Release 2.3.0
        Message-ID: <4f2d@vendor.example>
        Auto-Submitted: auto-generated
        MIME-Version: 1.0
        Content-Type: text/plain; charset=utf-8
        Content-Transfer-Encoding: quoted-printable

        It is there.


        """.replacing("\n", with: "\r\n"))
  }

  @Test func aMailMayHaveHTMLBesideItsText() throws {
    var mail = try message()
    mail.html = "<p>It is there.</p>"
    mail.replyTo = try address("support@vendor.example", "Support, 24/7")
    mail.to.append(try address("second@customer.example", "Zwölf"))
    #expect(
      try text(mail)
        == """
        Date: Tue, 15 Dec 2026 02:00:00 +0000
        From: Control Center <gcc@vendor.example>
        Reply-To: "Support, 24/7" <support@vendor.example>
        To: <admin@customer.example>, =?UTF-8?B?WnfDtmxm?= <second@customer.example>
        Subject: Release 2.3.0
        Message-ID: <4f2d@vendor.example>
        Auto-Submitted: auto-generated
        MIME-Version: 1.0
        Content-Type: multipart/alternative; boundary="=_4f2d"

        --=_4f2d
        Content-Type: text/plain; charset=utf-8
        Content-Transfer-Encoding: quoted-printable

        It is there.


        --=_4f2d
        Content-Type: text/html; charset=utf-8
        Content-Transfer-Encoding: quoted-printable

        <p>It is there.</p>

        --=_4f2d--

        """.replacing("\n", with: "\r\n"))
  }

  struct Subject: Sendable {
    var text: String
    var field: String
  }

  static let subjects: [Subject] = [
    Subject(text: "", field: "Subject: "),
    Subject(text: "plain words", field: "Subject: plain words"),
    Subject(text: "Größe", field: "Subject: =?UTF-8?B?R3LDtsOfZQ==?="),
    Subject(text: "two  spaces", field: "Subject: =?UTF-8?B?dHdvICBzcGFjZXM=?="),
    Subject(text: " edge", field: "Subject: =?UTF-8?B?IGVkZ2U=?="),
    // What looks encoded would be read so.
    Subject(text: "=?UTF-8?B?eA==?=", field: "Subject: =?UTF-8?B?PT9VVEYtOD9CP2VBPT0/PQ==?="),
    // No line break begins a field.
    Subject(text: "x\r\nBcc: a@b", field: "Subject: =?UTF-8?B?eCAgQmNjOiBhQGI=?="),
    Subject(text: "x\nBcc: a@b", field: "Subject: x Bcc: a@b"),
    Subject(text: "x\u{2028}y\u{85}z", field: "Subject: x y z"),
    Subject(text: "tab\there", field: "Subject: tab here"),
    Subject(
      text: String(repeating: "word ", count: 20) + "end",
      field: "Subject:" + String(repeating: " word", count: 14) + "\r\n" + String(repeating: " word", count: 6) + " end"
    ),
    Subject(
      text: String(repeating: "é", count: 50),
      field: """
        Subject: =?UTF-8?B?w6nDqcOpw6nDqcOpw6nDqcOpw6nDqcOpw6nDqcOpw6nDqcOpw6nDqcOp?=\r
         =?UTF-8?B?w6nDqcOpw6nDqcOpw6nDqcOpw6nDqcOpw6nDqcOpw6nDqcOpw6nDqcOp?=\r
         =?UTF-8?B?w6nDqcOpw6nDqcOpw6nDqQ==?=
        """),
  ]

  @Test(arguments: subjects)
  func aSubjectIsOneField(_ row: Subject) throws {
    let lines = try text(try message(subject: row.text)).split(separator: "\r\nMessage-ID")[0]
    let start = try #require(lines.firstRange(of: "Subject:"))
    #expect(lines[start.lowerBound...] == row.field)
  }

  @Test(arguments: [
    "x\r\nBcc: <a@b>", "\"x\" <a@b>,", "a\\b", "(comment)", "x@y", "日本", String(repeating: "long ", count: 40),
  ])
  func aNameStaysAName(_ name: String) throws {
    var mail = try message()
    mail.from = try address("gcc@vendor.example", name)
    let lines = try text(mail).replacing("\r\n ", with: " ").split(separator: "\r\n")
    #expect(lines[1].hasPrefix("From: ") && lines[1].hasSuffix(" <gcc@vendor.example>"))
    #expect(lines[2].hasPrefix("To: "))
    let phrase = lines[1].dropFirst("From: ".count).dropLast(" <gcc@vendor.example>".count)
    let isQuoted = phrase.hasPrefix("\"") && phrase.hasSuffix("\"")
    let isEncoded = phrase.split(separator: " ").allSatisfy { $0.hasPrefix("=?UTF-8?B?") && $0.hasSuffix("?=") }
    let isPlain = phrase.utf8.allSatisfy { $0 == 0x20 || MailAddress.isAtomByte($0) }
    #expect(isQuoted || isEncoded || isPlain)
  }

  @Test func noLineIsTooLong() throws {
    var mail = try message(subject: String(repeating: "x", count: 3000), text: String(repeating: "y", count: 3000))
    mail.to = try (0..<100).map { try address("recipient-number-\($0)@customer.example", "Recipient number \($0)") }
    for line in try text(mail).split(separator: "\r\n") { #expect(line.utf8.count <= 78) }
  }

  @Test func whatCannotBeSentIsSaid() throws {
    for id in ["", "a b", "a@b", "a>\r\nBcc: x", String(repeating: "a", count: 65), "a.b"] {
      var mail = try message()
      mail.id = id
      let error = #expect(throws: MailError.self) { try mail.encoded() }
      #expect(error?.code == .invalidMessage)
      #expect(error?.isPermanent == true)
    }
    var mail = try message()
    mail.to = []
    #expect(throws: MailError.self) { try mail.encoded() }
  }

  @Test(arguments: [
    (0, "Thu, 01 Jan 1970 00:00:00 +0000"), (951_782_400, "Tue, 29 Feb 2000 00:00:00 +0000"),
    (-1, "Wed, 31 Dec 1969 23:59:59 +0000"), (1_800_000_000, "Fri, 15 Jan 2027 08:00:00 +0000"),
  ])
  func aDateNamesItsWeekday(_ seconds: Int, _ text: String) {
    #expect(MailMessage.dateText(Timestamp(seconds: Int64(seconds))) == text)
  }
}

struct QuotedPrintableTests {
  @Test(arguments: [
    ("", "\r\n"), ("a", "a\r\n"), ("a\n", "a\r\n\r\n"), ("a\r\nb\rc\nd", "a\r\nb\r\nc\r\nd\r\n"), ("a=b", "a=3Db\r\n"),
    ("é", "=C3=A9\r\n"), ("end ", "end=20\r\n"), ("tab\t\nx", "tab=09\r\nx\r\n"), ("a b", "a b\r\n"), (".", ".\r\n"),
    ("\0", "=00\r\n"), ("\u{2028}", "=E2=80=A8\r\n"),
    (String(repeating: "x", count: 76), String(repeating: "x", count: 76) + "\r\n"),
    (String(repeating: "x", count: 77), String(repeating: "x", count: 75) + "=\r\nxx\r\n"),
    (String(repeating: "=", count: 26), String(repeating: "=3D", count: 25) + "=\r\n=3D\r\n"),
  ])
  func textsAreEncodedLineByLine(_ text: String, _ encoded: String) {
    #expect(String(decoding: QuotedPrintable.encode(text), as: UTF8.self) == encoded)
  }
}
