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
    let organization: String?
    var content: Versioned<LicenseSource.Content>
    var kept = Versioned(LicenseStore.Kept())
    /// By both.
    var set = LicenseSet()
    /// What was refused last, and when.
    var rejection: Rejection?

    mutating func combine() {
      let holder = LicenseHolder(organization: organization, installation: kept.value.installation)
      set = LicenseSet(holder: holder, content.value, kept: kept.value.tokens)
    }
  }

  /// What is read elsewhere, and how often it was replaced: what was read before another replaced it may be older than that.
  private struct Versioned<Value: Sendable> {
    var value: Value
    var version = 0

    init(_ value: Value) { self.value = value }

    mutating func replace(_ value: Value, readAt version: Int) -> Bool {
      guard version == self.version else { return false }
      self.value = value
      self.version += 1
      return true
    }
  }

  /// A token that came and was not kept.
  struct Rejection: Sendable, Hashable {
    var time: Timestamp
    var message: String
  }

  private let held: Mutex<Held>
  private let now: @Sendable () -> Timestamp

  /// - Parameters:
  ///   - organization: whom a licence is to be for; nil: for anybody.
  ///   - content: what the settings say. What the database keeps is to be read before anything is served.
  init(organization: String?, _ content: LicenseSource.Content, now: @escaping @Sendable () -> Timestamp) {
    var held = Held(organization: organization, content: Versioned(content))
    held.combine()
    self.held = Mutex(held)
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

  /// Takes over what the settings say by now.
  func refresh(from source: LicenseSource) async {
    var isTaken = false
    while !isTaken {
      let version = held.withLock { $0.content.version }
      let content = await source.currentContent()
      isTaken = held.withLock { held in
        guard held.content.replace(content, readAt: version) else { return false }
        held.combine()
        return true
      }
    }
  }

  /// Takes over what the database keeps by now.
  func refresh(from store: LicenseStore) async throws {
    var isTaken = false
    while !isTaken {
      let version = held.withLock { $0.kept.version }
      let kept = try await store.read()
      isTaken = held.withLock { held in
        guard held.kept.replace(kept, readAt: version) else { return false }
        held.combine()
        return true
      }
    }
  }

  /// - Returns: false where the same was noted last.
  func note(_ rejection: Rejection) -> Bool {
    held.withLock { held in
      guard held.rejection?.message != rejection.message else { return false }
      held.rejection = rejection
      return true
    }
  }
}
