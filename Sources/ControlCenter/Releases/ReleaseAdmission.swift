import Database
import FleetKinds
import FleetPlanning
import ResourceModel
import ResourceStorage
import WireFormats

/// The store as people and programs write to it through the resource API: a release that is published as an object is what
/// `release publish` makes of it, or it is refused for the same reasons; and a rollout that was previewed is made only as it was shown.
struct ReleaseAdmission: ResourceStore {
  let store: SQLResourceStore
  let database: any Database
  let catalog: ReleaseCatalog
  let preview: RolloutPreview

  func get(_ kind: ResourceDefinition, _ key: ObjectKey) async throws -> StoredObject? {
    try await store.get(kind, key)
  }

  func list(_ kind: ResourceDefinition, _ query: ListQuery) async throws -> ListPage {
    try await store.list(kind, query)
  }

  func watch(
    _ kind: ResourceDefinition, namespace: String?, selector: ObjectSelector, after revision: Int64
  ) async throws -> AsyncThrowingStream<ObjectChange, any Error> {
    try await store.watch(kind, namespace: namespace, selector: selector, after: revision)
  }

  func currentRevision() async throws -> Int64 { try await store.currentRevision() }

  func write(
    _ kind: ResourceDefinition, _ write: ObjectWrite, by origin: WriteOrigin?
  ) async throws -> StoredObject {
    if kind.names == RolloutKind.names {
      return try await store.write(kind, try await admitted(write), by: origin)
    }
    guard kind.names == ReleaseKind.names, let (object, version) = Self.published(write) else {
      return try await store.write(kind, write, by: origin)
    }
    while true {
      let (before, artifacts) = try await database.transaction(.read) { connection in
        (try ReleaseRecord.find(version, connection), try ArtifactRecord.all(of: version, connection))
      }
      // What was published is so already.
      if before?.isFrozen == true { return try await store.write(kind, write, by: origin) }
      do {
        try await catalog.requireObjects(of: artifacts)
        let stored = try await database.transaction(.write) { connection in
          try publish(object, version, write, by: origin, with: artifacts, connection)
        }
        if let stored { return stored }
      } catch let error as StatusError where error.reason == .conflict && error.message != Self.changed {
        // Not a conflict of two writers, after which the same would be tried again.
        throw StatusError(.invalid, error.message, causes: [.invalid("spec.state", "Published", error.message)])
      }
    }
  }

  /// A rollout's write, where it says that it was previewed.
  private func admitted(_ write: ObjectWrite) async throws -> ObjectWrite {
    switch write {
    case .create(let object):
      guard let digest = object["metadata"]?["annotations"]?[PlanDigest.annotation]?.string else { return write }
      try await preview.requirePlan(digest, of: object)
      return write
    case .update(let object, let expected):
      guard object["metadata"]?["annotations"]?[PlanDigest.annotation] != nil,
        let name = object["metadata"]?["name"]?.string,
        let stored = try await store.get(RolloutKind.definition, ObjectKey(namespace: "", name: name)),
        // One of another revision is refused as a conflict.
        stored.revision == expected
      else { return write }
      return .update(
        object: try RolloutPreview.withoutStaleDigest(object, over: try stored.value()), expected: expected)
    case .remove: return write
    }
  }

  private static let changed = "the release was changed in the meantime"

  /// The object and its version, where the write would make it a published release.
  private static func published(_ write: ObjectWrite) -> (JSONValue, ReleaseVersion)? {
    let object: JSONValue
    switch write {
    case .create(let created): object = created
    case .update(let updated, _): object = updated
    case .remove: return nil
    }
    guard object["spec"]?["state"]?.string == ReleaseState.published.rawValue, object["spec"]?["withdrawn"] != true,
      let version = object["metadata"]?["name"]?.string.flatMap({ try? ReleaseVersion($0) })
    else { return nil }
    return (object, version)
  }

  /// - Returns: nil where the artifacts have changed.
  private func publish(
    _ object: JSONValue, _ version: ReleaseVersion, _ write: ObjectWrite, by origin: WriteOrigin?,
    with artifacts: [ArtifactRecord], _ connection: any SQLConnection
  ) throws -> StoredObject? {
    try VersionLock.take(version, connection)
    guard
      let manifest = try catalog.requirePublishable(
        version, object["spec"]?["manifest"]?.string, with: artifacts, connection)
    else { return nil }
    var object = object
    var spec = object["spec"] ?? [:]
    spec["manifest"] = manifest.text.map { .string($0) }
    var digests: JSONValue = [:]
    for artifact in artifacts { digests[Self.field(artifact.key.type)] = .string(artifact.sha256) }
    for (field, digest) in spec["artifacts"]?.object ?? [:] where digests[field] != digest {
      throw StatusError(
        .conflict,
        "spec.artifacts.\(field) is not the digest of what was uploaded; leave it out, or upload what it names")
    }
    spec["artifacts"] = digests
    object["spec"] = spec
    let request: ObjectWrite =
      if case .update(_, let expected) = write { .update(object: object, expected: expected) } else {
        .create(object: object)
      }
    switch try store.write(ReleaseKind.definition, [request], by: origin, in: connection)[0] {
    case .success(let stored): return stored
    case .failure(let error) where error.reason == .conflict: throw StatusError(.conflict, Self.changed)
    case .failure(let error): throw error
    }
  }

  private static func field(_ type: ArtifactType) -> String {
    switch type {
    case .helm: "helmSha256"
    case .compose: "composeSha256"
    }
  }
}
