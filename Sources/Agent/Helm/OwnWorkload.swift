import ReleaseManifest
import ResourceClient
import ResourceModel
import WireFormats

/// The Deployment that this very Agent runs in, where that is part of the release.
///
/// Everything else of a release is upgraded first, with the Agent as it is. Only then is the Agent replaced, and the new one
/// confirms the release; while that does not come up, the old one is still there to bring back what was before.
struct OwnWorkload: Sendable, Hashable {
  /// The service's name in `spec.imageTags` (spec §5.5).
  static let service = "agent"

  /// The image that it runs, as its pods' template has it.
  var image: String
  var imageTag: String
  /// Where it was started by digest.
  var digest: String?

  /// Nil for an image without a tag.
  init?(image: String) {
    let reference = ImageReference(image)
    guard let tag = reference.tag else { return nil }
    self.image = image
    imageTag = tag
    digest = reference.digest
  }

  /// Whether it runs already what a release wants it to.
  /// - Parameter signed: the image that the vendor signed for it; nil where it signed none.
  func runs(_ tag: String, _ signed: Manifest.Image?) -> Bool {
    guard tag == imageTag else { return false }
    guard let digest, let signed else { return true }
    return signed.covers(digest)
  }

  /// - Parameter podName: nil for an Agent outside of the cluster.
  /// - Returns: nil where the Agent is no part of the release.
  static func find(
    podName: String?, of target: RuntimeTarget, client: ResourceClient
  ) async throws(RuntimeFailure) -> OwnWorkload? {
    guard let podName else { return nil }
    func owner(_ kind: String, of object: JSONValue) -> ObjectKey? {
      object["metadata"]?["ownerReferences"]?.array?.first { $0["kind"]?.string == kind }?["name"]?.string
        .map { ObjectKey(namespace: target.namespace, name: $0) }
    }
    do throws(ResourceClientError) {
      let pod = try await client.get(
        KubernetesResources.pods, ObjectKey(namespace: target.namespace, name: podName))
      guard let replicaSet = owner("ReplicaSet", of: pod),
        let deployment = owner("Deployment", of: try await client.get(KubernetesResources.replicaSets, replicaSet))
      else { return nil }
      let live = try await client.get(KubernetesResources.deployments, deployment)
      guard live["metadata"]?["annotations"]?["meta.helm.sh/release-name"]?.string == target.name,
        let image = live["spec"]?["template"]?["spec"]?["containers"]?.array?.first?["image"]?.string
      else { return nil }
      return OwnWorkload(image: image)
    } catch {
      // Another namespace's pod, for one.
      if error.isNotFound { return nil }
      throw RuntimeFailure(error, "the Agent's own pod \(target.namespace)/\(podName)")
    }
  }
}
