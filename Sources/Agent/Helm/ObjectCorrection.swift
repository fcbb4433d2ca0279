import DeploymentKinds
import ResourceClient
import ResourceModel
import WireFormats

/// Brings one object back to what the manifest says, with what Helm knows its own by.
///
/// It is applied on the server's side, so that what a later chart leaves out has no other owner. An apply takes nothing of
/// another owner away, and refuses what is given twice: what it leaves or refuses is put right as a change of just the
/// fields that differ.
struct ObjectCorrection {
  struct Refusal {
    var paths: Set<[String]>
    var failure: RuntimeFailure
  }

  /// Helm's own: a field that a later chart leaves out must not stay for having another owner.
  static let fieldManager = "helm"

  static func options(isDryRun: Bool) -> WriteOptions { WriteOptions(isDryRun: isDryRun, fieldManager: fieldManager) }

  let cluster: ClusterObjects
  let object: ManifestObject
  let target: RuntimeTarget

  /// Makes an object that is missing.
  /// - Returns: nil; the form is that of `putRight`.
  func make() async throws(RuntimeFailure) -> Refusal? {
    let (names, key) = try await resource()
    do throws(ResourceClientError) {
      if try await apply(names, key, over: nil) != nil { return nil }
      do throws(ResourceClientError) {
        _ = try await cluster.client.create(
          names, namespace: key.namespace, wanted(over: nil).withoutNulls,
          options: Self.options(isDryRun: false))
      } catch {
        // It was there, but not marked as Helm's, so that it was not seen.
        guard error.reason == .alreadyExists else { throw error }
        try await change(names, key, only: nil)
      }
    } catch {
      throw failure(error)
    }
    return nil
  }

  /// - Parameter paths: the fields that have drifted.
  /// - Returns: the fields that the cluster refuses to change; nil where it took all.
  func putRight(_ paths: Set<[String]>) async throws(RuntimeFailure) -> Refusal? {
    let (names, key) = try await resource()
    do throws(ResourceClientError) {
      let live = try await cluster.client.get(names, key)
      if let applied = try await apply(names, key, over: live) {
        let rest = ManifestComparison(object, applied, ignoring: target.driftIgnore, only: paths)
        if rest.differences.isEmpty { return nil }
      }
      do throws(ResourceClientError) {
        try await change(names, key, only: paths)
        return nil
      } catch {
        guard error.reason == .invalid, paths.count > 1 else { throw error }
      }
      var refusal: Refusal?
      for path in paths.sorted(by: { $0.lexicographicallyPrecedes($1) }) {
        do throws(ResourceClientError) {
          try await change(names, key, only: [path])
        } catch {
          guard error.reason == .invalid else { throw error }
          refusal = refusal ?? Refusal(paths: [], failure: failure(error))
          refusal?.paths.insert(path)
        }
      }
      return refusal
    } catch {
      throw failure(error)
    }
  }

  /// - Returns: nil where the server refuses an apply of this.
  private func apply(
    _ names: ResourceNames, _ key: ObjectKey, over live: JSONValue?
  ) async throws(ResourceClientError) -> JSONValue? {
    do throws(ResourceClientError) {
      return try await cluster.client.apply(
        names, key, wanted(over: live), fieldManager: Self.fieldManager, force: true)
    } catch {
      guard error.isAnswer, error.reason != .forbidden else { throw error }
      return nil
    }
  }

  private func change(
    _ names: ResourceNames, _ key: ObjectKey, only paths: Set<[String]>?
  ) async throws(ResourceClientError) {
    for attempt in 1... {
      let live = try await cluster.client.get(names, key)
      var wanted = ManifestComparison(object, live, ignoring: target.driftIgnore, only: paths).wanted
      if paths == nil { wanted = marked(wanted) }
      var patch = live.mergePatch(to: wanted)
      if patch == [:] { return }
      // Lists are written whole, so only over what was read.
      patch["metadata"] = patch["metadata"] ?? [:]
      patch["metadata"]?["resourceVersion"] = live["metadata"]?["resourceVersion"]
      do throws(ResourceClientError) {
        _ = try await cluster.client.mergePatch(names, key, patch, options: Self.options(isDryRun: false))
        return
      } catch {
        guard error.isConflict, attempt < 5 else { throw error }
      }
    }
  }

  private func resource() async throws(RuntimeFailure) -> (ResourceNames, ObjectKey) {
    if let resource = try await cluster.resource(of: object) { return resource }
    throw RuntimeFailure(
      kind: .transient, reason: RuntimeFailure.unknownKind,
      message: "\(object.title) is missing, and the cluster serves no \(object.kind) of \(object.apiVersion) any more. "
        + "Install its CustomResourceDefinition again")
  }

  private func failure(_ error: ResourceClientError) -> RuntimeFailure {
    guard let refused = error.reason, refused == .invalid || refused == .badRequest else {
      return RuntimeFailure(error, object.title)
    }
    // A refusal may quote what the object holds.
    let detail = object.kind == "Secret" || object.kind == "ConfigMap" ? "" : ": \(error)"
    return RuntimeFailure(
      kind: .transient, reason: "CorrectionRefused",
      message: "The cluster refuses \(object.title) as the release has it\(detail). "
        + "Change it by hand, or name the field in spec.driftIgnore")
  }

  private func wanted(over live: JSONValue?) -> JSONValue {
    var json = object.desired(ignoring: target.driftIgnore, live: live)
    json["status"] = nil
    json["metadata"]?["creationTimestamp"] = nil
    return marked(json)
  }

  /// Helm adds these to all that it makes, beside the manifest; without them it takes an object for somebody else's.
  private func marked(_ json: JSONValue) -> JSONValue {
    var json = json
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
}
