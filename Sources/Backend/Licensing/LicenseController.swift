import Database
import Licensing
import Logging
import OfferPlanning
import Reconciliation
import ServerPrograms
import ServiceLifecycle
import Synchronization
import Timing
import WireFormats

/// Follows the licence: its file, the token in the database and the clock. What comes of it is in the gate, and admins are told
/// before the end, at the end, and where a licence does not hold.
final class LicenseController: Service {
  private struct State {
    /// What this process found last, so that a pass without news writes nothing; nil before the first.
    var notices: Set<String>?
    /// The state's word, as it was logged last.
    var word = ""
  }

  /// How soon a changed file counts.
  static let interval = Duration.seconds(60)
  /// Of the notice that a licence does not hold, which is over when one does.
  static let blockedFact = "license"

  private let source: LicenseSource
  private let store: LicenseStore
  private let gate: LicenseGate
  private let notices: NoticeLedger
  private let now: @Sendable () -> Timestamp
  private let logger: Logger
  private let state = Mutex(State())
  private let loop: DueLoop

  init(
    source: LicenseSource, store: LicenseStore, gate: LicenseGate, notices: NoticeLedger,
    now: @escaping @Sendable () -> Timestamp, logger: Logger
  ) {
    self.source = source
    self.store = store
    self.gate = gate
    self.notices = notices
    self.now = now
    self.logger = logger
    loop = DueLoop(longestWait: Self.interval, backoff: Backoff(maximum: .seconds(60)), logger: logger)
  }

  /// Makes the installation's id where there is none yet, and reads what there is; to be called before anything is served.
  func prepare(makeID: () -> String) async throws {
    try await store.establish(makeID())
    try await read()
  }

  func run() async throws {
    await loop.runUntilShutdown(wokenBy: store.database.notifications(channel: LicenseStore.channel)) {
      try await self.pass()
      return .after(Self.interval)
    }
  }

  /// Reads the settings anew, so that a file that was replaced counts at once.
  func refresh() async { await gate.refresh(from: source) }

  func pass() async throws {
    try await read()
    try await notify()
  }

  private func read() async throws {
    await gate.refresh(from: source)
    try await gate.refresh(from: store)
    let current = gate.state
    let isNew = state.withLock { state in
      defer { state.word = current.word }
      return state.word != current.word
    }
    guard isNew else { return }
    let isUnchecked = current == .notConfigured
    logger.log(
      level: current.isBlocking || isUnchecked && source.vendorKey != nil ? .warning : .info,
      current.isBlocking
        ? "No release is deployed until the licence is put right"
        : isUnchecked ? "There is no licence, so none is checked" : "The licence was checked",
      metadata: ["state": "\(current.word)", "message": "\(current.message)"])
  }

  private func notify() async throws {
    let due = Self.notices(gate.licenses, at: now())
    let ids = Set(due.map(\.id))
    guard state.withLock({ $0.notices != ids }) else { return }
    try await store.database.transaction(.write) { [notices] connection in
      for kind in [AdminNotice.Kind.licenseExpiring, .licenseExpired, .licenseBlocked] {
        try notices.settle(kind, holding: due.filter { $0.kind == kind }, in: connection)
      }
    }
    state.withLock { $0.notices = ids }
  }

  /// What admins are to know of the licence now.
  static func notices(_ set: LicenseSet, at now: Timestamp) -> [AdminNotice] {
    var notices: [AdminNotice] = []
    if let license = set.last(at: now), let reminder = LicenseReminder.due(license, at: now) {
      notices.append(notice(reminder))
    }
    let state = set.state(at: now)
    switch state {
    case .invalid, .wrongOrganization, .wrongInstallation, .notYetValid:
      notices.append(
        AdminNotice(
          .licenseBlocked, fact: blockedFact, time: state.license?.notBefore,
          detail: "\(state.word): \(state.message). No release is deployed until then."))
    case .notConfigured, .valid, .expired: break
    }
    return notices
  }

  private static func notice(_ reminder: LicenseReminder) -> AdminNotice {
    let license = reminder.license
    let end = license.expiresAt.map { "\($0.wholeSeconds)" } ?? ""
    switch reminder.moment {
    case .days(let days):
      return AdminNotice(
        .licenseExpiring, fact: reminder.fact, time: license.expiresAt,
        detail:
          "The licence \(license.id) of \(license.organization) ends on \(end), in \(days == 1 ? "a day" : "\(days) days") or "
          + "less. Ask the vendor to renew it; afterwards no release is deployed.")
    case .expiry:
      return AdminNotice(
        .licenseExpired, fact: reminder.fact, time: license.expiresAt,
        detail:
          "The licence \(license.id) of \(license.organization) ended on \(end). What runs goes on running, but no release is "
          + "deployed until the vendor renews it.")
    }
  }
}
