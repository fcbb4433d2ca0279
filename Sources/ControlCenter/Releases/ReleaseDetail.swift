import Audit
import Database
import FleetPlanning
import HTTPService
import HTTPTypes
import Hummingbird
import ReleaseManifest
import ResourceModel
import WireFormats

/// A release whole: its artifacts, who signed its manifest, and who did what with it.
struct ReleaseDetail: Sendable {
  let database: any Database
  let manifests: ManifestCheck

  func addRoutes(to router: Router<ServiceContext>) {
    router.endpoint(
      "/api/internal/releases/{version}",
      [
        .get: { request, context in
          try ControlCenterAccess.policy.require(context, request)
          let text = try context.parameters.require("version")
          guard let version = try? ReleaseVersion(text) else {
            throw StatusError(.notFound, "there is no release \"\(ReleaseVersion.shown(text))\"")
          }
          return .json(try await read(version))
        }
      ])
  }

  static let maximumEntries = 100
  private static let actions = [
    "ReleaseCreated", "ReleaseChanged", "ReleasePublished", "ReleaseDeprecated", "ReleaseWithdrawn", "ReleaseDeleted",
    "ArtifactUploaded",
  ].map { "'\($0)'" }.joined(separator: ", ")

  private func read(_ version: ReleaseVersion) async throws -> JSONValue {
    let (release, artifacts, entries) = try await database.transaction(.read) { connection in
      let release = try ReleaseCatalog.require(version, connection)
      let artifacts = try ArtifactRecord.all(of: version, connection)
      // The last of them: what it came to matters more than how it began.
      let rows = try connection.query(
        """
        SELECT at, actor, action FROM audit_entry WHERE object = $1 AND action IN (\(Self.actions))
        ORDER BY sequence DESC LIMIT \(Self.maximumEntries)
        """, [.text(version.text)])
      return (release, artifacts, Array(rows.reversed()))
    }
    var json = release.summary
    json["releaseNotes"] = release.content.releaseNotes.map { .string($0) } ?? .null
    json["artifacts"] = .array(
      artifacts.map { artifact in
        var json = artifact.json
        json["type"] = .string(artifact.key.type.rawValue)
        json["createdAt"] = .string(artifact.createdAt.wholeSeconds.description)
        return json
      })
    json["manifest"] = release.content.manifest.map { signed($0, version) } ?? .null
    json["story"] = .array(
      entries.map {
        [
          "at": .string($0[0].text ?? ""), "by": .string($0[1].text ?? ""), "action": .string($0[2].text ?? ""),
        ]
      })
    return json
  }

  /// Whose keys signed it, and whether this server has verified that.
  private func signed(_ text: String, _ version: ReleaseVersion) -> JSONValue {
    let known = (try? JSONValue(parsing: Array(text.utf8)))?["signatures"]?.array ?? []
    let verified = (try? manifests.manifest(text, version: version)) != nil
    return [
      "keys": .array(known.prefix(20).compactMap { $0["keyid"]?.string.map { JSONValue.string($0) } }),
      "isVerified": .bool(manifests.trustRoot != nil && verified), "isChecked": .bool(manifests.trustRoot != nil),
      "text": .string(text),
    ]
  }
}
