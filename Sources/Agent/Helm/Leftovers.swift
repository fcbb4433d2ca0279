import DeploymentKinds
import DeploymentPlanning
import Logging
import ResourceClient
import ResourceModel
import WireFormats

/// What versions that failed have left in the cluster, besides what the release has now. Helm looks back at one revision
/// only, the last that was deployed or the newest, so it removes neither the objects nor the fields of the others.
struct Leftovers: Sendable {
  let runtime: HelmRuntime
  let target: RuntimeTarget

  /// Removes what the failed revisions since the last good one had made.
  /// - Returns: what stays, in words.
  func removed(by own: NewestRevision) async throws(RuntimeFailure) -> [String] {
    let failed = try await failedManifests(before: own.label)
    var remnants: [String] = []
    for object in Self.objects(of: failed, besides: own.manifest) {
      if let remnant = try await remove(object) { remnants.append(remnant) }
    }
    for object in own.manifest.objects {
      let former = failed.flatMap(\.objects).filter { $0.identity == object.identity }
      let isOtherwise = former.contains { Self.sets($0.desired, moreThan: object.desired) }
      if isOtherwise, let remnant = try await removeFields(of: former, from: object) { remnants.append(remnant) }
    }
    return remnants
  }

  private func failedManifests(before own: RevisionLabel) async throws(RuntimeFailure) -> [RenderedManifest] {
    let revisions = try await runtime.releases.revisions(release: target.name, namespace: target.namespace)
    var manifests: [RenderedManifest] = []
    for revision in revisions where revision.number < own.number {
      guard let (record, manifest) = try await runtime.releases.readable(revision) else { continue }
      guard record.neverDeployed else { break }
      manifests.append(manifest)
    }
    return manifests
  }

  // MARK: Objects

  /// Each object that one of the failed versions had and the release has no more, once.
  static func objects(of failed: [RenderedManifest], besides kept: RenderedManifest) -> [ManifestObject] {
    var known = Set(kept.objects.map(\.identity))
    return failed.flatMap(\.objects).filter { known.insert($0.identity).inserted }
  }

  /// What may hold what nobody can make again.
  private static let holdingData: Set<String> = [
    "PersistentVolumeClaim", "PersistentVolume", "Namespace", "CustomResourceDefinition",
  ]

  /// - Returns: why the object stays; nil where it is gone, or is none of the release's.
  private func remove(_ object: ManifestObject) async throws(RuntimeFailure) -> String? {
    guard let (names, key) = try await runtime.cluster.resource(of: object) else { return nil }
    do throws(ResourceClientError) {
      let live = try await runtime.client.get(names, key)
      let metadata = live["metadata"]
      guard isOurs(live), metadata?["deletionTimestamp"] == nil,
        metadata?["annotations"]?["helm.sh/resource-policy"]?.string != "keep"
      else { return nil }
      if Self.holdingData.contains(object.kind) {
        return "\(object.title) of a failed version stays, for it may hold data: delete it where nobody needs it"
      }
      try await runtime.client.delete(
        names, key, options: DeleteOptions(uid: metadata?["uid"]?.string, propagationPolicy: .background))
      runtime.logger.notice(
        "Removed what a failed version left behind",
        metadata: ["release": .string(target.name), "object": .string(object.title)])
      return nil
    } catch {
      if error.isCancellation { throw .stopped }
      return error.isNotFound ? nil : "\(object.title) of a failed version could not be removed: \(error)"
    }
  }

  private func isOurs(_ live: JSONValue) -> Bool {
    let annotations = live["metadata"]?["annotations"]
    return annotations?["meta.helm.sh/release-name"]?.string == target.name
      && annotations?["meta.helm.sh/release-namespace"]?.string == target.namespace
  }

  // MARK: Fields

