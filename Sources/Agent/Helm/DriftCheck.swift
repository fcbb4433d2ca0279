import DeploymentKinds
import DeploymentPlanning
import ResourceClient
import ResourceModel
import Synchronization
import WireFormats

/// Finds the objects of a release that somebody changed.
///
/// What differs field by field is put to the API server, as an apply that stores nothing: only where that would change the
/// object it has drifted. So no notation of a value and no default is taken for drift, and nothing that admission adds; where
/// the server gives no word, what was compared counts.
final class DriftCheck: Sendable {
  struct Drifted: Sendable {
    var object: ManifestObject
    var live: JSONValue?
    var differences: [HelmObservation.Difference]
  }

  private struct Verdict: Hashable {
    var resourceVersion: String
    var revision: Int64
    var ignored: [JSONPointer]
    var isReal: Bool
  }

  /// Helm's own: a field that a later chart leaves out must not stay for having another owner.
  static let fieldManager = "helm"

  private let cluster: ClusterObjects
  /// The last word of the API server on an object, by its uid.
  private let verdicts = Mutex<[String: Verdict]>([:])
  /// More are forgotten: asking again costs only a request.
  private static let verdictLimit = 1000

  init(cluster: ClusterObjects) { self.cluster = cluster }

  func drifted(
    _ manifest: ReleaseManifest, live: [JSONValue?], of target: RuntimeTarget, revision: Int64
  ) async throws(RuntimeFailure) -> [Drifted] {
    var found: [Drifted] = []
    for (object, live) in zip(manifest.objects, live) {
      let differences = ManifestComparison.differences(of: object, from: live, ignoring: target.driftIgnore)
      guard !differences.isEmpty else { continue }
      if let live, try await !isReal(object, live, target, revision) { continue }
      found.append(Drifted(object: object, live: live, differences: differences))
    }
    return found
  }

  /// Brings one object back to what the manifest says, with what Helm knows its own by.
  func correct(_ drifted: Drifted, of target: RuntimeTarget) async throws(RuntimeFailure) {
    do throws(RuntimeFailure) {
      _ = try await apply(drifted.object, over: drifted.live, of: target, isDryRun: false)
    } catch {
      guard error.reason == Self.refused, drifted.live != nil else { throw error }
      try await replace(drifted, of: target)
    }
  }

  /// Puts what differs in the place of what is there. An apply takes no field of another owner away, so it cannot bring
  /// back one of which there may be only one, as `httpGet` where somebody made it `exec`: the server refuses both.
  private func replace(_ drifted: Drifted, of target: RuntimeTarget) async throws(RuntimeFailure) {
    let (names, key) = try await resource(of: drifted.object)
    do throws(ResourceClientError) {
      let live = try await cluster.client.get(names, key)
      let wanted = Self.applied(drifted.object, over: live, of: target)
      let fields = drifted.differences.compactMap { difference -> JSONPointer? in
        if case .field(let pointer, _, _) = difference.change { JSONPointer(pointer) } else { nil }
      }
      let replaced = fields.reduce(live) { $0.adopting(Self.union(around: $1, in: wanted).tokens[...], from: wanted) }
      _ = try await cluster.client.replace(names, key, replaced)
    } catch {
      throw Self.failure(error, drifted.object)
    }
  }

  /// The list or the object around a field, which go together: the outermost list, where the field is in one, for the live
  /// one may have its elements in other places.
  private static func union(around field: JSONPointer, in wanted: JSONValue) -> JSONPointer {
    for length in field.tokens.indices {
      let place = JSONPointer(tokens: Array(field.tokens.prefix(length)))
      if case .array? = place.value(in: wanted) { return place }
    }
    return field.tokens.count > 2 ? JSONPointer(tokens: field.tokens.dropLast()) : field
  }

  private func isReal(
    _ object: ManifestObject, _ live: JSONValue, _ target: RuntimeTarget, _ revision: Int64
  ) async throws(RuntimeFailure) -> Bool {
    let uid = live["metadata"]?["uid"]?.string ?? ""
    let version = live["metadata"]?["resourceVersion"]?.string ?? ""
    let ignored = object.ignoredPaths(target.driftIgnore)
    if let known = verdicts.withLock({ $0[uid] }), known.resourceVersion == version, known.revision == revision,
      known.ignored == ignored
    {
      return known.isReal
    }
    let isReal: Bool
    do throws(RuntimeFailure) {
      isReal = Self.content(try await apply(object, over: live, of: target, isDryRun: true)) != Self.content(live)
    } catch {
      if error.kind == .cancelled { throw error }
      // Where the server gives no word, what was compared stands.
      return true
    }
    verdicts.withLock { verdicts in
      if verdicts.count >= Self.verdictLimit { verdicts.removeAll() }
      verdicts[uid] = Verdict(resourceVersion: version, revision: revision, ignored: ignored, isReal: isReal)
    }
    return isReal
  }

  private func apply(
    _ object: ManifestObject, over live: JSONValue?, of target: RuntimeTarget, isDryRun: Bool
  ) async throws(RuntimeFailure) -> JSONValue {
    let (names, key) = try await resource(of: object)
    do throws(ResourceClientError) {
      return try await cluster.client.apply(
        names, key, Self.applied(object, over: live, of: target), fieldManager: Self.fieldManager, force: true,
        options: WriteOptions(isDryRun: isDryRun))
    } catch {
      throw Self.failure(error, object)
    }
  }

  private func resource(of object: ManifestObject) async throws(RuntimeFailure) -> (ResourceNames, ObjectKey) {
    if let resource = try await cluster.resource(of: object) { return resource }
    throw RuntimeFailure(
      kind: .transient, reason: "UnknownKind",
      message: "The cluster serves no \(object.kind) of \(object.apiVersion), which the release holds")
  }

  private static let refused = "CorrectionRefused"

  private static func failure(_ error: ResourceClientError, _ object: ManifestObject) -> RuntimeFailure {
    guard error.reason == .invalid else { return RuntimeFailure(error, object.title) }
    // A refusal may quote what the object holds.
    let detail = object.kind == "Secret" || object.kind == "ConfigMap" ? "" : ": \(error)"
    return RuntimeFailure(
      kind: .transient, reason: refused, message: "The cluster refuses \(object.title) as the release has it\(detail)")
  }

  /// Helm adds these to all that it makes, beside the manifest; without them it takes an object for somebody else's.
  private static func applied(
    _ object: ManifestObject, over live: JSONValue?, of target: RuntimeTarget
  ) -> JSONValue {
    var json = object.desired(ignoring: target.driftIgnore, live: live)
    json["status"] = nil
    json["metadata"]?["creationTimestamp"] = nil
    var metadata = json["metadata"] ?? [:]
    var labels = metadata["labels"]?.object ?? [:]
    labels["app.kubernetes.io/managed-by"] = "Helm"
    var annotations = metadata["annotations"]?.object ?? [:]
    annotations["meta.helm.sh/release-name"] = .string(target.name)
    annotations["meta.helm.sh/release-namespace"] = .string(target.namespace)
    metadata["labels"] = .object(labels)
    metadata["annotations"] = .object(annotations)
    json["metadata"] = metadata
    return json
  }

  /// What an apply could change of an object.
  private static func content(_ object: JSONValue) -> JSONValue {
    var object = object
    object["status"] = nil
    for field in ["managedFields", "resourceVersion", "generation", "selfLink"] { object["metadata"]?[field] = nil }
    object["metadata"]?["annotations"]?["kubectl.kubernetes.io/last-applied-configuration"] = nil
    return object
  }
}
