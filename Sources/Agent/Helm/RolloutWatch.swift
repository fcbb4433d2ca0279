import DeploymentPlanning
import Logging
import ReleaseManifest
import ResourceClient
import ResourceModel
import Synchronization
import WireFormats

/// Looks at the workloads of a release and their pods while they are being brought up, through watches that end with it.
final class RolloutWatch: Sendable {
  private let cluster: ClusterObjects
  private let target: RuntimeTarget
  private let pods: Informer<JSONValue>
  private let replicaSets: Informer<JSONValue>
  private let tasks: [Task<Void, Never>]
  /// How often the containers of the pods that were there before had been restarted, by the pods' names.
  private let former = Mutex<[String: Int64]>([:])
  /// Yields when a pod or a workload has changed.
  let wakeups: AsyncStream<Void>

  init(cluster: ClusterObjects, target: RuntimeTarget, logger: Logger) {
    self.cluster = cluster
    self.target = target
    let (wakeups, signal) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    self.wakeups = wakeups
    let informers = [KubernetesResources.pods, KubernetesResources.replicaSets].map { names in
      Informer<JSONValue>(
        names, client: cluster.client, namespace: target.namespace, decode: ClusterObjects.trimmed, logger: logger)
    }
    (pods, replicaSets) = (informers[0], informers[1])
    let changes = cluster.changes(release: target.name, namespace: target.namespace)
    tasks =
      informers.flatMap { informer in
        [Task { await informer.run() }, Task { for await _ in informer.changes { signal.yield() } }]
      } + [
        Task {
          for await _ in changes { signal.yield() }
          signal.finish()
        }
      ]
  }

  deinit { stop() }

  func stop() { for task in tasks { task.cancel() } }

  /// Remembers the pods that are there: what is the matter with them is not the fault of what comes now.
  func begin() async throws(RuntimeFailure) {
    try await synced()
    let restarts = pods.objects.values.map { pod in
      let statuses = pod["status"]?["containerStatuses"]?.array ?? []
      return (pod["metadata"]?["name"]?.string ?? "", statuses.compactMap { $0["restartCount"]?.integer }.max() ?? 0)
    }
    former.withLock { $0 = Dictionary(restarts) { first, _ in first } }
  }

  /// Nil for a pod that came since `begin`.
  func formerRestarts(ofPod name: String) -> Int64? { former.withLock { $0[name] } }

  private func synced() async throws(RuntimeFailure) {
    for informer in [pods, replicaSets] where !informer.hasSynced {
      let problem: ResourceClientError?
      do { problem = try await informer.waitForSyncOrProblem() } catch { throw .stopped }
      if let problem { throw RuntimeFailure(problem, "pods and replicasets of namespace \(target.namespace)") }
    }
  }

  /// True while pods or the release cannot be watched for want of an answer: what is known of them may be old.
  var isOut: Bool {
    [pods, replicaSets].contains { $0.problem?.isTransient == true } || cluster.isOut(namespace: target.namespace)
  }

  /// The workloads of a revision, and the hooks that run containers.
  func assessment(
    of revision: NewestRevision, includingHooks: Bool
  ) async throws(RuntimeFailure) -> RolloutAssessment {
    try await synced()
    let live = try await cluster.live(revision.manifest.workloads)
    let workloads = workloads(revision.manifest, live)
    return RolloutAssessment((includingHooks ? hooks(revision.record) : []) + workloads)
  }

  private func workloads(_ manifest: RenderedManifest, _ live: [JSONValue?]) -> [RolloutAssessment.Workload] {
    zip(manifest.workloads, live).map { object, live in
      RolloutAssessment.Workload(
        object: object, live: live, pods: pods(of: object, live: live),
        arePodsVisible: object.namespace == target.namespace)
    }
  }

  /// Jobs of hooks are known by their pods: Helm does not label hooks as its own.
  private func hooks(_ record: HelmReleaseRecord) -> [RolloutAssessment.Workload] {
    record.hooks.filter { $0.kind == WorkloadKind.job.rawValue }.compactMap { hook in
      let own = pods(of: hook).filter { $0["metadata"]?["deletionTimestamp"] == nil }
      let json: JSONValue = ["apiVersion": "batch/v1", "kind": "Job", "metadata": ["name": .string(hook.name)]]
      guard let object = ManifestObject(json, namespace: target.namespace), !own.isEmpty else { return nil }
      let succeeded = own.contains { $0["status"]?["phase"]?.string == "Succeeded" }
      let live: JSONValue = [
        "status": [
          "succeeded": succeeded ? 1 : 0, "conditions": succeeded ? [["type": "Complete", "status": "True"]] : [],
        ]
      ]
      return RolloutAssessment.Workload(object: object, live: live, pods: own)
    }
  }

  /// Those that came since `begin`.
  private func pods(of hook: HelmReleaseRecord.Hook) -> [JSONValue] {
    pods.objects.values.filter { pod in
      let name = pod["metadata"]?["name"]?.string ?? ""
      let isOwn =
        hook.kind == "Pod" ? name == hook.name : pod["metadata"]?["labels"]?["job-name"]?.string == hook.name
      return isOwn && formerRestarts(ofPod: name) == nil
    }
  }

  /// The pods of a workload's newest template that are not going away.
  /// - Returns: nil while the workload is not what the manifest says, or its controller has not seen that: the pods that
  ///   there are belong to what was before.
  private func pods(of object: ManifestObject, live: JSONValue?) -> [JSONValue]? {
    guard let live, ManifestComparison.differences(of: object, from: live, ignoring: target.driftIgnore).isEmpty
    else { return nil }
    return ownedPods(of: object, live: live)
  }

