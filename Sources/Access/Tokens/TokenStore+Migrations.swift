public import Database

extension TokenStore {
  /// The schema of `api_token`.
  public static let migrations: [Migration] = [
    Migration(owner: "access", version: 1, name: "api tokens") { _ in
      [
        """
        CREATE TABLE api_token (
          name text PRIMARY KEY, role text NOT NULL, digest text NOT NULL UNIQUE, created_at bigint NOT NULL,
          expires_at bigint)
        """
      ]
    },
    Migration(owner: "access", version: 2, name: "last use of tokens") { _ in
      ["ALTER TABLE api_token ADD COLUMN last_used_at bigint"]
    },
    Migration(owner: "access", version: 3, name: "namespaces of agents' tokens") { _ in
      ["ALTER TABLE api_token ADD COLUMN namespace text", "ALTER TABLE api_token ADD COLUMN lease text"]
    },
    // What a token is bound to, as every server names it. Names of Leases need no escapes.
    Migration(owner: "access", version: 4, name: "tenants and bindings of tokens") { _ in
      [
        "ALTER TABLE api_token RENAME COLUMN namespace TO tenant",
        "ALTER TABLE api_token ADD COLUMN bindings text",
        "UPDATE api_token SET bindings = '{\"lease\":\"' || lease || '\"}' WHERE lease IS NOT NULL",
        "ALTER TABLE api_token DROP COLUMN lease",
      ]
    },
  ]
}
