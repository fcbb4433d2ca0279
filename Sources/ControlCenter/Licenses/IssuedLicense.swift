import Database
import Licensing
import WireFormats

/// A licence that was signed for a customer: a row of `gcc_license`.
struct IssuedLicense: Sendable, Hashable {
  static let migrations = [
    Migration(owner: "gcc.licenses", version: 1, name: "licences") { dialect in
      let types = PrismaTypes(dialect)
      return [
        """
        CREATE TABLE gcc_license (
          id text PRIMARY KEY,
          "organizationName" text NOT NULL
            REFERENCES organizational_service (name) ON DELETE CASCADE ON UPDATE CASCADE,
          installation text,
          edition text,
          limits \(types.json),
          "issuedAt" \(types.time) NOT NULL,
          "notBefore" \(types.time),
          "expiresAt" \(types.time),
          "keyId" text NOT NULL,
          token text NOT NULL,
          "issuedBy" text NOT NULL DEFAULT '',
          "revokedAt" \(types.time),
          "revokedBy" text,
          "revokedReason" text)
        """,
        "CREATE INDEX gcc_license_organization ON gcc_license (\"organizationName\", \"issuedAt\")",
      ]
    }
  ]

  struct Revocation: Sendable, Hashable {
    var time: Timestamp
    var by: String
    var reason: String?
  }

  var license: License
  var token: String
  var issuedBy: String
  var revocation: Revocation?

  static func columns(_ dialect: SQLDialect) -> String {
    func time(_ name: String) -> String { dialect.text(ofTime: "\"\(name)\"") }
    return """
      id, "organizationName", installation, edition, CAST(limits AS text), \(time("issuedAt")), \(time("notBefore")),
      \(time("expiresAt")), "keyId", token, "issuedBy", \(time("revokedAt")), "revokedBy", "revokedReason"
      """
  }

  init(license: License, token: String, issuedBy: String) {
    self.license = license
    self.token = token
    self.issuedBy = issuedBy
  }

  /// - Parameter row: of a query that begins with `columns`.
  init(_ row: SQLRow) {
    license = License(
      id: row[0].text ?? "", organization: row[1].text ?? "", installation: row[2].text, issuedAt: row[5].time,
      notBefore: row[6].time, expiresAt: row[7].time, edition: row[3].text,
      limits: row[4].text.flatMap { try? JSONValue(parsing: $0) }?.object ?? [:], keyID: row[8].text)
    token = row[9].text ?? ""
    issuedBy = row[10].text ?? ""
    revocation = row[11].time.map { Revocation(time: $0, by: row[12].text ?? "", reason: row[13].text) }
  }

  func insert(_ connection: any SQLConnection) throws {
    let dialect = connection.dialect
    try connection.execute(
      """
      INSERT INTO gcc_license (
        id, "organizationName", installation, edition, limits, "issuedAt", "notBefore", "expiresAt", "keyId", token, "issuedBy")
      VALUES ($1, $2, $3, $4, \(dialect == .postgresql ? "CAST($5 AS jsonb)" : "$5"), \(dialect.time("$6")),
        \(dialect.time("$7")), \(dialect.time("$8")), $9, $10, $11)
      """,
      [
        .text(license.id), .text(license.organization), SQLValue(license.installation), SQLValue(license.edition),
        .text(JSONValue.object(license.limits).text), SQLValue(license.issuedAt?.columnText),
        SQLValue(license.notBefore?.columnText), SQLValue(license.expiresAt?.columnText), SQLValue(license.keyID),
        .text(token), .text(issuedBy),
      ])
  }

  /// As people list it; the token is shown for one at a time.
  var json: JSONValue {
    var json = license.json
    json["issuedBy"] = .string(issuedBy)
    json["revokedAt"] = revocation.map { .string($0.time.wholeSeconds.description) }
    json["revokedBy"] = revocation.map { .string($0.by) }
    json["revokedReason"] = revocation?.reason.map { .string($0) }
    return json
  }

  /// `valid`, `not yet valid`, `expired` or `revoked`.
  func status(at now: Timestamp) -> String {
    if revocation != nil { return "revoked" }
    return switch license.period(at: now) {
    case .ahead: "not yet valid"
    case .running: "valid"
    case .over: "expired"
    }
  }

  /// The one that a customer is to have: the newest that is in force and is for its installation.
  /// - Parameter installation: the customer's.
  static func newest(
    of licenses: [IssuedLicense], for installation: String?, at now: Timestamp
  ) -> IssuedLicense? {
    licenses.filter { issued in
      issued.revocation == nil && issued.license.period(at: now) == .running
        && (issued.license.installation == nil || issued.license.installation == installation)
    }.max { $1.license.isNewer(than: $0.license) }
  }
}
