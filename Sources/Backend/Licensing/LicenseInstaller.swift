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

  /// - Returns: the licence that was kept.
  /// - Throws: `invalid` where it does not hold here and now; `conflict` where a newer one is in force.
  func install(_ token: String, by actor: Actor, action: String = "LicenseInstalled") async throws -> License {
    let content = await source.currentContent()
    let held = HeldLicense(source: .kept, token: .success(token), keys: content.keys)
    let moment = now()
    guard case .valid(let license) = held.state(for: gate.licenses.holder, at: moment) else {
      throw StatusError(.invalid, "license: \(held.state(for: gate.licenses.holder, at: moment).message)")
    }
    let set = try await database.transaction(.write) { connection in
      let kept = try LicenseStore.lock(connection)
      let holder = LicenseHolder(organization: gate.licenses.holder.organization, installation: kept.installation)
      let before = LicenseSet(holder: holder, content, kept: kept.token).current(at: moment)
      if case .valid(let current)? = before?.state, !license.isNewer(than: current) {
        throw StatusError(
          .conflict,
          "license: \(current.id == license.id ? "this licence is" : "a newer licence, \(current.id), is") in force already"
        )
      }
      try LicenseStore.keep(token, at: moment, connection)
      var detail: JSONValue = ["license": license.json]
      detail["previous"] = before?.state.license.map { .string($0.id) }
      try audit.record(
        [
          AuditEntry(
            actor: actor.name, roles: actor.roles, address: actor.address, action: action, object: license.id,
            detail: detail)
        ], in: connection)
      return LicenseSet(holder: holder, content, kept: token)
    }
    gate.load(set)
    logger.notice(
      "A licence was installed",
      metadata: [
        "license": "\(license.id)", "by": "\(actor.name)", "expiresAt": "\(license.expiresAt?.description ?? "never")",
      ])
    return license
  }

  private var database: any Database { store.database }
}
