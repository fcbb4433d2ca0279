import Database
import FleetKinds
import FleetPlanning
import FleetProtocol
import ResourceStorage
import WireFormats

/// A row of `gcc_release` (spec §12).
struct ReleaseRecord: Sendable, Hashable {
  var id: String
  /// As text: another program may have written what is not a version of ours.
  var version: String
  var status: ReleaseState
  /// Offered to nobody any more, and given to nobody.
  var isWithdrawn: Bool
  var content: ReleaseContent
  var helmSha256: String?
  var composeSha256: String?
  var createdAt: Timestamp
  var createdBy: String
  var publishedAt: Timestamp?

  /// Whether it was ever published: neither its content nor its artifacts can change then.
  var isFrozen: Bool { status != .draft || isWithdrawn }

  /// As answers say it.
  var statusText: String { isWithdrawn ? "withdrawn" : status.columnWord }

  /// What the release was published with.
  func sha256(of type: ArtifactType) -> String? {
    switch type {
    case .helm: helmSha256
    case .compose: composeSha256
    }
  }

  /// The answer to what creates or changes a release (spec §14.1).
  var answer: JSONValue { ["id": .string(id), "version": .string(version), "status": .string(statusText)] }

  /// One of a list: without the texts that may be long.
  var summary: JSONValue {
    func optional(_ text: String?) -> JSONValue { text.map { .string($0) } ?? .null }
    return [
      "id": .string(id), "version": .string(version), "status": .string(status.columnWord),
      "withdrawn": .bool(isWithdrawn), "isForced": .bool(content.isForced),
      "isMigrationRequired": .bool(content.isMigrationRequired),
      "minCurrentVersion": optional(content.minCurrentVersion), "helmChartSha256": optional(helmSha256),
      "composeArtifactSha256": optional(composeSha256), "createdAt": .string(createdAt.description),
      "createdBy": .string(createdBy), "publishedAt": optional(publishedAt?.description),
    ]
  }

  // MARK: Rows

  static func columns(_ dialect: SQLDialect) -> String {
    let texts = [
      "id", "version", "CAST(status AS text) AS status", "withdrawn", "\"releaseNotes\"", "\"backendImageTag\"",
      "\"mediaImageTag\"", "\"controlTowerImageTag\"", "\"agentImageTag\"", "\"helmChartSha256\"",
      "\"composeArtifactSha256\"", "\"isForced\"", "\"isMigrationRequired\"", "\"estimatedDowntime\"",
      "\"minCurrentVersion\"", "CAST(\"newNonEssentialEnvs\" AS text) AS \"newNonEssentialEnvs\"", "manifest",
      "\"createdBy\"",
    ]
    let times = ["\"createdAt\"", "\"publishedAt\""].map { "\(dialect.text(ofTime: $0)) AS \($0)" }
    return (texts + times).joined(separator: ", ")
  }

  init?(_ row: SQLRow) {
    guard let id = row["id"].text, let version = row["version"].text,
      let status = row["status"].text.flatMap({ ReleaseState(columnWord: $0) })
    else { return nil }
    self.id = id
    self.version = version
    self.status = status
    isWithdrawn = row["withdrawn"].boolean ?? false
    content = ReleaseContent(row)
    helmSha256 = row["helmChartSha256"].text.flatMap { $0.isEmpty ? nil : $0.lowercased() }
    composeSha256 = row["composeArtifactSha256"].text.flatMap { $0.isEmpty ? nil : $0.lowercased() }
    createdAt = row["createdAt"].time ?? Timestamp(seconds: 0)
    createdBy = row["createdBy"].text ?? ""
    publishedAt = row["publishedAt"].time
  }

  static func find(_ version: ReleaseVersion, _ connection: any SQLConnection) throws -> ReleaseRecord? {
    try connection.query(
      "SELECT \(columns(connection.dialect)) FROM gcc_release WHERE version = $1", [.text(version.text)]
    ).first.flatMap(ReleaseRecord.init)
  }

