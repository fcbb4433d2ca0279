import ResourceClient
import ResourceModel
import WireFormats

/// Brings manifests to the server, for `apply` and, as dry runs, for `diff`.
struct ManifestWriter {
  let client: ResourceClient
  let server: String

  enum Outcome: String {
    case created
    case configured
    case unchanged
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
      answer = try await write(manifest, isDryRun: isDryRun)
    } catch {
      throw failure(error, manifest)
    }
    switch answer {
    case .written(let written): return written
    case .rolledBack(let revision):
      throw CommandFailure(
        "\(manifest.file): \(manifest.reference) was rolled back to revision \(revision) since this release was applied",
        hint: "Apply a newer release, or write rollbackTo: null under spec to deploy this one all the same.")
    }
  }

  private enum Answer {
    case written(Written)
    /// To this revision, and the manifest is older than that.
    case rolledBack(Int64)
  }

  private func write(_ manifest: Manifest, isDryRun: Bool) async throws(ResourceClientError) -> Answer {
    let names = manifest.definition.names
    let options = WriteOptions(isDryRun: isDryRun, fieldValidation: .strict, fieldManager: "wrktalkctl")
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
