import CoreMetrics
import ResourceModel
import Synchronization

/// How many watches run; bounded in total and for each identity, so that watchers cannot use up the server's memory and
/// descriptors, nor one of them keep the others out. Some places are for Agents alone: without a watch they serve nobody.
final class WatcherCount: Sendable {
  private struct State {
    var total = 0
    var byIdentity: [Identity: Int] = [:]
  }

  private let maximum: Int
  private let perIdentity: Int
  private let reservedForAgents: Int
  private let state = Mutex(State())
  private let gauge = Gauge(label: "apiserver_longrunning_requests", dimensions: [("verb", "WATCH")])

  init(maximum: Int, perIdentity: Int, reservedForAgents: Int) {
    self.maximum = maximum
    self.perIdentity = perIdentity
    self.reservedForAgents = min(reservedForAgents, maximum / 4)
  }

  var current: Int { state.withLock { $0.total } }

  /// - Throws: `tooManyRequests` where there are as many as there may be.
  func enter(_ identity: Identity) throws(StatusError) {
    let available = identity.role == .agent ? maximum : maximum - reservedForAgents
    let problem: String? = state.withLock { state in
      if state.byIdentity[identity, default: 0] >= perIdentity {
        return "too many watches: \(identity.name) has \(perIdentity) already"
      }
      if state.total >= available { return "too many watches: this server serves \(available) at a time" }
      state.total += 1
      state.byIdentity[identity, default: 0] += 1
      gauge.record(state.total)
      return nil
    }
    if let problem { throw StatusError(.tooManyRequests, problem, retryAfterSeconds: 5) }
  }

  func leave(_ identity: Identity) {
    state.withLock { state in
      state.total -= 1
      let count = state.byIdentity[identity, default: 0] - 1
      state.byIdentity[identity] = count > 0 ? count : nil
      gauge.record(state.total)
    }
  }
}
