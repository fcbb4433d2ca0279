import CLibCurl
import CurlTransfers

/// Why the server has not taken a mail.
public struct MailError: Error, Sendable, Hashable, CustomStringConvertible {
  public enum Code: Sendable, Hashable {
    /// The mail cannot be sent by anybody.
    case invalidMessage
    /// The server will never take this mail (a 5xx reply to it).
    case rejected
    /// The server may take this mail later (a 4xx reply to it).
    case deferred
    /// The server does not accept the credentials, or demands some: every mail would fare the same.
    case notAuthenticated
    /// There is no server, or it takes no mails, or the connection to it is not what it should be.
    case unavailable
    case cancelled
  }

  public var code: Code
  /// What the server said, where that is the reason.
  public var reply: SMTPReply?
  /// For a person to read.
  public var message: String

  /// Whether another attempt with the same mail is in vain. Where the connection was lost before the acknowledgement,
  /// another attempt may deliver the mail a second time, with the same `Message-ID`.
  public var isPermanent: Bool { code == .rejected || code == .invalidMessage }

  public var description: String { message }

  static func invalid(_ reason: String) -> MailError {
    MailError(code: .invalidMessage, message: "the mail cannot be sent: \(reason)")
  }
}

extension MailError {
  /// How far an attempt came.
  struct Attempt: Sendable, Hashable {
    var peer: String
    /// libcurl's result; nil where the attempt did not end there.
    var result: CURLcode?
    var lastReply: SMTPReply?
    /// Whether the server has asked for the mail's text.
    var wasDataAsked = false
  }

  /// Says what an attempt without success means.
  init(_ error: TransferError, _ attempt: Attempt) {
    let refusal = attempt.lastReply.flatMap { $0.code >= 400 ? $0 : nil }
    let said = refusal.map { ": \($0)" } ?? ""
    switch (attempt.result, refusal) {
    case (CURLE_LOGIN_DENIED, _):
      self.init(
        code: .notAuthenticated, reply: refusal, message: "\(attempt.peer) does not accept the user or password\(said)")
    case (CURLE_USE_SSL_FAILED, _):
      self.init(
        code: .unavailable, reply: refusal,
        message: "\(attempt.peer) does not offer STARTTLS\(said); nothing was sent in the clear")
    // What libcurl makes of a reply that is not the one hoped for, to MAIL, RCPT and DATA, and after the text.
    case (CURLE_SEND_ERROR, let refusal?),
      (CURLE_WEIRD_SERVER_REPLY, let refusal?) where attempt.wasDataAsked:
      self.init(refusal, of: attempt.peer)
    case (CURLE_WEIRD_SERVER_REPLY, _), (CURLE_REMOTE_ACCESS_DENIED, _):
      self.init(code: .unavailable, reply: refusal, message: "\(attempt.peer) takes no mails now\(said)")
    default:
      self.init(code: error.code == .cancelled ? .cancelled : .unavailable, message: error.message)
    }
  }

  private init(_ refusal: SMTPReply, of peer: String) {
    switch refusal.code {
    case 530, 534, 535, 538:
      self.init(code: .notAuthenticated, reply: refusal, message: "\(peer) demands other credentials: \(refusal)")
    case 500...:
      self.init(code: .rejected, reply: refusal, message: "\(peer) rejects the mail: \(refusal)")
    default:
      self.init(code: .deferred, reply: refusal, message: "\(peer) does not take the mail now: \(refusal)")
    }
  }
}

/// A reply of an SMTP server.
public struct SMTPReply: Sendable, Hashable, CustomStringConvertible {
  /// From 200 to 599.
  public var code: Int
  /// Its lines, without the code, as one; shortened where it is long.
  public var text: String

  public init(code: Int, text: String) {
    self.code = code
    self.text = text
  }

  public var description: String { text.isEmpty ? "\(code)" : "\(code) \(text)" }
}

/// Puts the lines of replies together.
struct SMTPReplyParser {
  /// All replies of an attempt; more is an attack or a mistake.
  static let maximumBytes = 64 << 10

  private(set) var lastReply: SMTPReply?
  private(set) var byteCount = 0
  /// The lines of the reply that has not ended.
  private var lines: [String] = []

  /// - Parameter bytes: `250-first`, or `250 last`, with the line break.
  mutating func receive(line bytes: some Collection<UInt8>) {
    byteCount += bytes.count
    let line = String(decoding: bytes, as: UTF8.self)
    guard let code = Int(line.prefix(3)), (200..<600).contains(code) else { return }
    let isLast = line.dropFirst(3).first != "-"
    // A server may say anything, and people read it in logs.
    let text = line.dropFirst(4).unicodeScalars.filter { $0.properties.generalCategory != .control }
    lines.append(String(String.UnicodeScalarView(text)))
    guard isLast else { return }
    defer { lines = [] }
    // The closing reply says nothing about the mail, and comes after what does.
    guard code != 221 else { return }
    lastReply = SMTPReply(code: code, text: String(lines.joined(separator: " ").prefix(500)))
  }
}
