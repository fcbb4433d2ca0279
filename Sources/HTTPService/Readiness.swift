/// Whether the server can do its work, remembered for a moment: everybody may ask, and asking must cost nothing.
actor Readiness {
  static let memory = Duration.seconds(1)

  private let check: @Sendable () async -> Bool
  private let now: @Sendable () -> ContinuousClock.Instant
  private var known: (isReady: Bool, at: ContinuousClock.Instant)?
  /// All who ask while a check runs wait for the same one.
  private var running: Task<Bool, Never>?

  init(
    now: @escaping @Sendable () -> ContinuousClock.Instant = { ContinuousClock.now },
    check: @escaping @Sendable () async -> Bool
  ) {
    self.now = now
    self.check = check
  }

  func isReady() async -> Bool {
    if let known, now() - known.at < Self.memory { return known.isReady }
    if let running { return await running.value }
    let task = Task { await check() }
    running = task
    let isReady = await task.value
    running = nil
    known = (isReady, now())
    return isReady
  }
}
