import WireFormats

/// What a candidate does about a lease, decided from what it saw and when: a pure value (client-go's `leaderelection`).
///
/// Whether the holder still lives is measured by the candidate's own clock, from the moment it first saw the lease in its
/// present form; the times that others wrote into it are never compared with this clock.
struct LeaseElection: Sendable {
  enum Decision: Sendable, Hashable {
    /// Writes this record: as the first holder, as the next one, or to renew.
    case write(LeaseRecord)
    /// Another candidate holds the lease.
    case standBy(holder: String)
  }

  let identity: String
  let duration: Duration
  private var observed: LeaseRecord?
  private var observedAt = Duration.zero

  init(identity: String, duration: Duration) {
    self.identity = identity
    self.duration = duration
  }

  /// - Parameters:
  ///   - record: what the lease says; nil where there is no lease.
  ///   - uptime: of the candidate's monotonic clock.
  ///   - now: the wall clock, only to be written down.
  mutating func decide(record: LeaseRecord?, uptime: Duration, now: Timestamp) -> Decision {
    guard let record else {
      // One that was deleted counts on from where it was, so that its holder need not stop for it.
      return .write(
        LeaseRecord(
          holder: identity, duration: duration, acquiredAt: now, renewedAt: now,
          transitions: observed?.transitions ?? 0))
    }
    if record != observed {
      observed = record
      observedAt = uptime
    }
    if record.holder == identity {
      var renewed = record
      renewed.duration = duration
      renewed.renewedAt = now
      renewed.acquiredAt = record.acquiredAt ?? now
      return .write(renewed)
    }
    if !record.holder.isEmpty, uptime < observedAt + record.duration { return .standBy(holder: record.holder) }
    return .write(
      LeaseRecord(
        holder: identity, duration: duration, acquiredAt: now, renewedAt: now,
        transitions: record.transitions.addingSaturated(1)))
  }

  /// What gives the lease up, so that another candidate need not wait for it to expire.
  static func released(_ record: LeaseRecord, now: Timestamp) -> LeaseRecord {
    LeaseRecord(
      holder: "", duration: .seconds(1), acquiredAt: now, renewedAt: now, transitions: record.transitions)
  }
}
