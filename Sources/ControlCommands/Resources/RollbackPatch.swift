import DeploymentKinds
import ResourceModel
import WireFormats

/// What `rollback` writes: the release of an earlier attempt in place of the present one. A pure decision.
enum RollbackPatch {
  enum Target: Hashable {
    /// The newest version that ran well before the present one.
    case previous
    case revision(Int64)
    case version(String)
  }

  typealias Entry = DesiredDeploymentStatus.HistoryEntry

  /// The attempt to return to.
  static func entry(_ target: Target, of object: DesiredDeployment) throws(CommandFailure) -> Entry {
    // Only what once ran in health has a revision.
    let candidates = (object.status?.history ?? []).filter { $0.revision != nil && $0.outcome != .failed }
    let found: Entry? =
      switch target {
      case .revision(let revision): candidates.first { $0.revision == revision }
      case .version(let version): candidates.first { $0.release.version == version }
      case .previous: candidates.first { $0.release.version != object.spec.version }
      }
    if let found { return found }
    let known = candidates.map { "\($0.revision ?? 0) (\($0.release.version))" }.joined(separator: ", ")
    let wanted =
      switch target {
      case .revision(let revision): "revision \(revision) is not in the history"
      case .version(let version): "version \(printable(version)) is not among those that ran well"
      case .previous: "no earlier version ran well"
      }
    throw CommandFailure(
      "\(object.metadata.name) cannot be rolled back: \(wanted)",
      hint: known.isEmpty ? nil : "There are the revisions \(printable(known)).")
  }

  /// - Returns: a merge patch over exactly the version of `object` that was read. It also removes what would keep the
  ///   rollback from starting, a schedule, and the settings that came with the newer release.
  static func patch(to entry: Entry, of object: DesiredDeployment) -> JSONValue {
    var patch: JSONValue = ["spec": spec(to: entry, of: object)]
    if let version = object.metadata.resourceVersion { patch["metadata"] = ["resourceVersion": .string(version)] }
    return patch
  }

  /// What a manifest means for a rollback that stands in the object: one that names another release than when it was last
  /// applied ends it; one that is as it was then is older than the rollback, and must not undo it in passing.
  enum Standing: Hashable {
    case none
    case ended
    case newerThanManifest(revision: Int64)
  }

  static func standing(lastApplied: JSONValue?, manifest: JSONValue, live: JSONValue) -> Standing {
    guard manifest["kind"]?.string == DesiredDeploymentKind.names.kind,
      let revision = live["spec"]?["rollbackTo"]?["revision"]?.integer, let wanted = manifest["spec"]?.object,
      wanted["rollbackTo"] == nil, wanted["version"] != nil
    else { return .none }
    let isAnother = ["version", "artifact", "manifest"].contains { wanted[$0] != lastApplied?["spec"]?[$0] }
    return isAnother ? .ended : .newerThanManifest(revision: revision)
  }

  /// The revision to which a deployment was rolled back where a manifest names a release beside it: both cannot stand in one
  /// spec, and a manager that applies removes nothing that is another's.
  static func revision(of live: JSONValue, withheldFrom manifest: JSONValue) -> Int64? {
    switch standing(lastApplied: nil, manifest: manifest, live: live) {
    case .none: nil
    case .ended, .newerThanManifest: live["spec"]?["rollbackTo"]?["revision"]?.integer
    }
  }

  private static func spec(to entry: Entry, of object: DesiredDeployment) -> JSONValue {
    let release = entry.release
    if release.releaseManifestSha256 != nil, let revision = entry.revision {
      // Its Agent has kept what the vendor signed, and goes back to what ran, not to an older release from outside.
      return [
        "rollbackTo": ["revision": .integer(revision)], "version": .null, "artifact": .null, "manifest": .null,
        "imageTags": .null, "schedule": .null, "newNonEssentialEnvs": .null,
      ]
    }
    var spec: JSONValue = [
      "version": .string(release.version), "rollbackTo": .null, "schedule": .null, "newNonEssentialEnvs": .null,
      "manifest": .null,
    ]
    spec["artifact"] = ["path": .string(release.artifact.path), "sha256": .string(release.artifact.sha256)]
    // In a merge patch a tag that is not mentioned would stay.
    var tags: [String: JSONValue] = (object.spec.imageTags ?? [:]).mapValues { _ in .null }
    for (service, tag) in release.imageTags ?? [:] { tags[service] = .string(tag) }
    spec["imageTags"] = release.imageTags == nil ? .null : .object(tags)
    let path = release.configPath.map(JSONValue.string) ?? .null
    switch object.spec.runtime {
    case .compose: spec["compose"] = ["envPath": path]
    case .helm: spec["helm"] = ["valuesPath": path]
    }
    return spec
  }
}