  private func removeFields(
    of failed: [ManifestObject], from object: ManifestObject
  ) async throws(RuntimeFailure) -> String? {
    guard let (names, key) = try await runtime.cluster.resource(of: object) else { return nil }
    var problem: ResourceClientError?
    // Controllers write into the object, too.
    for _ in 0..<5 {
      do throws(ResourceClientError) {
        let live = try await runtime.client.get(names, key)
        let wanted = object.desired(ignoring: target.driftIgnore, live: live)
        let cleaned = failed.reduce(live) { Self.without(what: $1.desired, setBesides: wanted, in: $0) }
        if cleaned != live { _ = try await runtime.client.replace(names, key, cleaned) }
        return nil
      } catch {
        if error.isCancellation { throw .stopped }
        if error.isNotFound { return nil }
        problem = error
        guard error.isConflict else { break }
      }
    }
    // A refusal may quote what the object holds.
    return "\(object.title) keeps fields of a failed version, for the cluster refuses to remove them "
      + "(\(problem?.reason?.rawValue ?? "no answer"))"
  }

  /// Fields that the release may leave to others, so that what a failed version said of them is no longer its own.
  private static let shared: [[String]] = [["spec", "replicas"], ["status"]]

  static func sets(_ failed: JSONValue, moreThan kept: JSONValue) -> Bool {
    without(what: failed, setBesides: kept, in: failed) != failed
  }

  /// The live object without what a failed version set in it and the release does not, as far as that is still there as it
  /// was set.
  static func without(
    what failed: JSONValue, setBesides kept: JSONValue, in live: JSONValue, at path: [String] = []
  ) -> JSONValue {
    switch (failed, live) {
    case (.object(let members), .object(var others)):
      for (name, value) in members where isLookedAt(path + [name]) {
        guard let other = others[name] else { continue }
        switch kept[name] {
        case nil, .null?:
          others[name] = remainder(of: other, without: value, at: path + [name])
        case let wanted?:
          others[name] = without(what: value, setBesides: wanted, in: other, at: path + [name])
        }
      }
      return .object(others)
    case (.array(let elements), .array(let others)):
      guard let wanted = kept.array, let keys = ListKeys.usual(of: elements),
        ListKeys.usual(of: wanted) != nil || wanted.isEmpty
      else { return live }
      func isSame(_ left: JSONValue, _ right: JSONValue) -> Bool {
        keys.allSatisfy { left[$0] == right[$0] || left[$0] == nil || right[$0] == nil }
      }
      return .array(
        others.compactMap { other in
          guard let element = elements.first(where: { isSame($0, other) }) else { return other }
          guard let wanted = wanted.first(where: { isSame($0, other) }) else {
            return covers(other, element) ? .none : .some(other)
          }
          return without(what: element, setBesides: wanted, in: other, at: path)
        })
    default: return live
    }
  }

  private static func isLookedAt(_ path: [String]) -> Bool {
    // By these Helm knows its own.
    if path.last == "app.kubernetes.io/managed-by" || path.last?.hasPrefix("meta.helm.sh/") == true { return false }
    if path.count == 1 { return !["apiVersion", "kind"].contains(path[0]) && !shared.contains(path) }
    if path[0] == "metadata" { return ["labels", "annotations"].contains(path[1]) }
    return !shared.contains(path)
  }

  /// Members of these are each somebody's own.
  private static let maps: Set<String> = ["labels", "annotations", "data", "binaryData", "nodeSelector"]

  /// What is left of a live member once what a failed version set is taken out of it; nil where nothing is.
  private static func remainder(of live: JSONValue, without failed: JSONValue, at path: [String]) -> JSONValue? {
    guard maps.contains(path.last ?? ""), case .object(let members) = failed, case .object(var others) = live else {
      return covers(live, failed) ? .none : .some(live)
    }
    for (name, value) in members where isLookedAt(path + [name]) && others[name] == value { others[name] = nil }
    return others.isEmpty ? .none : .some(.object(others))
  }

  /// True where a live value still holds all that was set, whatever defaults came beside it.
  private static func covers(_ live: JSONValue, _ failed: JSONValue) -> Bool {
    switch (failed, live) {
    case (.object(let members), .object(let others)):
      members.allSatisfy { name, value in others[name].map { covers($0, value) } ?? (value == .null) }
    case (.array(let elements), .array(let others)):
      elements.count == others.count && zip(others, elements).allSatisfy { covers($0, $1) }
    default: live == failed || (live.amount != nil && live.amount == failed.amount)
    }
  }
}
