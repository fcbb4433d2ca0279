/// One notice, or several that came together, as text and as HTML for a mail.
public struct NoticeDocument: Sendable, Hashable {
  /// At least one.
  public var texts: [NoticeText]
  /// Of the Control Tower.
  public var link: String?

  public init(_ texts: [NoticeText], link: String? = nil) {
    self.texts = texts
    self.link = link
  }

  public var severity: NoticeText.Severity {
    let all = texts.map(\.severity)
    return all.contains(.critical) ? .critical : all.contains(.warning) ? .warning : .info
  }

  /// One line.
  public var subject: String {
    if texts.count == 1, let text = texts.first { return text.subject }
    let grave = texts.count { $0.severity == .critical }
    let notices = "\(texts.count) notices"
    return grave == 0 ? notices : "⚠️ \(notices), \(grave) of them critical"
  }

  public var text: String {
    var lines: [String] = []
    if texts.count > 1 {
      lines += ["\(texts.count) notices came within a minute:", ""]
      lines += texts.map { "- \($0.subject)" } + [""]
    }
    for (index, text) in texts.enumerated() {
      if index > 0 { lines += ["", "----", ""] }
      lines += Self.lines(text)
    }
    if let link { lines += ["", "Control Tower: \(link)"] }
    return lines.joined(separator: "\n") + "\n"
  }

  private static func lines(_ text: NoticeText) -> [String] {
    var lines = [text.subject, "", text.statement, ""]
    lines += text.facts.map { "\($0.label): \($0.value)" }
    if let quote = text.quote {
      lines += ["", "What was reported:"] + quote.split(separator: "\n").map { "> \($0)" }
    }
    return lines + ["", "What to do next:"] + text.nextSteps.map { "- \($0)" }
  }

  // MARK: HTML

  /// Whatever stands in a notice, nothing of it becomes an element or an attribute: it is escaped here, and nowhere else.
  public var html: String {
    var html = """
      <!DOCTYPE html>
      <html lang="en"><head><meta charset="utf-8"><title>\(Self.escaped(subject))</title></head>
      <body style="margin:0;padding:24px;font-family:Helvetica,Arial,sans-serif;font-size:15px;color:#1a1a1a">

      """
    if texts.count > 1 {
      html += "<p>\(texts.count) notices came within a minute:</p>\n"
      html += Self.list(texts.map(\.subject))
    }
    for text in texts { html += Self.section(text) }
    if let link { html += "<p><a href=\"\(Self.escaped(link))\">Open the Control Tower</a></p>\n" }
    return html + "</body></html>\n"
  }

  private static func section(_ text: NoticeText) -> String {
    let colour =
      switch text.severity {
      case .info: "#1f6feb"
      case .warning: "#9a6700"
      case .critical: "#b42318"
      }
    var html = """
      <div style="max-width:640px;border-left:4px solid \(colour);padding:0 0 0 16px;margin:0 0 24px">
      <h1 style="font-size:18px;margin:0 0 12px;color:\(colour)">\(escaped(text.subject))</h1>
      <p>\(escaped(text.statement))</p>

      """
    html += "<table style=\"border-collapse:collapse\">\n"
    for fact in text.facts {
      html += """
        <tr><td style="padding:2px 16px 2px 0;color:#5c5c5c">\(escaped(fact.label))</td>\
        <td style="padding:2px 0">\(escaped(fact.value))</td></tr>

        """
    }
    html += "</table>\n"
    if let quote = text.quote {
      html += """
        <p>What was reported:</p>
        <pre style="white-space:pre-wrap;background:#f4f4f4;padding:12px">\(escaped(quote))</pre>

        """
    }
    return html + "<p><b>What to do next</b></p>\n\(list(text.nextSteps))</div>\n"
  }

  private static func list(_ items: [String]) -> String {
    "<ul>\n" + items.map { "<li>\(escaped($0))</li>\n" }.joined() + "</ul>\n"
  }

  static func escaped(_ text: String) -> String {
    var escaped = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": escaped += "&amp;"
      case "<": escaped += "&lt;"
      case ">": escaped += "&gt;"
      case "\"": escaped += "&quot;"
      case "'": escaped += "&#39;"
      default: escaped.unicodeScalars.append(scalar)
      }
    }
    return escaped
  }
}
