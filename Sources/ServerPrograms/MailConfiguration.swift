import FoundationEssentials
public import Mail
public import ProgramConfiguration

/// The server that takes a program's mails, and whom they are from.
public struct MailConfiguration: Sendable {
  public var settings: MailSettings
  public var sender: MailAddress

  /// `SMTP_HOST`, `SMTP_PORT`, `SMTP_SECURITY` (starttls, tls, none), `SMTP_USER` with `SMTP_PASSWORD` or
  /// `SMTP_PASSWORD_FILE`, `SMTP_FROM`; nil without `SMTP_HOST`.
  /// - Parameter sender: what stands before the `@` of an address that `SMTP_FROM` does not give.
  /// - Throws: `ConfigurationError`, which names the variable at fault.
  public init?(environment: [String: String], sender name: String) throws(ConfigurationError) {
    func value(_ name: String) -> String? { environment[name].flatMap { $0.isEmpty ? nil : $0 } }
    guard let host = value("SMTP_HOST") else { return nil }
    let word = value("SMTP_SECURITY") ?? MailSettings.Security.startTLS.rawValue
    guard let security = MailSettings.Security(rawValue: word) else {
      throw ConfigurationError("must be starttls, tls or none", setting: "SMTP_SECURITY")
    }
    let port = value("SMTP_PORT")
    let number = port.flatMap { UInt16($0) }
    if port != nil, number == nil || number == 0 {
      throw ConfigurationError("must be a port from 1 to 65535", setting: "SMTP_PORT")
    }
    var password = value("SMTP_PASSWORD")
    if let file = value("SMTP_PASSWORD_FILE") {
      guard let data = FileManager.default.contents(atPath: file), data.count < 4096 else {
        throw ConfigurationError("\(file) cannot be read", setting: "SMTP_PASSWORD_FILE")
      }
      password = String(decoding: data, as: UTF8.self)
      while password?.last?.isNewline == true { password?.removeLast() }
    }
    let credentials = value("SMTP_USER").map { MailSettings.Credentials(user: $0, password: password ?? "") }
    guard let sender = MailAddress(value("SMTP_FROM") ?? "\(name)@\(host)") else {
      throw ConfigurationError("must be an address such as \(name)@example.com", setting: "SMTP_FROM")
    }
    self.sender = sender
    do throws(MailSettingsError) {
      settings = try MailSettings(host: host, port: number, security: security, credentials: credentials)
    } catch {
      throw ConfigurationError(error.description, setting: "SMTP_HOST")
    }
  }

  /// Several addresses separated by commas; none for nil.
  public static func addresses(_ text: String?, setting: String) throws(ConfigurationError) -> [MailAddress] {
    var addresses: [MailAddress] = []
    for part in (text ?? "").split(separator: ",") {
      let trimmed = String(part.filter { $0 != " " })
      guard let address = MailAddress(trimmed) else {
        throw ConfigurationError("\"\(trimmed.prefix(80))\" is not a mail address", setting: setting)
      }
      addresses.append(address)
    }
    return addresses
  }
}
