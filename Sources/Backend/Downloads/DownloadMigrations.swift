import Database

/// What downloads keep beside the columns of the specification's tables.
enum DownloadMigrations {
  static let all = [
    Migration(owner: "backend.downloads", version: 1, name: "claims, and earlier versions that are wanted") { dialect in
      let types = PrismaTypes(dialect)
      return [
        // Names the try that a row is claimed for.
        "ALTER TABLE scheduled_deployment ADD COLUMN \"downloadClaim\" text",
        // Since when an earlier version is to be fetched again, and how that goes.
        "ALTER TABLE kept_artifact ADD COLUMN \"wantedAt\" \(types.time)",
        "ALTER TABLE kept_artifact ADD COLUMN \"nextTryAt\" \(types.time)",
        "ALTER TABLE kept_artifact ADD COLUMN attempts integer NOT NULL DEFAULT 0",
        "ALTER TABLE kept_artifact ADD COLUMN problem text",
      ]
    }
  ]
}
