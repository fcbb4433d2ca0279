import DeploymentPlanning
import ResourceClient
import ResourceModel
import Synchronization
import WireFormats
import YAMLDocuments

/// The releases in a cluster's Secrets: what they say, and what becomes of one that Helm left in the middle.
final class HelmReleases: Sendable {
  private struct Known {
    var resourceVersion: String
    var record: HelmReleaseRecord
    var manifest: Result<RenderedManifest, RuntimeFailure>
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
  /// - Throws: `ReleaseTooLarge`, which is final, and `ReleaseUnreadable` for a Secret that does not hold a release.
  func record(_ label: RevisionLabel) async throws(RuntimeFailure) -> (HelmReleaseRecord, RenderedManifest)? {
    guard let known = try await known(label) else { return nil }
    return (known.record, try known.manifest.get())
  }

  /// What Helm says of a revision; nil where its Secret is gone.
  /// - Throws: as `record`, but whatever the size of its manifest.
  func summary(_ label: RevisionLabel) async throws(RuntimeFailure) -> HelmReleaseRecord? {
    try await known(label)?.record
  }

  /// As `record`; nil also for a revision that cannot be read.
  func readable(_ label: RevisionLabel) async throws(RuntimeFailure) -> (HelmReleaseRecord, RenderedManifest)? {
    do throws(RuntimeFailure) {
      return try await record(label)
    } catch {
      if error.isOfUnreadableRelease { return nil }
      throw error
    }
  }

  private func known(_ label: RevisionLabel) async throws(RuntimeFailure) -> Known? {
    let key = ObjectKey(namespace: label.secret.namespace, name: label.release)
    if let known = known.withLock({ $0[key] }), known.record.revision.number == label.number,
      known.resourceVersion == label.resourceVersion
    {
      return known
    }
    guard let secret = try await secret(label) else { return nil }
    let record = try Self.record(of: secret, label)
    let found = Known(
      resourceVersion: secret["metadata"]?["resourceVersion"]?.string ?? "", record: record,
      manifest: Self.manifest(of: record, label))
    known.withLock { $0[key] = found }
    return found
  }

  private static func manifest(
    of record: HelmReleaseRecord, _ label: RevisionLabel
  ) -> Result<RenderedManifest, RuntimeFailure> {
    let count = record.manifest.utf8.count
    if count > RenderedManifest.maximumByteCount {
      return .failure(
        .releaseTooLarge("The manifest of the Helm release, revision \(label.number), has \(count >> 20) MiB"))
    }
    do throws(YAMLError) {
      return .success(try RenderedManifest(record.manifest, namespace: label.secret.namespace))
    } catch {
      return .failure(
        .releaseUnreadable("The manifest in Secret \(label.secret) cannot be read: \(error.message)"))
    }
  }

  /// Marks a revision that a Helm process left in the middle as failed, so that the next one can work.
  func release(_ label: RevisionLabel, because reason: String) async throws(RuntimeFailure) {
    try await rewrite(label) { record in
      let status = record.revision.status
      // Where only the label says so, only the label is wrong.
      guard status.isPending || label.status != status else { return nil }
      return status.isPending ? (.failed, reason) : (status, record.description)
    }
  }

  /// Writes down what has become of a revision since Helm has.
  /// - Parameter reason: nil to leave what Helm says of it.
  func mark(
    _ label: RevisionLabel, _ status: HelmObservation.Status, because reason: String?
  ) async throws(RuntimeFailure) {
    try await rewrite(label) { (status, reason ?? $0.description) }
  }

  private func rewrite(
    _ label: RevisionLabel,
    _ change: (HelmReleaseRecord) -> (status: HelmObservation.Status, description: String)?
  ) async throws(RuntimeFailure) {
    guard let secret = try await secret(label) else { return }
    let record = try Self.record(of: secret, label)
    guard let (status, description) = change(record) else { return }
    let changed: JSONValue
    do throws(HelmRecordError) {
      changed = try record.marked(status, description, in: secret)
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

  /// Removes the Secret of a revision that not even Helm can read: Helm does not count it, and fails to make the next
  /// revision under its number.
  func remove(_ label: RevisionLabel) async throws(RuntimeFailure) {
    do throws(ResourceClientError) {
      try await client.delete(KubernetesResources.secrets, label.secret)
    } catch {
      if !error.isNotFound { throw RuntimeFailure(error, "the Secret \(label.secret)") }
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
    if error.isTooLarge {
      return .releaseTooLarge(
        "Revision \(label.number) of the Helm release, with chart, values and manifest, has more than "
          + "\(HelmReleaseRecord.maximumByteCount >> 20) MiB")
    }
    return .releaseUnreadable(
      "The Secret \(label.secret) cannot be read as a Helm release: \(error.message)")
  }
}

extension RuntimeFailure {
  static func releaseTooLarge(_ what: String) -> RuntimeFailure {
    RuntimeFailure(
      kind: .permanent, reason: "ReleaseTooLarge",
      message: "\(what); the Agent looks after manifests of up to \(RenderedManifest.maximumByteCount >> 20) MiB: "
        + "divide the chart")
  }

  fileprivate static func releaseUnreadable(_ message: String) -> RuntimeFailure {
    RuntimeFailure(kind: .transient, reason: "ReleaseUnreadable", message: message)
  }

  /// True where a revision's Secret was found, but not what it deployed.
  var isOfUnreadableRelease: Bool { reason == "ReleaseTooLarge" || reason == "ReleaseUnreadable" }
}
