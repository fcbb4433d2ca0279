import FleetProtocol
import Licensing
import ResourceModel
import Synchronization
import WireFormats

/// Whether releases may be taken in, scheduled and deployed, by the licence: answered from memory, at the time of the question.
final class LicenseGate: Sendable {
  /// Why not.
  struct Refusal: Sendable, Hashable {
    /// `License expired`, as the specification says it (spec §5.3), or in the same manner.
    var message: String
    /// What is wrong and what to do.
    var detail: String
    /// Of the licence.
    var expiresAt: Timestamp?

    /// 403.
    var error: StatusError { StatusError(.forbidden, "\(message): \(detail)") }
  }

  private struct Held {
    var set: LicenseSet
    /// What was refused last, and when.
    var rejection: Rejection?
  }

  /// A token that came and was not kept.
  struct Rejection: Sendable, Hashable {
    var time: Timestamp
    var message: String
  }

  /// Refuses nothing.
  static let open = LicenseGate(LicenseSet(), now: { Timestamp(seconds: 0) })

  private let held: Mutex<Held>
  private let now: @Sendable () -> Timestamp

  init(_ set: LicenseSet, now: @escaping @Sendable () -> Timestamp) {
    held = Mutex(Held(set: set))
    self.now = now
  }

  var licenses: LicenseSet { held.withLock { $0.set } }

  var state: LicenseState { licenses.state(at: now()) }

  var lastRejection: Rejection? { held.withLock { $0.rejection } }

  /// Nil where nothing stands against it.
  func refusal() -> Refusal? {
    let state = state
    guard state.isBlocking else { return nil }
    let message =
      switch state {
      case .expired: "License expired"
      case .notYetValid: "License not valid yet"
      case .wrongOrganization, .wrongInstallation: "License is for another installation"
      case .invalid: "License invalid"
      case .notConfigured, .valid: ""
      }
    return Refusal(message: message, detail: state.message, expiresAt: state.license?.expiresAt)
  }

  /// - Throws: `forbidden`, such as `License expired: …`.
  func require() throws(StatusError) {
    if let refusal = refusal() { throw refusal.error }
  }

  /// Says in a heartbeat what the vendor needs to know to send a renewed licence.
  func sign(_ heartbeat: inout Heartbeat) {
    let set = licenses
    heartbeat.licenseID = set.current(at: now())?.state.license?.id
    heartbeat.installationID = set.holder.installation
  }

  func load(_ set: LicenseSet) { held.withLock { $0.set = set } }

  /// - Returns: false where the same was noted last.
  func note(_ rejection: Rejection) -> Bool {
    held.withLock { held in
      guard held.rejection?.message != rejection.message else { return false }
      held.rejection = rejection
      return true
    }
  }
}
