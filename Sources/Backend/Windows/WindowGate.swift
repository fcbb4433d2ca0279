import Database
import MaintenanceWindows
import ResourceModel
import WireFormats

/// Whether a deployment may begin at a time, by the customer's maintenance windows.
struct WindowGate: Sendable {
  /// Why not, and when the next windows are; nil where it may.
  var refusal: @Sendable (_ time: Timestamp, _ connection: any SQLConnection) throws -> Refusal?

  struct Refusal: Sendable, Hashable {
    /// A sentence for people.
    var message: String
    /// Beginnings of the next windows, soonest first.
    var next: [Timestamp]

    /// 422, with the times that fit as `next`.
    var error: StatusError {
      var error = StatusError(.invalid, message)
      error.facts["next"] = .array(next.map { .string($0.description) })
      return error
    }
  }

  static let open = WindowGate { _, _ in nil }
}

extension WindowGate {
  /// By the calendar that is kept. One that cannot be read lets nothing through: nobody knows what its admins have excluded.
  init(_ store: WindowStore) {
    self.init { time, connection in
      do {
        return try store.calendar(connection).refusal(of: time).map {
          Refusal(message: $0.message, next: $0.next.map(\.start))
        }
      } catch let error as CalendarError {
        return Refusal(
          message: "The maintenance windows cannot be read (\(error)): mend them, or say why it cannot wait.", next: [])
      }
    }
  }
}
