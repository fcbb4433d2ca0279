import CLibCurl
import CurlTransfers
import Synchronization

/// One attempt to hand a mail to the server: what the loop's thread and the waiting task share about it.
final class MailTransfer: CurlTransfer {
  private struct State {
    var replies = SMTPReplyParser()
    var wasDataAsked = false
    var result: CURLcode?
    var outcome: Result<Void, TransferError>?
    var waiter: CheckedContinuation<Void, Never>?
  }

  let upload: UploadSource?
  private let settings: MailSettings
  private let sender: MailAddress
  private let recipients: [MailAddress]
  private let state = Mutex(State())

  /// - Parameter text: the mail as SMTP carries it.
  init(_ text: [UInt8], from sender: MailAddress, to recipients: [MailAddress], _ settings: MailSettings) {
    upload = UploadSource(text)
    self.sender = sender
    self.recipients = recipients
    self.settings = settings
  }

  var peer: String { "\(settings.urlHost):\(settings.port)" }
  var limits: TransferLimits { TransferLimits(total: settings.timeout, connect: settings.timeout, stall: nil) }
  var tls: TLSSettings { settings.tls }
  var hasEnded: Bool { state.withLock { $0.outcome != nil } }
  var mustAbort: Bool { true }
  var isPaused: Bool { false }

  // MARK: The waiting side

  func waitUntilEnd() async {
    await withCheckedContinuation { continuation in
      let hasEnded = state.withLock { state in
        if state.outcome != nil { return true }
        state.waiter = continuation
        return false
      }
      if hasEnded { continuation.resume() }
    }
  }

  /// To be asked for after the end.
  func check() throws(MailError) {
    let (outcome, attempt) = state.withLock { state in
      let attempt = MailError.Attempt(
        peer: peer, result: state.result, lastReply: state.replies.lastReply, wasDataAsked: state.wasDataAsked)
      return (state.outcome, attempt)
    }
    if case .failure(let error) = outcome { throw MailError(error, attempt) }
  }

  // MARK: The side of the loop

  func setOptions(of handle: CurlHandle) {
    let scheme = settings.security == .tls ? "smtps" : "smtp"
    handle.set(CURLOPT_URL, "\(scheme)://\(peer)/\(settings.clientName)")
    handle.set(CURLOPT_PROTOCOLS_STR, "smtp,smtps")
    handle.set(CURLOPT_PROXY, "")
    // Whoever asks for it never goes on without it.
    handle.set(
      CURLOPT_USE_SSL, settings.security == .none ? Int(CURLUSESSL_NONE.rawValue) : Int(CURLUSESSL_ALL.rawValue))
    if let credentials = settings.credentials {
      handle.set(CURLOPT_USERNAME, credentials.user)
      handle.set(CURLOPT_PASSWORD, credentials.password)
    }
    // Servers close idle connections after a while, and say so to nobody.
    handle.set(CURLOPT_MAXAGE_CONN, 20)
    // The thread waits as long for the reply to QUIT, when it closes a connection.
    handle.set(CURLOPT_SERVER_RESPONSE_TIMEOUT, Int(max(settings.timeout.components.seconds, 1)))
    handle.set(CURLOPT_MAIL_FROM, "<\(sender.address)>")
    handle.set(CURLOPT_MAIL_RCPT, list: recipients.map { "<\($0.address)>" })
  }

  func receive(header line: UnsafeRawBufferPointer) -> TransferError? {
    let byteCount = state.withLock { state in
      state.replies.receive(line: line)
      if state.replies.lastReply?.code == 354 { state.wasDataAsked = true }
      return state.replies.byteCount
    }
    guard byteCount > SMTPReplyParser.maximumBytes else { return nil }
    return TransferError(
      code: .responseTooLarge, message: "\(peer) sent more than \(SMTPReplyParser.maximumBytes) bytes of replies")
  }

  func receive(body bytes: UnsafeRawBufferPointer) -> BodyIntake { .taken }

  func willResume() {}

  func didFinish(_ result: CURLcode) { state.withLock { $0.result = result } }

  func end(_ outcome: Result<Void, TransferError>) -> Bool {
    let (isFirst, waiter) = state.withLock { state in
      guard state.outcome == nil else { return (false, nil as CheckedContinuation<Void, Never>?) }
      state.outcome = outcome
      defer { state.waiter = nil }
      return (true, state.waiter)
    }
    waiter?.resume()
    return isFirst
  }
}
