import Synchronization
import TestSupport

/// A small SMTP server: it takes mails, and says what the test wants it to say.
final class SMTPServer: Sendable {
  /// What it took.
  struct Mail: Sendable, Equatable {
    var greeting = ""
    var credentials: String?
    var sender = ""
    var recipients: [String] = []
    /// Without its end and the dots that keep it from ending sooner.
    var text = ""
    var isEncrypted = false
    /// The number of the connection on which it came, from 1.
    var connection = 0
  }

  enum Encryption: Sendable {
    case none
    case startTLS
    case fromTheFirstByte
  }

  /// What is said to a command: to `CONNECT` for a new connection, to a line of the client, to `.` for the end of a text.
  /// Nil for the usual reply; an empty one ends the connection.
  typealias Script = @Sendable (_ command: String) -> String?

  private let listener: LoopbackServer
  private let taken: Box

  /// In the order in which they came.
  var mails: [Mail] { taken.mails.withLock { $0 } }
  var port: UInt16 { listener.port }

  private final class Box: Sendable { let mails = Mutex<[Mail]>([]) }

  /// - Parameter credentials: what clients have to say with AUTH PLAIN, in base 64; nil where nobody is asked.
  init(
    encryption: Encryption = .none, certificate: TestCertificate? = nil, credentials: String? = nil,
    script: @escaping Script = { _ in nil }
  ) throws {
    let taken = Box()
    self.taken = taken
    listener = try LoopbackServer(serve: { connection in
      var session = Session(
        link: Link(connection), encryption: encryption, certificate: certificate, credentials: credentials,
        script: script)
      session.run { mail in taken.mails.withLock { $0.append(mail) } }
    })
  }
}

/// One conversation.
private struct Session {
  let link: Link
  let encryption: SMTPServer.Encryption
  let certificate: TestCertificate?
  let credentials: String?
  let script: SMTPServer.Script
  var mail = SMTPServer.Mail()

  mutating func run(take: (SMTPServer.Mail) -> Void) {
    mail.connection = link.number
    if encryption == .fromTheFirstByte {
      guard encrypt() else { return }
    }
    guard say("CONNECT", "220 test ready") else { return }
    while let line = link.readLine() {
      let words = line.split(separator: " ", maxSplits: 1).map(String.init)
      let argument = words.count > 1 ? words[1] : ""
      switch words.first?.uppercased() ?? "" {
      case "EHLO":
        mail.greeting = argument
        guard say(line, features) else { return }
      case "STARTTLS":
        guard say(line, "220 go on"), encrypt() else { return }
      case "AUTH":
        guard link.write("334 \r\n"), let given = link.readLine() else { return }
        let isRight = argument == "PLAIN" && given == credentials
        if isRight { mail.credentials = credentials }
        guard say(line, isRight ? "235 2.7.0 welcome" : "535 5.7.8 wrong") else { return }
      case "MAIL":
        mail.sender = Self.path(argument)
        mail.recipients = []
        guard say(line, "250 ok") else { return }
      case "RCPT":
        guard say(line, "250 ok", then: { mail.recipients.append(Self.path(argument)) }) else { return }
      case "DATA":
        guard say(line, "354 go on") else { return }
        if script(line) != nil { continue }
        guard let text = link.readText() else { return }
        mail.text = text
        guard say(".", "250 2.0.0 taken", then: { take(mail) }) else { return }
      case "QUIT":
        _ = say(line, "221 bye")
        return
      default:
        guard say(line, "500 unknown") else { return }
      }
    }
  }

  private var features: String {
    var lines = ["test", "8BITMIME", "SIZE 1000000"]
    if encryption == .startTLS && !mail.isEncrypted { lines.append("STARTTLS") }
    if credentials != nil { lines.append("AUTH PLAIN") }
    return lines.enumerated().map { "250\($0 == lines.count - 1 ? " " : "-")\($1)" }.joined(separator: "\r\n")
  }

  /// `FROM:<a@b> SIZE=1`
  private static func path(_ argument: String) -> String {
    String(argument.drop { $0 != "<" }.dropFirst().prefix { $0 != ">" })
  }

  private mutating func encrypt() -> Bool {
    guard let certificate else { return false }
    mail.isEncrypted = link.encrypt(with: certificate)
    return mail.isEncrypted
  }

  /// - Parameter accepted: what is done where the usual reply is given.
  /// - Returns: false where the connection is to end.
  private func say(_ command: String, _ usual: String, then accepted: () -> Void = {}) -> Bool {
    let scripted = script(command)
    if scripted == nil { accepted() }
    guard scripted != "" else { return false }
    return link.write((scripted ?? usual) + "\r\n")
  }
}
