import DeploymentKinds
import DeploymentPlanning
import ResourceClient
import ResourceModel
import Synchronization
import WireFormats

/// Finds the objects of a release that somebody changed, and brings them back.
///
/// What differs in writing is put to the API server, as a change of just these fields that stores nothing: only where that
/// would change them something has drifted. So no notation of a value and no default is taken for drift, and nothing that
/// admission adds. Where the server gives no word, what differs for certain counts.
final class DriftCheck: Sendable {
  struct Drifted: Sendable {
    var object: ManifestObject
    /// Nil where the object is missing.
    var live: JSONValue?
    var fields: [ManifestComparison.Difference]
    /// The same in words.
    var differences: [HelmObservation.Difference]
  }

  private struct Question: Hashable {
    var revision: Int64
    var generation: JSONValue?
    var differences: [ManifestComparison.Difference]
  }

  private struct Verdict {
    var question: Question
    var real: [ManifestComparison.Difference]
    /// Who changed them, beside `real`.
    var managers: [String?]
  }

  private let cluster: ClusterObjects
  private let corrections: DriftCorrections
  /// The last word of the API server on an object, by its uid.
  private let verdicts = Mutex<[String: Verdict]>([:])
  /// More are forgotten: asking again costs only a request.
  private static let verdictLimit = 1000
  /// Where a change of all fields is refused, so many are tried one by one.
  private static let singleLimit = 20

  /// - Parameter now: what the pauses between corrections are measured by.
  init(cluster: ClusterObjects, now: @escaping @Sendable () -> Timestamp) {
    self.cluster = cluster
    self.corrections = DriftCorrections(now: now)
  }

  // MARK: Finding

  func drifted(
    _ manifest: RenderedManifest, live: [JSONValue?], of target: RuntimeTarget, revision: Int64
  ) async throws(RuntimeFailure) -> [Drifted] {
    var found: [Drifted] = []
    for (object, live) in zip(manifest.objects, live) {
      if let drifted = try await drifted(object, live, target, revision) { found.append(drifted) }
    }
    return found
  }

  private func drifted(
    _ object: ManifestObject, _ live: JSONValue?, _ target: RuntimeTarget, _ revision: Int64
  ) async throws(RuntimeFailure) -> Drifted? {
    guard let live else {
      if object.vanishesWhenDone { return nil }
      let missing = HelmObservation.Difference(
        object: object.title, change: .missing, obstacle: corrections.obstacle(to: object, []))
      return Drifted(object: object, live: nil, fields: [], differences: [missing])
    }
    let comparison = ManifestComparison(object, live, ignoring: target.driftIgnore)
    guard !comparison.differences.isEmpty else { return nil }
    let verdict = try await verdict(object, live, comparison, target, revision)
    guard !verdict.real.isEmpty else { return nil }
    let differences = zip(verdict.real, verdict.managers).map { difference, manager in
      var described = object.described(difference)
      described.manager = manager
      described.obstacle = corrections.obstacle(to: object, difference.path)
      return described
    }
    return Drifted(object: object, live: live, fields: verdict.real, differences: differences)
  }

  private func verdict(
    _ object: ManifestObject, _ live: JSONValue, _ comparison: ManifestComparison, _ target: RuntimeTarget,
    _ revision: Int64
  ) async throws(RuntimeFailure) -> Verdict {
    let uid = live["metadata"]?["uid"]?.string ?? ""
    let question = Question(
      revision: revision, generation: live["metadata"]?["generation"], differences: comparison.differences)
    if let known = verdicts.withLock({ $0[uid] }), known.question == question { return known }
    let (real, isFinal) = try await real(object, live, comparison, target)
    var verdict = Verdict(question: question, real: real, managers: real.map { _ in nil })
    if !real.isEmpty, let (names, key) = try await cluster.resource(of: object),
      let whole = try? await cluster.client.get(names, key)
    {
      verdict.managers = real.map { $0.place.manager(in: whole, besides: ObjectCorrection.fieldManager) }
    }
    if isFinal {
      verdicts.withLock { verdicts in
        if verdicts.count >= Self.verdictLimit { verdicts.removeAll() }
        verdicts[uid] = verdict
      }
    }
    return verdict
  }

