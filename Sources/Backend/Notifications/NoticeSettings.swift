import Mail
import MaintenanceWindows
import OfferPlanning
import ProgramConfiguration
import ServerPrograms

/// How notices reach the admins beside the list in the Control Tower.
struct NoticeSettings: Sendable {
  /// Where notices are posted.
  struct Webhook: Sendable, Hashable {
    /// It may be a secret itself, as those of chat services are: it never stands in a log.
    var url: String
    /// That bodies are signed with, as the vendor signs its webhooks; nil: they are not.
    var secret: String?
  }

  /// Nil without `SMTP_HOST`: no mail is sent.
  var mail: MailConfiguration?
  /// Whom mails go to besides the admins of the table `admin`: `WRKTALK_ADMIN_EMAIL`, several separated by commas.
  var addresses: [MailAddress]
  /// Nil without `WRKTALK_NOTICE_WEBHOOK_URL`.
  var webhook: Webhook?
  /// Of the Control Tower, for people: `WRKTALK_PUBLIC_URL`, else `WRKTALK_EXTERNAL_URL`.
  var publicURL: String?
  /// By whose clocks notices tell times beside UTC: `WRKTALK_TIME_ZONE`, such as `Europe/Berlin`; nil: by UTC alone.
  var zone: CalendarZone?

  /// - Throws: `ConfigurationError`, which names the variable at fault.
  init(_ variables: EnvironmentVariables) throws(ConfigurationError) {
    mail = try MailConfiguration(environment: variables.environment, sender: "wrktalk")
    addresses = try MailConfiguration.addresses(variables["ADMIN_EMAIL"], setting: "WRKTALK_ADMIN_EMAIL")
    if variables["NOTICE_WEBHOOK_URL"] != nil {
      webhook = Webhook(
        url: try variables.url("NOTICE_WEBHOOK_URL", default: ""),
        secret: try VendorConnection.secret("NOTICE_WEBHOOK_SECRET", variables))
    }
    if let name = ["PUBLIC_URL", "EXTERNAL_URL"].first(where: { variables[$0] != nil }) {
      let url = try variables.url(name, default: "")
      guard url.utf8.allSatisfy({ (0x21...0x7E).contains($0) && !"\"'<>\\".utf8.contains($0) }), url.utf8.count <= 500
      else { throw variables.wrong(name, "must be a URL of at most 500 plain characters") }
      publicURL = url
    }
    zone = try Self.zone(variables)
  }

  private static func zone(_ variables: EnvironmentVariables) throws(ConfigurationError) -> CalendarZone? {
    guard let text = variables["TIME_ZONE"] else { return nil }
    guard let name = TimeZoneName(text) else {
      throw variables.wrong("TIME_ZONE", "\"\(text.prefix(64))\" is not the name of a zone, such as Europe/Berlin")
    }
    do {
      return CalendarZone(name: name, rules: try ZoneFiles().rules(name))
    } catch {
      throw variables.wrong("TIME_ZONE", "\(name): \(error)")
    }
  }
}

extension BackendConfiguration {
  /// What notices are written with.
  var noticeContext: NoticeContext {
    NoticeContext(
      isCompose: deployment.kind == .docker, organization: vendor?.organization,
      localTime: { [zone = notices.zone] time in zone.map { "\($0.localText(of: time)) \($0.name)" } })
  }
}
