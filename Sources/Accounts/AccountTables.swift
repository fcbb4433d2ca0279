public import Access
public import Database

/// People who sign in, their sessions, and who tries too often.
public enum AccountTables {
  /// - Parameters:
  ///   - owner: of the migrations, such as `backend.accounts`.
  ///   - roles: see `AccountRules.roles`; the tables refuse others.
  public static func migrations(owner: String, roles: [Role]) -> [Migration] {
    [
      Migration(owner: owner, version: 1, name: "admins and sessions") { dialect in
        let types = PrismaTypes(dialect)
        let roles = roles.map { "'\($0.rawValue)'" }.joined(separator: ", ")
        let states = AdminAccount.State.allCases.map { "'\($0.rawValue)'" }.joined(separator: ", ")
        return [
          // Named by the specification (spec §1.4), in whose form its columns are.
          """
          CREATE TABLE admin (
            \(types.id), email text NOT NULL, name text NOT NULL DEFAULT '',
            role text NOT NULL DEFAULT 'viewer' CHECK (role IN (\(roles))),
            password text,
            state text NOT NULL DEFAULT 'active' CHECK (state IN (\(states))),
            "oidcIssuer" text, "oidcSubject" text,
            "createdAt" \(types.now), "updatedAt" \(types.now), "lastSignInAt" \(types.time),
            "passwordChangedAt" \(types.time))
          """,
          "CREATE UNIQUE INDEX admin_email ON admin (lower(email))",
          "CREATE UNIQUE INDEX admin_oidc ON admin (\"oidcIssuer\", \"oidcSubject\")",
          // Moments are microseconds since 1970. Of the cookie there is only a digest: what lies here lets nobody in.
          """
          CREATE TABLE admin_session (
            digest text PRIMARY KEY, id text NOT NULL UNIQUE, admin_id text NOT NULL, header_token text NOT NULL,
            created_at bigint NOT NULL, last_used_at bigint NOT NULL, authenticated_at bigint NOT NULL)
          """,
          "CREATE INDEX admin_session_admin ON admin_session (admin_id, created_at)",
          "CREATE INDEX admin_session_created ON admin_session (created_at)",
          "CREATE TABLE sign_in_failure (key text PRIMARY KEY, failures bigint NOT NULL, last_at bigint NOT NULL)",
          "CREATE INDEX sign_in_failure_last ON sign_in_failure (last_at)",
        ]
      }
    ]
  }
}
