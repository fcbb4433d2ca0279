import Audit
import Database
import Licensing
import Logging
import ResourceModel
import WireFormats

/// Takes in licences: those that the vendor's server sends and those that an admin installs. Each is checked before it is kept, and
/// one that does not hold here changes nothing.
struct LicenseInstaller: Sendable {
  /// Who installs one.
  struct Actor: Sendable, Hashable {
    var name: String
    var roles = ""
    var address = ""

    static let vendor = Actor(name: "vendor")
  }

  let source: LicenseSource
  let store: LicenseStore
  let gate: LicenseGate
  let audit: AuditLedger
  let now: @Sendable () -> Timestamp
  let logger: Logger

  /// A renewed licence of the vendor's, as the answer to a heartbeat brings it: again and again, until this customer says that it
  /// has it. Where it does not hold here the log says why.
  /// - Returns: whether it was kept.
  @discardableResult
  func takeRenewed(_ token: String) async throws -> Bool {
    if gate.licenses.held.contains(where: { $0.token == token }) { return false }
    do {
      _ = try await install(token, by: .vendor, action: "LicenseRenewed")
      return true
    } catch let error as StatusError where [.invalid, .conflict].contains(error.reason) {
      // An older one is no fault: the vendor does not know yet which one is here.
      let isWrong = error.reason == .invalid
      if isWrong, gate.note(LicenseGate.Rejection(time: now(), message: error.message)) {
        logger.warning("The vendor's renewed licence was refused", metadata: ["error": "\(error.message)"])
      }
      return false
    }
  }

  /// - Returns: the licence that was kept. One that begins later is kept beside the one that counts until then.
  /// - Throws: `invalid` where it does not hold here; `conflict` where a newer one is in force, or waits to be.
  func install(_ token: String, by actor: Actor, action: String = "LicenseInstalled") async throws -> License {
    let content = await source.currentContent()
    let moment = now()
    let license = try await database.transaction(.write) { connection in
      var kept = try LicenseStore.lock(connection)
      let holder = LicenseHolder(organization: gate.licenses.holder.organization, installation: kept.installation)
      let set = LicenseSet(holder: holder, content, kept: kept.tokens)
      let license = try Self.check(
        HeldLicense(source: .kept, token: .success(token), keys: content.keys).state(for: holder, at: moment), set,
        moment)
      let tokens = LicenseSet(holder: holder, content, kept: kept.tokens + [token]).kept(at: moment)
      (kept.token, kept.next) = (tokens.present, tokens.next)
      try LicenseStore.keep(kept, at: moment, connection)
      var detail: JSONValue = ["license": license.json]
      detail["previous"] = set.current(at: moment)?.state.license.map { .string($0.id) }
      try audit.record(
        [
          AuditEntry(
            actor: actor.name, roles: actor.roles, address: actor.address, action: action, object: license.id,
            detail: detail)
        ], in: connection)
      return license
    }
    try await gate.refresh(from: store)
    logger.notice(
      "A licence was installed",
      metadata: [
        "license": "\(license.id)", "by": "\(actor.name)", "expiresAt": "\(license.expiresAt?.description ?? "never")",
      ])
    return license
  }

  /// - Parameter set: what is here already.
  private static func check(
    _ state: LicenseState, _ set: LicenseSet, _ moment: Timestamp
  ) throws(StatusError) -> License {
    let license: License
    switch state {
    case .valid(let given): license = given
    // Where none is set nothing is checked: one for later would end that now.
    case .notYetValid(let given) where !set.held.isEmpty: license = given
    default: throw StatusError(.invalid, "license: \(state.message)")
    }
    for held in set.held {
      let other: License
      let place: String
      switch (state, held.state(for: set.holder, at: moment)) {
      case (.valid, .valid(let current)):
        other = current
        place = "in force"
      case (.notYetValid, .notYetValid(let next)):
        other = next
        place = "kept for the time after this one"
      default: continue
      }
      guard license.isNewer(than: other) else {
        throw StatusError(
          .conflict,
          "license: \(other.id == license.id ? "this licence is" : "a newer licence, \(other.id), is") \(place) already"
        )
      }
    }
    return license
  }

  private var database: any Database { store.database }
}

extension LicenseSet {
  /// Which of the kept tokens stay: that of the licence that counts among them, and of the newest that begins later.
  fileprivate func kept(at now: Timestamp) -> (present: String?, next: String?) {
    let all = held.filter { $0.source == .kept }
    let later = all.filter { held in
      if case .notYetValid = held.state(for: holder, at: now) { true } else { false }
    }
    let next = later.max { left, right in
      guard let left = try? left.reading.get(), let right = try? right.reading.get() else { return false }
      return right.isNewer(than: left)
    }
    let present = LicenseSet(holder: holder, held: all.filter { !later.contains($0) }).current(at: now)
    return (present?.held.token, next?.token)
  }
}