  /// As `pods`, whether or not the workload is in all what the manifest says.
  private func ownedPods(of object: ManifestObject, live: JSONValue) -> [JSONValue]? {
    guard object.namespace == target.namespace, let uid = live["metadata"]?["uid"]?.string,
      live["metadata"]?["generation"] == live["status"]?["observedGeneration"]
        || WorkloadKind(object) == .job
    else { return nil }
    let owner: String
    if WorkloadKind(object) == .deployment {
      let revision = live["metadata"]?["annotations"]?["deployment.kubernetes.io/revision"]
      let newest = replicaSets.objects.values.first { set in
        Self.isOwned(set, by: uid) && set["metadata"]?["annotations"]?["deployment.kubernetes.io/revision"] == revision
      }
      guard let set = newest?["metadata"]?["uid"]?.string else { return nil }
      owner = set
    } else {
      owner = uid
    }
    let updateRevision = live["status"]?["updateRevision"]?.string
    return pods.objects.values.filter { pod in
      guard Self.isOwned(pod, by: owner), pod["metadata"]?["deletionTimestamp"] == nil else { return false }
      return updateRevision == nil
        || pod["metadata"]?["labels"]?["controller-revision-hash"]?.string == updateRevision
    }
  }

  /// What of the release besides its workloads Helm waits for, and what it says of itself.
  func unready(of revision: NewestRevision) async -> [UnreadyObject] {
    let objects = revision.manifest.objects.filter { UnreadyObject.kinds.contains($0.kind) && $0.apiVersion == "v1" }
    guard let live = try? await cluster.live(objects) else { return [] }
    return zip(objects, live).compactMap { UnreadyObject($0, live: $1) }
  }

  private static func isOwned(_ object: JSONValue, by uid: String) -> Bool {
    object["metadata"]?["ownerReferences"]?.array?.contains { $0["uid"]?.string == uid } == true
  }
}

extension RolloutWatch {
  /// The containers of a revision's pods that the release itself declares, and what they run: what the cluster put into the
  /// pods besides is the cluster's own.
  /// - Parameter isFinal: false while pods of what was before may still be there, so that only those count that are known to
  ///   be of the newest template.
  func runningImages(of revision: NewestRevision, isFinal: Bool) async throws(RuntimeFailure) -> [RunningImage] {
    try await synced()
    var found: [RunningImage] = []
    let objects = revision.manifest.objects.filter { WorkloadKind($0) != nil || (isFinal && Self.runsPods($0)) }
    for (object, live) in zip(objects, try await cluster.live(objects)) {
      guard let live else { continue }
      let declared = ImageUse.all(in: object.json)
      found += podsToCompare(of: object, live: live, isFinal: isFinal).flatMap { Self.running($0, declared) }
    }
    return found
  }

  /// Kinds besides the workloads whose pods are known by what owns them.
  private static func runsPods(_ object: ManifestObject) -> Bool {
    switch object.kind {
    case "Pod", "ReplicationController": object.apiVersion == "v1"
    case "ReplicaSet": object.apiVersion.hasPrefix("apps/")
    default: false
    }
  }

  private func podsToCompare(of object: ManifestObject, live: JSONValue, isFinal: Bool) -> [JSONValue] {
    switch WorkloadKind(object) {
    case .deployment, .statefulSet, .job:
      return (isFinal ? ownedPods(of: object, live: live) : pods(of: object, live: live)) ?? []
    case .daemonSet:
      // Its pods do not say whether they are of the newest template: those of the former are gone in the end, but for such
      // as somebody replaces by hand.
      guard isFinal else { return [] }
      let images = ImageUse.all(in: object.json).map(\.image)
      return (ownedPods(of: object, live: live) ?? []).filter { pod in
        ImageUse.all(in: pod).contains { images.contains($0.image) }
      }
    case nil where object.kind == "Pod": return [live]
    case nil: return ownedPods(of: object, live: live) ?? []
    }
  }

  private static func running(_ pod: JSONValue, _ declared: [ImageUse]) -> [RunningImage] {
    let lists: [(ImageUse.Kind, String)] = [
      (.initContainer, "initContainerStatuses"), (.container, "containerStatuses"),
    ]
    return lists.flatMap { kind, field in
      (pod["status"]?[field]?.array ?? []).compactMap { container in
        let use = declared.first { $0.kind == kind && $0.name == container["name"]?.string }
        return use.map {
          RunningImage(
            pod: pod["metadata"]?["name"]?.string ?? "", use: $0, imageID: container["imageID"]?.string ?? "")
        }
      }
    }
  }

  /// Service to the digest of the image that its pods run.
  func imageDigests(of revision: NewestRevision) async throws(RuntimeFailure) -> [String: String] {
    var digests: [String: String] = [:]
    for workload in workloads(revision.manifest, try await cluster.live(revision.manifest.workloads)) {
      let labels = workload.object.json["metadata"]?["labels"]
      let service = labels?["app.kubernetes.io/component"]?.string ?? workload.object.name
      let containers = workload.pods?.first?["status"]?["containerStatuses"]?.array ?? []
      for container in containers {
        guard let id = container["imageID"]?.string, let start = id.firstRange(of: "sha256:")?.lowerBound else {
          continue
        }
        let key = containers.count == 1 ? service : "\(service)/\(container["name"]?.string ?? "")"
        digests[key] = String(id[start...])
      }
    }
    return digests
  }
}
