import DeploymentPlanning
import Synchronization
import Timing
import WireFormats

/// What became of the corrections of single fields: which came back, and which the cluster refused.
///
/// It is kept in memory only: an Agent that is new to it tries once more.
final class DriftCorrections: Sendable {
  private struct Subject: Hashable {
    var kind: String
    var namespace: String
    var name: String
    /// Empty for the object itself.
    var path: [String]
  }

  private struct Entry {
    /// How often it was corrected and came back in a row.
    var count = 0
    var last: Timestamp
    /// Why the last try failed.
    var refusal: String?
  }

  private let now: @Sendable () -> Timestamp
  private let entries = Mutex<[Subject: Entry]>([:])

  /// What comes back so often is fought over.
  static let limit = 3
  /// More are forgotten.
  private static let entryLimit = 1000
  private static let backoff = Backoff(base: .seconds(60), maximum: .seconds(3600), jitter: 0)

  init(now: @escaping @Sendable () -> Timestamp) { self.now = now }

  /// What keeps a field from being corrected at once; nil for nothing.
  func obstacle(to object: ManifestObject, _ path: [String]) -> HelmObservation.Difference.Obstacle? {
    guard let entry = entries.withLock({ $0[Self.subject(object, path)] }) else { return nil }
    if let refusal = entry.refusal { return .refused(refusal) }
    return isWaiting(entry) ? .contested(corrections: entry.count) : nil
  }

  /// True for what is fought over, until its time has come again.
  func isWaiting(_ object: ManifestObject, _ path: [String]) -> Bool {
    entries.withLock { $0[Self.subject(object, path)] }.map(isWaiting) ?? false
  }

  /// These were corrected.
  func note(_ object: ManifestObject, _ paths: [[String]]) {
    let now = now()
    entries.withLock { entries in
      if entries.count >= Self.entryLimit { entries.removeAll() }
      for path in paths {
        let subject = Self.subject(object, path)
        let known = entries[subject]
        let isInARow = known.map { now - $0.last < Self.pause(after: $0.count) * 2 + .seconds(600) } ?? false
        entries[subject] = Entry(count: isInARow ? (known?.count ?? 0) + 1 : 1, last: now)
      }
    }
  }

  /// These could not be corrected.
  func refuse(_ object: ManifestObject, _ paths: Set<[String]>, _ why: String) {
    let now = now()
    entries.withLock { entries in
      if entries.count >= Self.entryLimit { entries.removeAll() }
      for path in paths {
        let subject = Self.subject(object, path)
        entries[subject] = Entry(count: entries[subject]?.count ?? 0, last: now, refusal: why)
      }
    }
  }

  private func isWaiting(_ entry: Entry) -> Bool {
    entry.refusal == nil && entry.count >= Self.limit && now() - entry.last < Self.pause(after: entry.count)
  }

  private static func pause(after count: Int) -> Duration {
    count < limit ? .zero : backoff.delay(failures: count - limit + 1, random: 0)
  }

  private static func subject(_ object: ManifestObject, _ path: [String]) -> Subject {
    Subject(kind: object.kind, namespace: object.namespace, name: object.name, path: path)
  }
}
