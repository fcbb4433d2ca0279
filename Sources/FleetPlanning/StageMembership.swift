public import FleetKinds

/// Which organizations a stage gets.
///
/// The same release picks the same organizations each time, in an order that has nothing to do with their names, so that a tenth is a
/// fair sample and the first in the alphabet are not always the first to try.
///
/// Who keeps the organizations in tables does it so, in one transaction with the rows it makes: read names and labels of all
/// organizations that have no target of the release (those of earlier stages have one by then), page by page, ordered by name; call
/// `members(of:among:release:)` with all of them; insert a target for each index, with what `OfferDecision` says. For names, labels and
/// everyone left each page can be asked by itself; for percent and count only all together.
public enum StageMembership {
  public struct Candidate: Sendable, Hashable {
    public var name: String
    public var labels: [String: String]

    public init(name: String, labels: [String: String] = [:]) {
      self.name = name
      self.labels = labels
    }
  }

  /// - Parameter candidates: the organizations that are in no stage before and have no target of the release.
  /// - Returns: the indexes of those that are in the stage, in the order of their rank.
  public static func members(
    of stage: RolloutSpec.Stage, among candidates: [Candidate], release: String
  ) -> [Int] {
    let ranked = candidates.enumerated().map { index, candidate in
      Ranked(index: index, rank: rank(of: candidate.name, release: release), name: candidate.name)
    }
    switch stage.membership {
    case .organizations(let names):
      let names = Set(names)
      return ordered(ranked.filter { names.contains($0.name) })
    case .labels(let wanted):
      return ordered(
        ranked.filter { entry in wanted.allSatisfy { candidates[entry.index].labels[$0.key] == $0.value } })
    case .percent(let percent):
      // Rounded up: a stage of ten percent of five customers has one.
      return Array(ordered(ranked).prefix((candidates.count * percent + 99) / 100))
    case .count(let count): return Array(ordered(ranked).prefix(count))
    case .everyoneLeft: return ordered(ranked)
    }
  }

  private struct Ranked {
    var index: Int
    var rank: UInt64
    var name: String
  }

  private static func ordered(_ entries: [Ranked]) -> [Int] {
    entries.sorted { $0.rank == $1.rank ? $0.name < $1.name : $0.rank < $1.rank }.map(\.index)
  }

  /// The place of an organization in the order of a release: FNV-1a over `release`, a zero byte and `organization`, mixed. It never
  /// changes: a rollout that goes on after an upgrade of this program goes on in the same order.
  public static func rank(of organization: String, release: String) -> UInt64 {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    func add(_ byte: UInt8) { hash = (hash ^ UInt64(byte)) &* 0x0100_0000_01B3 }
    for byte in release.utf8 { add(byte) }
    add(0)
    for byte in organization.utf8 { add(byte) }
    hash = (hash ^ (hash >> 30)) &* 0xBF58_476D_1CE4_E5B9
    hash = (hash ^ (hash >> 27)) &* 0x94D0_49BB_1331_11EB
    return hash ^ (hash >> 31)
  }
}
