import FleetProtocol

/// What of the licence travels with heartbeats.
struct LicenseExchange: Sendable {
  /// Says in a heartbeat which licence is here.
  var sign: @Sendable (_ heartbeat: inout Heartbeat) -> Void
  /// Takes a licence that the vendor's server sent; it may come again and again.
  var receive: @Sendable (_ license: String) async throws -> Void

  static let none = LicenseExchange(sign: { _ in }, receive: { _ in })
}
