import FleetPlanning
import WireFormats

/// Which artifacts and objects may go (spec §3.1). A function of what is there.
struct RetentionPlan: Sendable, Hashable {
  /// An artifact, and the release of its version.
  struct Candidate: Sendable, Hashable {
    var record: ArtifactRecord
    var release: Release?

    struct Release: Sendable, Hashable {
      var isDraft: Bool
      var createdAt: Timestamp
    }
  }

  enum Reason: String, Sendable, Hashable {
    /// Newer ones fill the places of its type.
    case tooMany
    /// No release was made for it.
    case noRelease
  }

  struct Removal: Sendable, Hashable {
    var record: ArtifactRecord
    var reason: Reason
  }

  struct Rules: Sendable, Hashable {
    /// Versions of each type.
    var keptVersions = 20
    /// So long a draft, and what has no release or row yet, is left alone.
    var orphanAge: Duration = .seconds(86_400)
  }

  var removals: [Removal]
  /// Objects without a row.
  var objects: [ArtifactKey]

  /// - Parameters:
  ///   - needed: versions that somebody may still ask for: they are kept, whatever their age.
  ///   - objects: of the bucket, and when each was first seen without a row.
  init(
    _ candidates: [Candidate], needed: Set<String>, objects: [ArtifactKey: Timestamp], rules: Rules = Rules(),
    now: Timestamp
  ) {
    let limit = now + (.zero - rules.orphanAge)
    removals = []
    for type in ArtifactType.allCases {
      // The latest uploads first; of those of one moment the higher version.
      let ofType = candidates.filter { $0.record.key.type == type }.sorted { left, right in
        (left.record.createdAt, left.record.key.version) > (right.record.createdAt, right.record.key.version)
      }
      var place = 0
      for candidate in ofType {
        let isNeeded = needed.contains(candidate.record.key.version.text)
        if candidate.release == nil, candidate.record.createdAt < limit, !isNeeded {
          removals.append(Removal(record: candidate.record, reason: .noRelease))
          continue
        }
        place += 1
        let isYoung =
          switch candidate.release {
          case .some(let release): release.isDraft && max(release.createdAt, candidate.record.createdAt) >= limit
          case nil: candidate.record.createdAt >= limit
          }
        guard place > rules.keptVersions, !isNeeded, !isYoung else { continue }
        removals.append(Removal(record: candidate.record, reason: .tooMany))
      }
    }
    let named = Set(candidates.map(\.record.key))
    self.objects = objects.filter { !named.contains($0.key) && $0.value < limit }.map(\.key)
      .sorted { $0.bucketPath < $1.bucketPath }
  }
}
