import Database
import FleetPlanning
public import WireFormats

/// A row of `gcc_artifact` (spec §12).
public struct ArtifactRecord: Sendable, Hashable {
  public var id: String
  public var key: ArtifactKey
  public var bucketPath: String
  public var sha256: String
  public var byteCount: Int
  public var createdAt: Timestamp

  /// The answer to an upload (spec §14.1).
  public var json: JSONValue {
    [
      "id": .string(id), "bucketPath": .string(bucketPath), "sha256": .string(sha256),
      "sizeBytes": .integer(Int64(byteCount)),
    ]
  }

  static func columns(_ dialect: SQLDialect) -> String {
    "id, version, type, \"bucketPath\", sha256, \"sizeBytes\", "
      + "\(dialect.text(ofTime: "\"createdAt\"")) AS \"createdAt\""
  }

  /// Nil for a row that is not one of ours: another program's version or type.
  init?(_ row: SQLRow) {
    guard let id = row["id"].text, let version = row["version"].text.flatMap({ try? ReleaseVersion($0) }),
      let type = row["type"].text.flatMap(ArtifactType.init)
    else { return nil }
    self.id = id
    key = ArtifactKey(version: version, type: type)
    bucketPath = row["bucketPath"].text ?? key.bucketPath
    sha256 = row["sha256"].text?.lowercased() ?? ""
    byteCount = Int(row["sizeBytes"].integer ?? 0)
    createdAt = row["createdAt"].time ?? Timestamp(seconds: 0)
  }

  init(id: String, key: ArtifactKey, sha256: String, byteCount: Int, createdAt: Timestamp) {
    self.id = id
    self.key = key
    bucketPath = key.bucketPath
    self.sha256 = sha256
    self.byteCount = byteCount
    self.createdAt = createdAt
  }

  static func find(_ key: ArtifactKey, _ connection: any SQLConnection) throws -> ArtifactRecord? {
    try connection.query(
      "SELECT \(columns(connection.dialect)) FROM gcc_artifact WHERE version = $1 AND type = $2",
      [.text(key.version.text), .text(key.type.rawValue)]
    ).first.flatMap(ArtifactRecord.init)
  }

  static func all(of version: ReleaseVersion, _ connection: any SQLConnection) throws -> [ArtifactRecord] {
    try connection.query(
      "SELECT \(columns(connection.dialect)) FROM gcc_artifact WHERE version = $1 ORDER BY type",
      [.text(version.text)]
    ).compactMap(ArtifactRecord.init)
  }

  /// - Parameter manifest: nil keeps the one that came before where the artifact is the same.
  func save(manifest: String?, _ connection: any SQLConnection) throws {
    let time = connection.dialect.time("$7")
    try connection.execute(
      """
      INSERT INTO gcc_artifact (id, version, type, "bucketPath", sha256, "sizeBytes", "createdAt")
      VALUES ($1, $2, $3, $4, $5, $6, \(time))
      ON CONFLICT (version, type) DO UPDATE SET "bucketPath" = excluded."bucketPath", sha256 = excluded.sha256,
        "sizeBytes" = excluded."sizeBytes", "createdAt" = excluded."createdAt"
      """,
      [
        .text(id), .text(key.version.text), .text(key.type.rawValue), .text(bucketPath), .text(sha256),
        .integer(Int64(byteCount)), createdAt.column,
      ])
    guard let manifest else { return }
    try connection.execute(
      """
      INSERT INTO artifact_manifest (version, type, manifest) VALUES ($1, $2, $3)
      ON CONFLICT (version, type) DO UPDATE SET manifest = excluded.manifest
      """, [.text(key.version.text), .text(key.type.rawValue), .text(manifest)])
  }

  static func remove(_ key: ArtifactKey, _ connection: any SQLConnection) throws {
    for table in ["artifact_manifest", "gcc_artifact"] {
      try connection.execute(
        "DELETE FROM \(table) WHERE version = $1 AND type = $2", [.text(key.version.text), .text(key.type.rawValue)])
    }
  }

  /// Manifests that came with artifacts of this version.
  static func manifests(of version: ReleaseVersion, _ connection: any SQLConnection) throws -> [String] {
    try connection.query(
      "SELECT manifest FROM artifact_manifest WHERE version = $1 ORDER BY type", [.text(version.text)]
    )
    .compactMap { $0[0].text }
  }
}
