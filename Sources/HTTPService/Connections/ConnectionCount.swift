import Synchronization

/// How many connections are open, in total and from each address.
final class ConnectionCount: Sendable {
  enum Refusal: Error, Hashable, CustomStringConvertible {
    case total(maximum: Int)
    case address(maximum: Int)

    var description: String {
      switch self {
      case .total(let maximum): "all \(maximum) connections are in use"
      case .address(let maximum): "its address has \(maximum) connections already"
      }
    }
  }

  private struct State {
    var total = 0
    /// Connections that are there only to be told that there are too many.
    var refusals = 0
    var byAddress: [String: Int] = [:]
  }

  private let limits: ConnectionLimits
  private let state = Mutex(State())

  init(_ limits: ConnectionLimits) { self.limits = limits }

  /// - Parameter isProxy: its connections are many clients'.
  func enter(_ address: String, isProxy: Bool = false) throws(Refusal) {
    let refusal: Refusal? = state.withLock { state in
      if state.total >= limits.maximumConnections { return .total(maximum: limits.maximumConnections) }
      if !isProxy, state.byAddress[address, default: 0] >= limits.maximumConnectionsPerAddress {
        return .address(maximum: limits.maximumConnectionsPerAddress)
      }
      state.total += 1
      state.byAddress[address, default: 0] += 1
      return nil
    }
    if let refusal { throw refusal }
  }

  /// - Returns: whether a connection that was refused for `total` may stay to be told so.
  func enterRefusal() -> Bool {
    state.withLock { state in
      guard state.refusals < limits.maximumRefusals else { return false }
      state.refusals += 1
      return true
    }
  }

  func leaveRefusal() { state.withLock { $0.refusals -= 1 } }

  func leave(_ address: String) {
    state.withLock { state in
      state.total -= 1
      let count = state.byAddress[address, default: 0] - 1
      state.byAddress[address] = count > 0 ? count : nil
    }
  }
}

/// Where a connection comes from, for limits and for the log.
enum PeerAddress {
  /// The IPv4 address, the /64 network of an IPv6 address (whoever has one has all of it), or `local` where there is
  /// none.
  static func limitKey(_ address: String?) -> String {
    guard let address else { return "local" }
    guard let groups = ipv6Groups(address) else {
      return address.split(separator: ":").last.map(String.init) ?? address
    }
    return groups.prefix(4).joined(separator: ":") + "::/64"
  }

  /// True where the client runs on this machine.
  static func isLoopback(_ address: String?) -> Bool {
    guard let address else { return false }
    if let groups = ipv6Groups(address) { return groups == ["0", "0", "0", "0", "0", "0", "0", "1"] }
    return limitKey(address).hasPrefix("127.")
  }

  /// The eight groups of an IPv6 address as the system writes it; nil for IPv4, also where it is mapped
  /// (`::ffff:10.0.0.1`).
  private static func ipv6Groups(_ address: String) -> [String]? {
    guard address.contains(":"), !address.contains(".") else { return nil }
    let text = address.prefix { $0 != "%" }
    let halves = text.split(separator: "::", maxSplits: 1, omittingEmptySubsequences: false)
      .map { $0.split(separator: ":").map(String.init) }
    guard halves.count == 2 else { return halves.first }
    return halves[0] + Array(repeating: "0", count: max(0, 8 - halves[0].count - halves[1].count)) + halves[1]
  }
}
