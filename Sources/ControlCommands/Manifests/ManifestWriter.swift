import ResourceClient
import ResourceModel
import WireFormats

/// Brings manifests to the server, for `apply` and, as dry runs, for `diff`.
struct ManifestWriter {
  let client: ResourceClient
  let server: String
  let method: Method

  /// Who merges, and under which name the fields are set.
  enum Method {
    case clientSide(manager: String)
    /// - Parameter isForced: takes fields over from others.
    case serverSide(manager: String, isForced: Bool)
  }

  /// The names of this program in managed fields: its server-side apply, and its other writes.
  static let manager = "wrktalkctl"
  /// A name of its own, so that server-side apply takes over what was applied, and not what was set otherwise.
  static let clientSideManager = "wrktalkctl-client-side-apply"

  enum Outcome: String {
    case created
    case configured
    case unchanged
    case applied = "serverside-applied"
  }

  struct Written {
    var outcome: Outcome
    /// The object before; nil where there was none.
    var before: JSONValue?
    var after: JSONValue
  }

  /// Creates the object, or changes it where it differs from the manifest.
  func apply(_ manifest: Manifest, isDryRun: Bool) async throws(CommandFailure) -> Written {
    let answer: Answer
    do throws(ResourceClientError) {
      switch method {
      case .clientSide(let manager): answer = try await write(manifest, as: manager, isDryRun: isDryRun)
      case .serverSide(let manager, let isForced):
        answer = try await applyOnServer(manifest, as: manager, isForced: isForced, isDryRun: isDryRun)
      }
    } catch {
      throw failure(error, manifest)
    }
    switch answer {
    case .written(let written): return written
    case .rolledBack(let revision):
      throw CommandFailure(
        "\(manifest.file): \(manifest.reference) was rolled back to revision \(revision) since this release was applied",
        hint: isServerSide
          ? "Server-side apply ends no rollback: apply once without --server-side."
          : "Apply a newer release, or write rollbackTo: null under spec to deploy this one all the same.")
    }
  }

  /// Whether the manifest is one, as far as its schema says.
  func check(_ manifest: Manifest) throws(CommandFailure) {
    let definition = manifest.definition
    let unknown = definition.unknownFields(in: manifest.object)
    if !unknown.isEmpty { throw failure(.status(.unknownFields(unknown)), manifest) }
    let invalid = definition.validationErrors(in: definition.applyDefaults(to: manifest.object), old: nil)
    if !invalid.isEmpty {
      throw failure(.status(.invalid(definition.names, manifest.key.name, invalid)), manifest)
    }
  }

  private enum Answer {
    case written(Written)
    /// To this revision, and the manifest is older than that.
    case rolledBack(Int64)
  }

  private var isServerSide: Bool {
    if case .serverSide = method { true } else { false }
  }

  private func write(
    _ manifest: Manifest, as manager: String, isDryRun: Bool
  ) async throws(ResourceClientError) -> Answer {
    let names = manifest.definition.names
    let options = WriteOptions(isDryRun: isDryRun, fieldValidation: .strict, fieldManager: manager)
    let wanted = ThreeWayPatch.annotated(manifest.object)
    var attempts = 0
    while true {
      attempts += 1
      do throws(ResourceClientError) {
        guard let live = try await find(names, manifest.key) else {
          let created = try await client.create(names, namespace: manifest.key.namespace, wanted, options: options)
          return .written(Written(outcome: .created, before: nil, after: created))
        }
        let lastApplied = ThreeWayPatch.lastApplied(of: live)
        var patch = ThreeWayPatch.patch(lastApplied: lastApplied, manifest: wanted, live: live)
        switch RollbackPatch.standing(lastApplied: lastApplied, manifest: manifest.object, live: live) {
        case .none: break
        case .ended: patch["spec"]?["rollbackTo"] = .null
        case .newerThanManifest(let revision): return .rolledBack(revision)
        }
        if patch == .object([:]) { return .written(Written(outcome: .unchanged, before: live, after: live)) }
        let after = try await client.mergePatch(names, manifest.key, patch, options: options)
        return .written(
          Written(outcome: Self.isSame(live, after) ? .unchanged : .configured, before: live, after: after))
      } catch {
        // It was created or removed between the two requests.
        let isRace = error.reason == .alreadyExists || (error.isNotFound && attempts > 1)
        guard isRace, attempts < 3 else { throw error }
      }
    }
  }

  /// Lets the server merge. What the same user applied without that before is taken over afterwards, as `kubectl` does: its
  /// fields are handed to `manager`, and the manifest is applied once more, so that what it does not have any more goes.
  private func applyOnServer(
    _ manifest: Manifest, as manager: String, isForced: Bool, isDryRun: Bool
  ) async throws(ResourceClientError) -> Answer {
    let (names, key) = (manifest.definition.names, manifest.key)
    let options = WriteOptions(isDryRun: isDryRun, fieldValidation: .strict)
    func apply() async throws(ResourceClientError) -> JSONValue {
      try await client.apply(names, key, manifest.object, fieldManager: manager, force: isForced, options: options)
    }
    let before = try await find(names, key)
    if let before, let revision = RollbackPatch.revision(of: before, withheldFrom: manifest.object) {
      return .rolledBack(revision)
    }
    var after = try await apply()
    if !isDryRun, try await handOver(after, names, key, to: manager) { after = try await apply() }
    return .written(Written(outcome: .applied, before: before, after: after))
  }

  /// - Returns: whether there was something to hand over.
  private func handOver(
    _ applied: JSONValue, _ names: ResourceNames, _ key: ObjectKey, to manager: String
  ) async throws(ResourceClientError) -> Bool {
    var live = applied
    for attempt in 1...5 {
      if ClientSideApply.handOver(of: live, to: manager) == nil { return false }
      do throws(ResourceClientError) {
        if manager == Self.manager, let annotation = ClientSideApply.annotationAlone(of: live) {
          // Else it would go with the fields that are handed over: the server keeps it up to date for this name.
          live = try await client.apply(
            names, key, annotation, fieldManager: "\(manager)-last-applied", force: false)
        }
        guard let patch = ClientSideApply.handOver(of: live, to: manager) else { return false }
        _ = try await client.jsonPatch(names, key, patch)
        return true
      } catch {
        guard error.isConflict, attempt < 5 else { throw error }
        live = try await client.get(names, key)
      }
    }
    return false
  }

  private func find(_ names: ResourceNames, _ key: ObjectKey) async throws(ResourceClientError) -> JSONValue? {
    do throws(ResourceClientError) {
      return try await client.get(names, key)
    } catch {
      if error.isNotFound { return nil }
      throw error
    }
  }

  /// True where nothing changed but the annotation that remembers the manifest.
  private static func isSame(_ before: JSONValue, _ after: JSONValue) -> Bool {
    LiveObject.comparable(before) == LiveObject.comparable(after)
  }

  /// A refusal that names fields shows where they stand in the file.
  private func failure(_ error: ResourceClientError, _ manifest: Manifest) -> CommandFailure {
    guard case .status(let status) = error, status.causes.contains(where: { !$0.field.isEmpty }) else {
      let failure = ClientFailureText.failure(error, server: server)
      return CommandFailure("\(manifest.file): \(manifest.reference): \(failure.message)", hint: failure.hint)
    }
    let excerpts = status.causes.map { manifest.origin.excerpt($0) }
    return CommandFailure(
      "\(manifest.reference) is not valid:\n" + excerpts.joined(separator: "\n"))
  }
}
