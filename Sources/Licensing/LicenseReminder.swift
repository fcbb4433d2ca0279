public import WireFormats

/// What admins are to be told of the end of a licence: 30, 7 and 1 days before, and when it has come, each once.
public struct LicenseReminder: Sendable, Hashable {
  public enum Moment: Sendable, Hashable {
    /// Before the end.
    case days(Int64)
    case expiry
  }

  public static let daysBefore: [Int64] = [1, 7, 30]

  public var license: License
  public var moment: Moment

  /// Names it among all reminders of all licences.
  public var fact: String {
    switch moment {
    case .days(let days): "\(license.id)/\(days)"
    case .expiry: license.id
    }
  }

  /// The latest that is due: after a long downtime the earlier ones have nothing to add. Nil where none is. A licence that
  /// is shorter than a reminder's days has no such reminder.
  public static func due(_ license: License, at now: Timestamp) -> LicenseReminder? {
    guard let end = license.expiresAt else { return nil }
    if end <= now { return LicenseReminder(license: license, moment: .expiry) }
    let start = license.notBefore ?? license.issuedAt
    let days = daysBefore.first { days in
      let moment = end + .seconds(-days * 86_400)
      return moment <= now && start.map { $0 < moment } ?? true
    }
    return days.map { LicenseReminder(license: license, moment: .days($0)) }
  }
}
