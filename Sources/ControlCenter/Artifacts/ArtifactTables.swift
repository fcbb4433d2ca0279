public import Database

/// What artifacts need beside `gcc_artifact` of the specification.
public enum ArtifactTables {
  public static var migrations: [Migration] {
    [
      Migration(owner: "artifacts", version: 1, name: "claims and manifests of artifacts") { dialect in
        let name = dialect == .postgresql ? "text COLLATE \"C\"" : "text"
        return [
          // Who may change an artifact's object now; expires_at is in milliseconds since 1970 by the database's clock.
          """
          CREATE TABLE artifact_claim (
            version \(name) NOT NULL, type \(name) NOT NULL, token text NOT NULL, expires_at bigint NOT NULL,
            PRIMARY KEY (version, type))
          """,
          // The release manifest that came with an artifact.
          """
          CREATE TABLE artifact_manifest (
            version \(name) NOT NULL, type \(name) NOT NULL, manifest text NOT NULL, PRIMARY KEY (version, type))
          """,
        ]
      }
    ]
  }
}
