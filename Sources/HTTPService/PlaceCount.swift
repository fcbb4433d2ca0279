public import Access
public import CoreMetrics
public import ResourceModel
import Synchronization

/// How many requests of a costly sort run; bounded in total and for each identity, so that they cannot use up the server's
/// memory and descriptors, nor one identity keep the others out. Some places are for machines alone (`RoleDefinition.isMachine`):
/// without a watch an Agent serves nobody.
public final class PlaceCount: Sendable {
  private struct State {
    var total = 0
    var byIdentity: [Identity: Int] = [:]
  }

  /// What is counted, such as `watches`.
  private let title: String
  private let maximum: Int
  private let perIdentity: Int
  private let reservedForMachines: Int
  private let state = Mutex(State())
  private let gauge: Gauge?

  /// - Parameters:
  ///   - title: what is counted, such as `watches`.
  ///   - reservedForMachines: at most a quarter of all.
  public init(_ title: String, maximum: Int, perIdentity: Int, reservedForMachines: Int, gauge: Gauge? = nil) {
    self.title = title
    self.gauge = gauge
    self.maximum = maximum
    self.perIdentity = perIdentity
    self.reservedForMachines = min(reservedForMachines, maximum / 4)
  }

  public var current: Int { state.withLock { $0.total } }

  /// - Returns: the place, which is free again once it is ended or forgotten.
  /// - Throws: `tooManyRequests` where there are as many as there may be.
  public func enter(_ identity: Identity, isMachine: Bool) throws(StatusError) -> PlaceLease {
    let available = isMachine ? maximum : maximum - reservedForMachines
    let problem: String? = state.withLock { state in
      if state.byIdentity[identity, default: 0] >= perIdentity {
        return "too many \(title): \(identity.name) has \(perIdentity) already"
      }
      if state.total >= available { return "too many \(title): this server serves \(available) at a time" }
      state.total += 1
      state.byIdentity[identity, default: 0] += 1
      gauge?.record(state.total)
      return nil
    }
    if let problem { throw StatusError(.tooManyRequests, problem, retryAfterSeconds: 5) }
    return PlaceLease(self, identity)
  }

  fileprivate func leave(_ identity: Identity) {
    state.withLock { state in
      state.total -= 1
      let count = state.byIdentity[identity, default: 0] - 1
      state.byIdentity[identity] = count > 0 ? count : nil
      gauge?.record(state.total)
    }
  }
}

/// Gives a place back exactly once: when what needs it ends, or when that never begins.
public final class PlaceLease: Sendable {
  private let places: PlaceCount
  private let identity: Identity
  private let isHeld = AtomicFlag(true)

  fileprivate init(_ places: PlaceCount, _ identity: Identity) {
    self.places = places
    self.identity = identity
  }

  public func end() { if isHeld.clear() { places.leave(identity) } }

  deinit { end() }
}
