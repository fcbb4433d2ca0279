import Synchronization

/// What writers were told of their writes, and what must be true for it. Every object has one writer, which numbers its
/// writes, and does nothing while it does not know what became of the one before.
final class ChaosRecord: Sendable {
  /// A state that an object had.
  struct Sighting: Sendable, Hashable {
    enum Kind: Sendable, Hashable { case added, modified, deleted }

    var kind: Kind
    var name: String
    /// The writer's number; of a deletion the number of the state before it.
    var sequence: Int64
    var revision: Int64

    func numbered(_ revision: Int64) -> Sighting {
      Sighting(kind: kind, name: name, sequence: sequence, revision: revision)
    }
  }

  private struct State {
    /// In the order of their writing, by object; with a revision, or one of the two below.
    var writes: [String: [Sighting]] = [:]
    var acknowledged = 0
    var unanswered = 0
  }

  private let state = Mutex(State())

  /// Nobody said what became of the write.
  static let unanswered: Int64 = 0
  /// It was acknowledged, as deletions are, without a revision.
  static let unnumbered: Int64 = -1

  var counts: (acknowledged: Int, unanswered: Int) { state.withLock { ($0.acknowledged, $0.unanswered) } }

  func note(_ kind: Sighting.Kind, _ name: String, _ sequence: Int64, revision: Int64) {
    state.withLock { state in
      state.writes[name, default: []].append(
        Sighting(kind: kind, name: name, sequence: sequence, revision: revision))
      if revision == Self.unanswered { state.unanswered += 1 } else { state.acknowledged += 1 }
    }
  }

  /// - Parameters:
  ///   - stored: the sequence of each object at the end.
  ///   - watchers: what each watcher saw, in its order.
  /// - Returns: what is not as it must be.
  func problems(stored: [String: Int64], watchers: [[Sighting]]) -> [String] {
    let writes = state.withLock(\.writes)
    var problems: [String] = []
    for (name, writes) in writes {
      // The last write that is known, and those after it that may have happened.
      let known = writes.lastIndex { $0.revision != Self.unanswered }
      let possible = writes[(known ?? writes.startIndex)...].map { $0.kind == .deleted ? nil : $0.sequence }
      let candidates = known == nil ? possible + [nil] : possible
      if !candidates.contains(stored[name]) {
        problems.append(
          "\(name) is at \(stored[name].map(String.init) ?? "nothing"), and was written last as \(candidates)")
      }
    }
    for name in stored.keys where writes[name] == nil { problems.append("nobody wrote \(name)") }
    let everything = Set(writes.values.joined())
    for (number, seen) in watchers.enumerated() {
      for (earlier, later) in zip(seen, seen.dropFirst()) where earlier.revision >= later.revision {
        problems.append("watcher \(number) saw \(later) after \(earlier)")
      }
      let distinct = Set(seen).union(seen.map { $0.numbered(Self.unnumbered) })
      for write in everything where write.revision != Self.unanswered && !distinct.contains(write) {
        problems.append("watcher \(number) did not see \(write)")
      }
      for sighting in seen where !everything.contains(sighting) {
        if ![Self.unanswered, Self.unnumbered].contains(where: { everything.contains(sighting.numbered($0)) }) {
          problems.append("watcher \(number) saw \(sighting), which nobody wrote")
        }
      }
      if seen != watchers[0] { problems.append("watchers 0 and \(number) saw different things") }
    }
    return problems
  }
}
