import Database
import Licensing
import Logging
import OfferPlanning
import Reconciliation
import ServiceLifecycle
import Synchronization
import Timing
import WireFormats

/// Follows the licence: its file, the token in the database and the clock. What comes of it is in the gate, and admins are told
/// before the end, at the end, and where a licence does not hold.
final class LicenseController: Service {
  private struct State {
    /// What was told by this process, so that a pass without news writes nothing.
    var told: Set<String> = []
    /// The state's word, as it was logged last.
    var word = ""
    /// Whether admins were told of a licence that does not hold; nil before the first pass.
    var isBlocked: Bool?
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
    load(try await store.establish(makeID()), await source.currentContent())
  }

  func run() async throws {
    let listener = Task {
      for await _ in store.database.notifications(channel: LicenseStore.channel) { loop.wake() }
    }
    await withGracefulShutdownHandler {
      await loop.run { [self] in
        try await self.pass()
        return .after(Self.interval)
      }
    } onGracefulShutdown: { [loop] in
      loop.stop()
    }
    listener.cancel()
  }

  /// Reads the settings anew, so that a file that was replaced counts at once.
  func refresh() async {
    let set = gate.licenses
    let content = await source.currentContent()
    gate.load(
      LicenseSet(holder: set.holder, content, kept: set.held.first { $0.source == .kept }?.token))
  }

  func pass() async throws {
    load(try await store.read(), await source.currentContent())
    try await tell()
  }

  private func load(_ kept: LicenseStore.Kept, _ content: LicenseSource.Content) {
    let organization = gate.licenses.holder.organization
    gate.load(
      LicenseSet(
        holder: LicenseHolder(organization: organization, installation: kept.installation), content, kept: kept.token))
    let current = gate.state
    let isNew = state.withLock { state in
      defer { state.word = current.word }
      return state.word != current.word
    }
    guard isNew else { return }
    logger.log(
      level: current.isBlocking ? .warning : .info,
      current.isBlocking ? "No release is deployed until the licence is put right" : "The licence was checked",
      metadata: ["state": "\(current.word)", "message": "\(current.message)"])
  }

  private func tell() async throws {
    let due = Self.notices(gate.licenses, at: now())
    let isBlocked = due.contains { $0.kind == .licenseBlocked }
    let (new, isOver) = state.withLock { state in
      (due.filter { !state.told.contains($0.id) }, !isBlocked && state.isBlocked != false)
    }
    if !new.isEmpty || isOver {
      let notices = notices
      try await store.database.transaction(.write) { connection in
        if isOver { try notices.resolve(.licenseBlocked, fact: Self.blockedFact, in: connection) }
        try notices.record(new, in: connection)
      }
    }
    state.withLock { state in
      state.told = Set(due.map(\.id))
      state.isBlocked = isBlocked
    }
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
