import DeploymentPlanning
import ResourceClient
import ResourceModel
import Synchronization
import WireFormats
import YAMLDocuments

/// The releases in a cluster's Secrets: what they say, and the letting go of one that was left in the middle.
final class HelmReleases: Sendable {
  private struct Known {
    var resourceVersion: String
    var record: HelmReleaseRecord
    var manifest: ReleaseManifest
  }

  private let client: ResourceClient
  /// One revision of each release: the one last looked at.
  private let known = Mutex<[ObjectKey: Known]>([:])

  init(client: ResourceClient) { self.client = client }

  /// The revisions as the API server has them now, the newest first.
  func revisions(release: String, namespace: String) async throws(RuntimeFailure) -> [RevisionLabel] {
    do throws(ResourceClientError) {
      let secrets = try await client.list(
        KubernetesResources.secrets, namespace: namespace,
        selector: ObjectSelector(labels: [.equals(key: "owner", value: "helm"), .equals(key: "name", value: release)]),
        representation: .metadata)
      return RevisionLabel.newestFirst(secrets.items, of: release)
    } catch {
      throw RuntimeFailure(error, "the Secrets of namespace \(namespace)")
    }
  }

  /// A revision's record and manifest; nil where its Secret is gone. One that was not changed is not read twice in a row.
  func record(_ label: RevisionLabel) async throws(RuntimeFailure) -> (HelmReleaseRecord, ReleaseManifest)? {
    let key = ObjectKey(namespace: label.secret.namespace, name: label.release)
    if let known = known.withLock({ $0[key] }), known.record.revision.number == label.number,
      known.resourceVersion == label.resourceVersion
    {
      return (known.record, known.manifest)
    }
    guard let secret = try await secret(label) else { return nil }
    let record = try Self.record(of: secret, label)
    let manifest: ReleaseManifest
    do throws(YAMLError) {
      manifest = try ReleaseManifest(record.manifest, namespace: label.secret.namespace)
    } catch {
      throw RuntimeFailure(
        kind: .transient, reason: "ReleaseUnreadable",
        message: "The manifest in Secret \(label.secret) cannot be read: \(error.message)")
    }
    known.withLock {
      $0[key] = Known(
        resourceVersion: secret["metadata"]?["resourceVersion"]?.string ?? "", record: record, manifest: manifest)
    }
    return (record, manifest)
  }

  /// Marks a revision that a Helm process left in the middle as failed, so that the next one can work.
  func letGo(_ label: RevisionLabel, because reason: String) async throws(RuntimeFailure) {
    guard let secret = try await secret(label) else { return }
    let record = try Self.record(of: secret, label)
    let status = record.revision.status
    // Where only the label says so, only the label is wrong.
    guard status.isPending || label.status != status else { return }
    let changed: JSONValue
    do throws(HelmRecordError) {
      changed = try record.marked(
        status.isPending ? .failed : status, status.isPending ? reason : record.description, in: secret)
    } catch {
      throw Self.unreadable(label, error)
    }
    do throws(ResourceClientError) {
      _ = try await client.replace(KubernetesResources.secrets, label.secret, changed)
    } catch {
      // Another writer means that Helm goes on after all: the next look shows it.
      if !error.isConflict && !error.isNotFound { throw RuntimeFailure(error, "the Secret \(label.secret)") }
    }
  }

  private func secret(_ label: RevisionLabel) async throws(RuntimeFailure) -> JSONValue? {
    do throws(ResourceClientError) {
      return try await client.get(KubernetesResources.secrets, label.secret)
    } catch {
      if error.isNotFound { return nil }
      throw RuntimeFailure(error, "the Secret \(label.secret)")
    }
  }

  private static func record(of secret: JSONValue, _ label: RevisionLabel) throws(RuntimeFailure) -> HelmReleaseRecord {
    do throws(HelmRecordError) {
      return try HelmReleaseRecord(secret: secret)
    } catch {
      throw unreadable(label, error)
    }
  }

  private static func unreadable(_ label: RevisionLabel, _ error: HelmRecordError) -> RuntimeFailure {
    RuntimeFailure(
      kind: .transient, reason: "ReleaseUnreadable",
      message: "The Secret \(label.secret) cannot be read as a Helm release: \(error.message)")
  }
}
