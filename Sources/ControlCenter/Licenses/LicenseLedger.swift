import Accounts
import Cryptography
import Database
import Licensing
import ResourceModel
import WireFormats

/// What a customer is licensed for, before it is signed.
struct LicenseTerms: Sendable, Hashable {
  var organization: String
  var installation: String?
  /// Nil: at once.
  var notBefore: Timestamp?
  /// Nil: it never expires.
  var expiresAt: Timestamp?
  var edition: String?
  var limits: [String: JSONValue] = [:]
}

/// The licences that were signed, in `gcc_license`. With each change `organizational_service.licenseExpiresAt`, which decides whether
/// a customer is offered releases, is what the customer's licences say.
struct LicenseLedger: Sendable {
  /// Notified with the organization's name when its licences change.
  static let channel = "gcc_license"
  static let maximumPerOrganization = 200

  let database: any Database
  let makeID: @Sendable () -> String
  let now: @Sendable () -> Timestamp

  /// - Throws: `notFound` without such an organization; `invalid` for terms that no licence can have; `conflict` where the
  ///   organization has more licences than anybody needs.
  /// - Parameter audit: where that is kept, without the token.
  func issue(
    _ terms: LicenseTerms, with key: Ed25519.PrivateKey, by issuer: String, audit: AuditedActor? = nil
  ) async throws -> IssuedLicense {
    let moment = now().wholeSeconds
    if let end = terms.expiresAt, end <= max(moment, terms.notBefore ?? moment) {
      throw StatusError(.invalid, "expiresAt: must be later than now and than the beginning")
    }
    var license = License(
      id: makeID(), organization: terms.organization, installation: terms.installation, issuedAt: moment,
      notBefore: terms.notBefore, expiresAt: terms.expiresAt, edition: terms.edition, limits: terms.limits)
    let token: String
    do throws(LicenseError) {
      token = try license.token(signedWith: key)
    } catch {
      throw StatusError(.invalid, error.message)
    }
    license.keyID = LicenseKeys.id(of: key.publicKey)
    let issued = IssuedLicense(license: license, token: token, issuedBy: issuer)
    try await database.transaction(.write) { connection in
      try audit?.prepare(in: connection)
      try Self.lock(terms.organization, connection)
      let count =
        try connection.query(
          "SELECT count(*) FROM gcc_license WHERE \"organizationName\" = $1", [.text(terms.organization)]
        ).first?[0].integer ?? 0
      guard count < Self.maximumPerOrganization else {
        throw StatusError(
          .conflict,
          "the organization \"\(terms.organization)\" has \(count) licences; delete old rows of gcc_license first")
      }
      try issued.insert(connection)
      try Self.setEnd(of: terms.organization, at: moment, connection)
      try audit?.record("LicenseIssued", terms.organization, issued.audited, in: connection)
      try connection.notify(channel: Self.channel, payload: terms.organization)
    }
    return issued
  }

  /// The newest first.
  /// - Parameter organization: nil for those of all, at most `limit`.
  /// - Throws: `notFound` without such an organization.
  func list(_ organization: String?, limit: Int = 1000) async throws -> [IssuedLicense] {
    try await database.transaction(.read) { connection in
      if let organization { try Self.check(organization, connection) }
      return try connection.query(
        """
        SELECT \(IssuedLicense.columns(connection.dialect)) FROM gcc_license
        \(organization == nil ? "" : "WHERE \"organizationName\" = $1")
        ORDER BY "issuedAt" DESC, id LIMIT \(limit)
        """, organization.map { [.text($0)] } ?? []
      ).map(IssuedLicense.init)
    }
  }

  /// - Throws: `notFound`.
  func find(_ id: String) async throws -> IssuedLicense {
    try await database.transaction(.read) { try Self.find(id, $0) }
  }

  /// Ends what the vendor does by the licence: it is sent to nobody any more, and without another one nothing is offered. A customer
  /// that has the token keeps it; one that is issued afterwards takes its place there.
  /// - Parameters:
  ///   - organization: whose it has to be; nil: anybody's.
  ///   - audit: where that is kept.
  /// - Throws: `notFound`; `conflict` where it is revoked already.
  func revoke(
    _ id: String, of organization: String? = nil, by revoker: String, reason: String?, audit: AuditedActor? = nil
  ) async throws -> IssuedLicense {
    let moment = now().wholeSeconds
    return try await database.transaction(.write) { connection in
      try audit?.prepare(in: connection)
      let name = try Self.find(id, connection).license.organization
      guard organization == nil || name == organization else { throw Self.none(id) }
      try Self.lock(name, connection)
      let changed = try connection.execute(
        """
        UPDATE gcc_license SET "revokedAt" = \(connection.dialect.time("$2")), "revokedBy" = $3, "revokedReason" = $4
        WHERE id = $1 AND "revokedAt" IS NULL
        """, [.text(id), moment.column, .text(revoker), SQLValue(reason)])
      guard changed > 0 else { throw StatusError(.conflict, "the licence \"\(id)\" is revoked already") }
      try Self.setEnd(of: name, at: moment, connection)
      try audit?.record(
        "LicenseRevoked", name, ["id": .string(id), "reason": reason.map { .string($0) } ?? .null], in: connection)
      try connection.notify(channel: Self.channel, payload: name)
      return try Self.find(id, connection)
    }
  }

  private static func find(_ id: String, _ connection: any SQLConnection) throws -> IssuedLicense {
    let row = try connection.query(
      "SELECT \(IssuedLicense.columns(connection.dialect)) FROM gcc_license WHERE id = $1", [.text(id)]
    ).first
    guard let row else { throw none(id) }
    return IssuedLicense(row)
  }

  private static func none(_ id: String) -> StatusError {
    StatusError(.notFound, "there is no licence \"\(id.prefix(80))\"")
  }

  /// Two that are issued at once see each other.
  private static func lock(_ organization: String, _ connection: any SQLConnection) throws {
    try check(organization, locking: connection.dialect.forUpdate(of: "organizational_service"), connection)
  }

  private static func check(
    _ organization: String, locking: String = "", _ connection: any SQLConnection
  ) throws {
    let found = try connection.query(
      "SELECT 1 FROM organizational_service WHERE name = $1\(locking)", [.text(organization)])
    if found.isEmpty { throw StatusError.noOrganization(organization) }
  }

  /// The latest end of what is not revoked; now, where all is.
  private static func setEnd(of organization: String, at now: Timestamp, _ connection: any SQLConnection) throws {
    let dialect = connection.dialect
    try connection.execute(
      """
      UPDATE organizational_service SET generation = generation + 1, resource_version = 0, "licenseExpiresAt" = (
        SELECT CASE
          WHEN count(*) = 0 THEN \(dialect.time("$2"))
          WHEN count(*) > count(l."expiresAt") THEN NULL
          ELSE max(l."expiresAt") END
        FROM gcc_license AS l WHERE l."organizationName" = $1 AND l."revokedAt" IS NULL)
      WHERE name = $1
      """, [.text(organization), now.column])
  }
}

extension IssuedLicense {
  /// What the audit says of it: never the token.
  fileprivate var audited: JSONValue {
    [
      "id": .string(license.id), "installation": license.installation.map { .string($0) } ?? .null,
      "notBefore": license.notBefore.map { .string($0.description) } ?? .null,
      "expiresAt": license.expiresAt.map { .string($0.description) } ?? .null,
      "edition": license.edition.map { .string($0) } ?? .null, "limits": .object(license.limits),
      "key": license.keyID.map { .string($0) } ?? .null,
    ]
  }
}