  /// What a statement sets; parameters from `$1` on, in the order of `values`.
  private static func assignments(_ dialect: SQLDialect) -> [(column: String, expression: String)] {
    let names = [
      "releaseNotes", "backendImageTag", "mediaImageTag", "controlTowerImageTag", "agentImageTag", "isForced",
      "isMigrationRequired", "estimatedDowntime", "minCurrentVersion", "newNonEssentialEnvs", "manifest",
    ]
    return names.enumerated().map { index, name in
      let parameter = "$\(index + 1)"
      let isJSON = name == "newNonEssentialEnvs" && dialect == .postgresql
      return ("\"\(name)\"", isJSON ? "CAST(\(parameter) AS jsonb)" : parameter)
    }
  }

  private var values: [SQLValue] {
    func optional(_ text: String?) -> SQLValue { text.map { .text($0) } ?? .null }
    return [
      optional(content.releaseNotes), .text(content.imageTags.backend), .text(content.imageTags.media),
      .text(content.imageTags.controlTower), .text(content.imageTags.agent), .boolean(content.isForced),
      .boolean(content.isMigrationRequired), optional(content.estimatedDowntime), optional(content.minCurrentVersion),
      .text(content.settingsJSON.text), optional(content.manifest),
    ]
  }

  /// A new draft.
  func insert(_ connection: any SQLConnection) throws {
    let assignments = Self.assignments(connection.dialect)
    let next = assignments.count + 1
    let time = connection.dialect.time("$\(next + 3)")
    try connection.execute(
      """
      INSERT INTO gcc_release (\(assignments.map(\.column).joined(separator: ", ")),
        id, version, status, "helmChartSha256", withdrawn, "createdBy", "createdAt")
      VALUES (\(assignments.map(\.expression).joined(separator: ", ")),
        $\(next), $\(next + 1), 'draft', '', false, $\(next + 2), \(time))
      """, values + [.text(id), .text(version), .text(createdBy), createdAt.column])
    try ChangeJournal.announce(connection)
  }

  /// The content of a draft. Every watcher sees it.
  func update(_ connection: any SQLConnection) throws {
    let assignments = Self.assignments(connection.dialect)
    try connection.execute(
      """
      UPDATE gcc_release SET \(assignments.map { "\($0.column) = \($0.expression)" }.joined(separator: ", ")),
        generation = generation + 1, resource_version = 0
      WHERE version = $\(assignments.count + 1)
      """, values + [.text(version)])
    try ChangeJournal.announce(connection)
  }

  /// What publishing, deprecating and withdrawing change, and the manifest.
  func updateState(_ connection: any SQLConnection) throws {
    let time = connection.dialect.time("$5")
    try connection.execute(
      """
      UPDATE gcc_release SET status = '\(status.columnWord)', withdrawn = $1, "helmChartSha256" = $2,
        "composeArtifactSha256" = $3, manifest = $4, "publishedAt" = \(time), generation = generation + 1,
        resource_version = 0
      WHERE version = $6
      """,
      [
        .boolean(isWithdrawn), .text(helmSha256 ?? ""), composeSha256.map { .text($0) } ?? .null,
        content.manifest.map { .text($0) } ?? .null, publishedAt?.column ?? .null, .text(version),
      ])
    try ChangeJournal.announce(connection)
  }
}

extension ReleaseRecord {
  /// A new draft.
  init(id: String, _ request: ReleaseRequest, createdBy: String, at time: Timestamp) {
    self.id = id
    version = request.version.text
    status = .draft
    isWithdrawn = false
    content = request.content
    createdAt = time
    self.createdBy = createdBy
  }
}

extension ReleaseContent {
  fileprivate init(_ row: SQLRow) {
    releaseNotes = row["releaseNotes"].text
    imageTags = ReleaseOffer.ImageTags(
      backend: row["backendImageTag"].text ?? "", media: row["mediaImageTag"].text ?? "",
      controlTower: row["controlTowerImageTag"].text ?? "", agent: row["agentImageTag"].text ?? "")
    isForced = row["isForced"].boolean ?? false
    isMigrationRequired = row["isMigrationRequired"].boolean ?? false
    estimatedDowntime = row["estimatedDowntime"].text
    minCurrentVersion = row["minCurrentVersion"].text
    let settings = row["newNonEssentialEnvs"].text.flatMap { try? JSONValue(parsing: Array($0.utf8)) }?.array ?? []
    newNonEssentialEnvs = settings.compactMap { setting in
      setting["key"]?.string.map { .init(key: $0, value: setting["value"]?.string ?? "") }
    }
    manifest = row["manifest"].text
  }
}
