import Logging
import Reconciliation
import ServerPrograms
import ServiceLifecycle
import Timing

/// Seals webhook secrets soon after another program wrote them into the table as they are.
final class SecretSealer: Service {
  private let secrets: WebhookSecrets
  private let interval: Duration
  private let loop: DueLoop

  init(
    secrets: WebhookSecrets, interval: Duration = .seconds(5), clock: any Clock<Duration> = ContinuousClock(),
    logger: Logger
  ) {
    self.secrets = secrets
    self.interval = interval
    loop = DueLoop(longestWait: interval, backoff: Backoff(maximum: .seconds(60)), clock: clock, logger: logger)
  }

  func run() async throws {
    await loop.runUntilShutdown { try await self.secrets.sealAll() ? .now : .after(self.interval) }
  }
}
