public import WireFormats

/// A mail that a program writes by itself.
///
/// Nothing in its texts can become a header field, a recipient or the end of the mail.
public struct MailMessage: Sendable, Hashable {
  /// The same for each attempt to send it, so that a receiver can tell a repetition: 1 to 64 letters, digits, hyphens and
  /// underscores, such as a UUID. It becomes the left side of `Message-ID`.
  public var id: String
  public var date: Timestamp
  public var from: MailAddress
  /// At least one. All of them see each other, and where the server refuses one of them, the mail goes to none.
  public var to: [MailAddress]
  public var replyTo: MailAddress?
  /// One line.
  public var subject: String
  public var text: String
  /// The same for readers who show HTML; nil for none.
  public var html: String?

  public init(
    id: String, date: Timestamp, from: MailAddress, to: [MailAddress], replyTo: MailAddress? = nil, subject: String,
    text: String, html: String? = nil
  ) {
    self.id = id
    self.date = date
    self.from = from
    self.to = to
    self.replyTo = replyTo
    self.subject = subject
    self.text = text
    self.html = html
  }

  /// The mail as SMTP carries it (RFC 5322, MIME), without the escape of dots, which is the transport's: ASCII, lines of at
  /// most 78 characters where the words allow it.
  /// - Throws: `MailError` of the code `invalidMessage`.
  public func encoded() throws(MailError) -> [UInt8] {
    guard (1...64).contains(id.utf8.count), id.utf8.allSatisfy(Self.isIdentifierByte) else {
      throw .invalid("its id needs 1 to 64 letters, digits, hyphens and underscores")
    }
    guard !to.isEmpty else { throw .invalid("it has no recipient") }
    var writer = HeaderWriter()
    writer.add("Date", words: [Self.dateText(date)])
    writer.add("From", addresses: [from])
    if let replyTo { writer.add("Reply-To", addresses: [replyTo]) }
    writer.add("To", addresses: to)
    writer.add("Subject", text: subject)
    writer.add("Message-ID", words: ["<\(id)@\(from.domain)>"])
    // Whoever answers mails by itself does not answer this one (RFC 3834).
    writer.add("Auto-Submitted", words: ["auto-generated"])
    writer.add("MIME-Version", words: ["1.0"])
    guard let html else {
      writer.addPart("text/plain", text)
      return writer.bytes
    }
    // The encoding of the parts writes no "=_".
    let boundary = "=_\(id)"
    writer.add("Content-Type", words: ["multipart/alternative;", "boundary=\"\(boundary)\""])
    for (type, content) in [("text/plain", text), ("text/html", html)] {
      writer.addLine("")
      writer.addLine("--\(boundary)")
      writer.addPart(type, content)
    }
    writer.addLine("")
    writer.addLine("--\(boundary)--")
    return writer.bytes
  }

  private static func isIdentifierByte(_ byte: UInt8) -> Bool {
    MailAddress.isAlphanumeric(byte) || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_")
  }

  /// As in `Tue, 15 Dec 2026 02:00:00 +0000`.
  static func dateText(_ date: Timestamp) -> String {
    let text = date.wholeSeconds.description  // 2026-12-15T02:00:00Z
    let fields = text.split { "-T:Z".contains($0) }
    let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    guard fields.count == 6, let month = Int(fields[1]), months.indices.contains(month - 1) else { return text }
    let days = (date.wholeSeconds.microseconds / 1_000_000 - (date.microseconds < 0 ? 86_399 : 0)) / 86_400
    // The first of January 1970 was a Thursday.
    let weekday = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"][Int((days % 7 + 7) % 7)]
    let time = fields[3...].joined(separator: ":")
    return "\(weekday), \(fields[2]) \(months[month - 1]) \(fields[0]) \(time) +0000"
  }
}
