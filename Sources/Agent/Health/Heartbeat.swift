import Glibc
import Logging
import Observability
import Synchronization
import WireFormats

/// Writes the health file every ten seconds, as long as the lease's loop turns; leading or standing by.
///
/// That a request of the loop fails is no illness: no restart helps against a server that is away. That the pool of
/// threads answers shows in that this runs at all.
final class Heartbeat: Sendable {
  static let period = Duration.seconds(10)

  private let file: HealthFile
  private let limit: Duration
  private let clock: ContinuousClock
  private let now: @Sendable () -> Timestamp
  private let logger: Logger
  private let lastTurn: Mutex<ContinuousClock.Instant>

  /// - Parameter limit: after which a loop that has not turned counts as stuck.
  init(
    file: HealthFile, limit: Duration, clock: ContinuousClock = ContinuousClock(),
    now: @escaping @Sendable () -> Timestamp, logger: Logger
  ) {
    self.file = file
    self.limit = limit
    self.clock = clock
    self.now = now
    self.logger = logger
    self.lastTurn = Mutex(clock.now)
  }

  /// To be called whenever the loop turns.
  func turned() { lastTurn.withLock { $0 = clock.now } }

  /// Beats until the task is cancelled.
  func run() async {
    file.remove()
    var lastError = ""
    while !Task.isCancelled {
      do {
        try beat()
        lastError = ""
      } catch {
        let text = fileErrorText(error)
        if text != lastError {
          logger.warning("health file could not be written", metadata: ["file": "\(file.path)", "error": "\(text)"])
        }
        lastError = text
      }
      try? await clock.sleep(for: Self.period)
    }
  }

  /// Writes the file, unless the loop is stuck.
  func beat() throws {
    guard lastTurn.withLock({ $0 }).duration(to: clock.now) < limit else { return }
    try file.write(HealthRecord(processIdentifier: getpid(), at: now()))
  }
}
