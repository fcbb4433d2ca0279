public import Access
import Database
public import WireFormats

/// A person who may sign in: a row of `admin`.
public struct AdminAccount: Sendable, Hashable {
  public enum State: String, Sendable, CaseIterable {
    case active
    case disabled
  }

  public var id: String
  /// In ASCII; compared without case.
  public var email: String
  public var name: String
  public var role: Role
  /// As `PasswordDigest` writes it; nil for who signs in by an identity provider alone.
  var password: String?
  public var state: State
  /// By whom, and as whom, an identity provider knows the person.
  var oidcIssuer: String?
  var oidcSubject: String?
  public var createdAt: Timestamp
  public var lastSignInAt: Timestamp?

  var identity: Identity { Identity(name: email, role: role) }

  /// Without what is secret.
  var json: JSONValue {
    [
      "id": .string(id), "email": .string(email), "name": .string(name), "role": .string(role.rawValue),
      "state": .string(state.rawValue), "hasPassword": .bool(password != nil),
      "oidcIssuer": oidcIssuer.map { .string($0) } ?? .null, "oidcSubject": oidcSubject.map { .string($0) } ?? .null,
      "createdAt": .string(createdAt.description),
      "lastSignInAt": lastSignInAt.map { .string($0.description) } ?? .null,
    ]
  }

  static func columns(_ dialect: SQLDialect, of table: String = "a") -> String {
    func column(_ name: String) -> String { "\(table).\"\(name)\"" }
    func time(_ name: String) -> String { dialect.text(ofTime: column(name)) }
    return [
      column("id"), column("email"), column("name"), column("role"), column("password"), column("state"),
      column("oidcIssuer"), column("oidcSubject"), time("createdAt"), time("lastSignInAt"),
    ].joined(separator: ", ")
  }

  /// - Parameter row: of a query that begins with `columns`.
  init(_ row: SQLRow) {
    id = row[0].text ?? ""
    email = row[1].text ?? ""
    name = row[2].text ?? ""
    // What this version does not know allows nothing.
    role = Role(rawValue: row[3].text ?? "")
    password = row[4].text
    state = row[5].text.flatMap(State.init) ?? .disabled
    oidcIssuer = row[6].text
    oidcSubject = row[7].text
    createdAt = row[8].time ?? Timestamp(seconds: 0)
    lastSignInAt = row[9].time
  }

  // MARK: Finding; the row is locked where the transaction writes

  static func find(id: String, in connection: any SQLConnection) throws -> AdminAccount? {
    try first("a.id = $1", [.text(id)], connection)
  }

  static func find(email: String, in connection: any SQLConnection) throws -> AdminAccount? {
    try first("lower(a.email) = $1", [.text(email.lowercased())], connection)
  }

  static func find(
    issuer: String, subject: String, in connection: any SQLConnection
  ) throws -> AdminAccount? {
    try first("a.\"oidcIssuer\" = $1 AND a.\"oidcSubject\" = $2", [.text(issuer), .text(subject)], connection)
  }

  private static func first(
    _ condition: String, _ values: [SQLValue], _ connection: any SQLConnection
  ) throws -> AdminAccount? {
    try connection.query(
      "SELECT \(columns(connection.dialect)) FROM admin AS a WHERE \(condition)"
        + connection.dialect.forUpdate(of: "a"), values
    ).first.map(AdminAccount.init)
  }
}
