import Database
import Mail

/// Whom mails go to, decided when one is about to be sent: those of `WRKTALK_ADMIN_EMAIL` and the active admins of the table
/// `admin`, without those who want none.
struct NoticeRecipients: Sendable {
  struct Recipient: Sendable, Hashable {
    var address: MailAddress
    /// Whether it is told by the environment, not an account.
    var isConfigured: Bool
    var wantsMail: Bool
  }

  /// More than so many are not told: it is a list of admins, not a mailing list.
  static let maximumCount = 100

  let configured: [MailAddress]

  /// Those who want no mail included, sorted; at most `maximumCount`.
  func all(_ connection: any SQLConnection) throws -> [Recipient] {
    let off = Set(
      try connection.query(
        """
        SELECT address FROM admin_notice_recipient WHERE "isOff" = \(connection.dialect.boolean(true))
        ORDER BY address LIMIT 1000
        """
      ).compactMap { $0[0].text })
    var found: [String: Recipient] = [:]
    func add(_ address: MailAddress, isConfigured: Bool) {
      let key = Self.key(address.address)
      guard found[key] == nil, found.count < Self.maximumCount else { return }
      found[key] = Recipient(address: address, isConfigured: isConfigured, wantsMail: !off.contains(key))
    }
    for address in configured { add(address, isConfigured: true) }
    for address in try Self.accounts(connection) { add(address, isConfigured: false) }
    return found.sorted { $0.key < $1.key }.map(\.value)
  }

  /// - Returns: nil where that address gets no mail any more.
  func wanted(_ address: String, _ connection: any SQLConnection) throws -> MailAddress? {
    let key = Self.key(address)
    return try all(connection).first { Self.key($0.address.address) == key && $0.wantsMail }?.address
  }

  func set(_ address: MailAddress, wantsMail: Bool, _ connection: any SQLConnection) throws {
    try connection.execute(
      """
      INSERT INTO admin_notice_recipient (address, "isOff") VALUES ($1, \(connection.dialect.boolean(!wantsMail)))
      ON CONFLICT (address) DO UPDATE SET "isOff" = excluded."isOff"
      """, [.text(Self.key(address.address))])
  }

  /// Addresses that differ in the case of letters alone are one person's.
  static func key(_ address: String) -> String { address.lowercased() }

  private static func accounts(_ connection: any SQLConnection) throws -> [MailAddress] {
    try connection.query(
      """
      SELECT email FROM admin WHERE CAST(state AS text) = 'active' ORDER BY email LIMIT \(maximumCount)
      """
    ).compactMap { $0[0].text.flatMap { MailAddress($0) } }
  }
}
