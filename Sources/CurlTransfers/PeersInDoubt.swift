/// Peers that left a request without an answer, until when their open connections are not to be trusted.
struct PeersInDoubt {
  private var ends: [String: ContinuousClock.Instant] = [:]
  /// At how many peers those whose time is over are forgotten.
  private var limit = 64

  mutating func add(_ peer: String, until end: ContinuousClock.Instant, now: ContinuousClock.Instant) {
    ends[peer] = end
    guard ends.count > limit else { return }
    ends = ends.filter { $0.value > now }
    limit = max(64, ends.count * 2)
  }

  func contains(_ peer: String, now: ContinuousClock.Instant) -> Bool { ends[peer].map { $0 > now } ?? false }
}
