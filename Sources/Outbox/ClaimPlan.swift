import WireFormats

/// What waits for one destination, as far as it matters to the next claim.
struct DestinationQueue: Sendable, Hashable {
  struct Message: Sendable, Hashable {
    var sequence: Int64
    /// While it is claimed: when the claim runs out.
    var nextAt: Timestamp
    var isClaimed = false
  }

  var destination: String
  var health = DestinationHealth()
  /// All that are claimed, and those that may be sent next: the first of every topic, or the first of all by time.
  var messages: [Message] = []
}

/// Which messages are claimed now, and when to look at each destination again.
///
/// Destinations take turns: each gives one message before any gives a second, and one that was looked at goes to the end
/// of the line, so that a destination for which thousands wait does not keep a place from another.
struct ClaimPlan: Sendable, Hashable {
  /// In the order in which the messages take their places.
  private(set) var claimed: [Int64] = []
  /// When the destination of each queue is due next, in the order of the queues; nil where no message waits.
  private(set) var dueAt: [Timestamp?] = []

  /// - Parameters:
  ///   - queues: the longest due first.
  ///   - room: for how many messages there is a place; 0 to claim nothing.
  ///   - perDestination: how many may be claimed of one destination at once.
  ///   - leaseEnd: when the claims that are made now run out.
  init(
    _ queues: [DestinationQueue], room: Int, perDestination: Int, breaker: BreakerPolicy, now: Timestamp,
    leaseEnd: Timestamp
  ) {
    let offers = queues.map { Offer($0, perDestination: perDestination, breaker: breaker, now: now) }
    var taken = Array(repeating: 0, count: offers.count)
    var room = room
    for turn in 0..<perDestination where room > 0 {
      for (index, offer) in offers.enumerated() where room > 0 && turn < offer.due.count {
        claimed.append(offer.due[turn].sequence)
        taken[index] += 1
        room -= 1
      }
    }
    for (queue, (offer, taken)) in zip(queues, zip(offers, taken)) {
      dueAt.append(offer.dueAt(afterTaking: taken, held: queue.health.heldUntil, now: now, leaseEnd: leaseEnd))
    }
  }

  private struct Offer {
    /// What may be claimed now, in order.
    var due: ArraySlice<DestinationQueue.Message> = []
    var waiting: [DestinationQueue.Message]
    var inFlight: [DestinationQueue.Message]
    var limit: Int

    init(_ queue: DestinationQueue, perDestination: Int, breaker: BreakerPolicy, now: Timestamp) {
      limit = queue.health.isOpen(breaker) ? 1 : perDestination
      inFlight = queue.messages.filter { $0.isClaimed && $0.nextAt > now }
      // A claim that ran out is one that was never made.
      waiting = queue.messages.filter { !($0.isClaimed && $0.nextAt > now) }
      if perDestination == 1 {
        waiting.sort { $0.sequence < $1.sequence }
      } else {
        waiting.sort { ($0.nextAt, $0.sequence) < ($1.nextAt, $1.sequence) }
      }
      guard queue.health.heldUntil <= now else { return }
      due = waiting.filter { $0.nextAt <= now }.prefix(max(limit - inFlight.count, 0))
    }

    func dueAt(afterTaking taken: Int, held: Timestamp, now: Timestamp, leaseEnd: Timestamp) -> Timestamp? {
      let sequences = Set(due.prefix(taken).map(\.sequence))
      let ends = inFlight.map(\.nextAt) + sequences.map { _ in leaseEnd }
      let starts = ends.count < limit ? waiting.filter { !sequences.contains($0.sequence) }.map(\.nextAt) : []
      // Where an answer is recorded first, the destination is looked at then.
      return (ends + starts).min().map { max($0, held, now) }
    }
  }
}
