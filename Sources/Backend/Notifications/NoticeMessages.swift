import DeploymentKinds
import Mail
import OfferPlanning
import Outbox
import WireFormats

/// What a notice, or several that came together, look like on each channel.
struct NoticeMessages: Sendable {
  let writer: NoticeWriter
  let publicURL: String?

  /// - Parameter preflight: how a version's checks ended, in sentences.
  func document(_ notices: [KeptNotice], preflight: [String: [String]] = [:]) -> NoticeDocument {
    var texts = notices.map { kept -> NoticeText in
      guard let notice = kept.notice else { return Self.unknown(kept) }
      return writer.text(
        notice, createdAt: kept.createdAt,
        preflight: notice.kind == .releaseAvailable ? notice.version.flatMap { preflight[$0] } : nil)
    }
    if texts.count > 1 {
      for index in texts.indices { texts[index].quote = texts[index].quote.map { String($0.prefix(400)) } }
    }
    return NoticeDocument(texts, link: publicURL)
  }

  /// What a later version of this program has kept.
  private static func unknown(_ kept: KeptNotice) -> NoticeText {
    NoticeText(
      severity: .info, subject: "Notice of an unknown kind",
      statement: "Another version of this server has kept it.",
      nextSteps: ["Look at the list of notices in the Control Tower."])
  }

  func mail(
    _ document: NoticeDocument, id: String, at date: Timestamp, from sender: MailAddress, to recipient: MailAddress
  ) -> MailMessage {
    MailMessage(
      id: id, date: date, from: sender, to: [recipient], subject: "[WrkTalk] \(document.subject)", text: document.text,
      html: document.html)
  }

  /// The body of a webhook. The member `text` is what chat services show, with their escapes: nothing in it calls anybody or is a
  /// link. All else is as it is.
  func webhook(_ document: NoticeDocument, _ notices: [KeptNotice], id: String) -> JSONValue {
    let all = zip(notices, document.texts).map { Self.json($0, $1) }
    var body: JSONValue = [
      "id": .string(id), "subject": .string(document.subject), "severity": .string(document.severity.rawValue),
      "text": .string(Self.chatText(document)), "notices": .array(all),
    ]
    if let single = all.first, all.count == 1 {
      for name in ["kind", "fact", "version", "time", "createdAt"] { body[name] = single[name] }
    } else {
      body["kind"] = "digest"
    }
    if let publicURL { body["link"] = .string(publicURL) }
    return body
  }

  /// As lists and webhooks have it.
  static func json(_ kept: KeptNotice, _ text: NoticeText) -> JSONValue {
    var json: JSONValue = [
      "id": .string(kept.id), "kind": .string(kept.kind), "severity": .string(text.severity.rawValue),
      "subject": .string(text.subject), "statement": .string(text.statement),
      "nextSteps": .array(text.nextSteps.map { .string($0) }), "createdAt": .string(kept.createdAt.description),
    ]
    json["fact"] = kept.notice.map { .string($0.fact) }
    json["version"] = kept.notice?.version.map { .string($0) }
    json["time"] = (kept.notice?.time).map { .string($0.description) }
    json["reason"] = kept.notice?.reason.map { .string($0) }
    json["detail"] = text.quote.map { .string($0) }
    return json
  }

  private static func chatText(_ document: NoticeDocument) -> String {
    let lines = document.texts.map { text in
      let quote = text.quote.map {
        "\n" + $0.split(separator: "\n").prefix(10).map { "> \($0)" }.joined(separator: "\n")
      }
      return "*\(text.subject)*\n\(text.statement)\(quote ?? "")\n"
        + text.nextSteps.map { "• \($0)" }.joined(separator: "\n")
    }
    let text = (lines + [document.link].compactMap { $0 }).joined(separator: "\n\n")
    return String(text.prefix(12_000)).reduce(into: "") { escaped, character in
      switch character {
      case "&": escaped += "&amp;"
      case "<": escaped += "&lt;"
      case ">": escaped += "&gt;"
      default: escaped.append(character)
      }
    }
  }
}