  /// The differences that a change by the server's own word would undo.
  /// - Returns: also whether that is its word.
  private func real(
    _ object: ManifestObject, _ live: JSONValue, _ comparison: ManifestComparison, _ target: RuntimeTarget
  ) async throws(RuntimeFailure) -> ([ManifestComparison.Difference], isFinal: Bool) {
    guard let (names, key) = try await cluster.resource(of: object) else { return (comparison.differences, false) }
    func answer(to comparison: ManifestComparison) async throws(ResourceClientError) -> JSONValue {
      try await cluster.client.mergePatch(
        names, key, live.mergePatch(to: comparison.wanted), options: ObjectCorrection.options(isDryRun: true))
    }
    do throws(ResourceClientError) {
      let first = try await answer(to: comparison)
      let real = comparison.differences.filter { $0.place.value(in: first) != $0.place.value(in: live) }
      let isForeign = real.contains { $0.place.value(in: first) != $0.expected }
      guard isForeign else { return (real, true) }
      // What comes out otherwise each time is made by the server, such as a time or a number that it allots.
      let second = try await answer(to: comparison)
      return (real.filter { $0.place.value(in: first) == $0.place.value(in: second) }, true)
    } catch {
      if error.isCancellation { throw .stopped }
      if !error.isAnswer { throw RuntimeFailure(error, object.title) }
      let certain = comparison.differences.filter(\.isCertain)
      guard error.reason == .invalid, comparison.differences.count <= Self.singleLimit else {
        return (certain, error.reason != .notFound && !error.isTransient)
      }
      guard comparison.differences.count > 1 else { return (certain, true) }
    }
    var found: [ManifestComparison.Difference] = []
    for difference in comparison.differences {
      let single = ManifestComparison(object, live, ignoring: target.driftIgnore, only: [difference.path])
      do throws(ResourceClientError) {
        let answer = try await answer(to: single)
        if difference.place.value(in: answer) != difference.place.value(in: live) { found.append(difference) }
      } catch {
        if error.isCancellation { throw .stopped }
        if !error.isAnswer { throw RuntimeFailure(error, object.title) }
        if difference.isCertain { found.append(difference) }
      }
    }
    return (found, true)
  }

  // MARK: Correcting

  /// Brings each object back to what the manifest says, as far as the cluster lets it; one that cannot be keeps none of the
  /// others waiting. What is fought over waits for its time.
  /// - Throws: at the end, where something could not be corrected: what and why.
  func correct(
    _ drifted: [Drifted], of target: RuntimeTarget, progress: (Drifted) async -> Void
  ) async throws(RuntimeFailure) {
    var failures: [RuntimeFailure] = []
    for drifted in drifted {
      let paths = drifted.live == nil ? [[]] : drifted.fields.map(\.path)
      let due = paths.filter { !corrections.isWaiting(drifted.object, $0) }
      if due.isEmpty { continue }
      await progress(drifted)
      do throws(RuntimeFailure) {
        let correction = ObjectCorrection(cluster: cluster, object: drifted.object, target: target)
        let refused =
          drifted.live == nil ? try await correction.make() : try await correction.putRight(Set(due))
        corrections.note(drifted.object, due.filter { refused?.paths.contains($0) != true })
        if let refused {
          corrections.refuse(drifted.object, refused.paths, refused.failure.message)
          failures.append(refused.failure)
        }
      } catch {
        if error.kind == .cancelled { throw error }
        corrections.refuse(drifted.object, Set(due), error.message)
        failures.append(error)
      }
    }
    guard var failure = failures.first else { return }
    failure.message = failures.prefix(3).map(\.message).joined(separator: "; ")
    if failures.count > 3 { failure.message += "; and \(failures.count - 3) more" }
    if failures.contains(where: { $0.kind == .permanent }) { failure.kind = .permanent }
    throw failure
  }
}

extension ResourceClientError {
  /// Whether the server has said what it thinks of the request itself; false where the same may be answered otherwise in a
  /// moment.
  var isAnswer: Bool {
    guard case .status(let error) = self else { return false }
    switch error.reason {
    case .tooManyRequests, .serviceUnavailable, .timeout, .unauthorized: return false
    default: return true
    }
  }
}
