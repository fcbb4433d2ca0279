import Accounts
import Audit
import Cryptography
import CurlTransfers
import Database
import DeploymentKinds
import FleetProtocol
import HTTPService
import HTTPTransport
import Hummingbird
import Logging
import Mail
import ObjectStorage
import Outbox
import Pages
import ReleaseManifest
import ResourceStorage
import ServerPrograms
import ServiceLifecycle
import Timing
import WireFormats

/// What the vendor's server is made of, over one database.
struct ControlCenterParts: Sendable {
  let database: any Database
  let store: SQLResourceStore
  let now: @Sendable () -> Timestamp
  let makeID: @Sendable () -> String
  let keys: KeyRing
  let offers: OfferIndex
  let licenses: LicenseIndex
  let http: HTTPClient
  let events: FleetEvents
  let escalations: EscalationLedger
  let mails: InternalMails
  let secrets: WebhookSecrets
  let heartbeats: HeartbeatLedger
  let reports: ReportLedger
  let webhooks: WebhookLedger
  let outbox: OutboxRunner
  let health: HealthSweep
  let steps: RolloutSteps
  let rollouts: RolloutController
  let digest: MailDigest
  let snapshots: VersionSnapshots
  let jobs: FleetJobs
  let preview: RolloutPreview
  let failures: ReleaseFailures
  /// The store as the resource API writes to it.
  let admission: ReleaseAdmission
  let audit: AuditLedger
  /// Where artifacts lie, for the log.
  let bucketName: String
  /// Who signs in.
  let people: AccountService
  private let sealer: SecretSealer
  private let customers: CustomerEndpoints
  private let organizations: OrganizationEndpoints
  private let licenseEndpoints: LicenseEndpoints
  private let fleet: FleetEndpoints
  private let plans: RolloutEndpoints
  private let details: ReleaseDetail
  private let retention: RetentionJob
  private let artifacts: ArtifactEndpoints
  private let releases: ReleaseEndpoints
  private let charts: ChartEndpoints
  private let operatorHTTP: HTTPClient

  /// What works beside the listener.
  var services: [any Service] {
    [
      keys, offers, licenses, OutboxService(outbox), health, rollouts, digest, retention, sealer, snapshots,
      jobs,
    ]
  }

  /// Removes what uploads that were killed have left; to be called before anything is served.
  /// - Throws: `ConfigurationError` where the secrets of webhooks were sealed with another key than this server's.
  func prepare(forgettingSecrets: Bool = false) async throws {
    if forgettingSecrets { try await secrets.forgetSealedWithAnotherKey(audit) }
    try await secrets.requireKey()
    try await artifacts.prepare()
  }

  /// Ends what holds connections open.
  func shutdown() async {
    await http.shutdown()
    await operatorHTTP.shutdown()
  }

  init(
    database: any Database, store: SQLResourceStore, box: AES256GCM, configuration: ControlCenterConfiguration,
    dataFolder: String, trustRoot: TrustRoot? = nil, licenseKey: Ed25519.PrivateKey? = nil,
    passwords: PasswordWork = PasswordWork(), maximumDownloads: Int = 256,
    now: @escaping @Sendable () -> Timestamp,
    makeID: @escaping @Sendable () -> String, logger: Logger
  ) {
    self.database = database
    self.store = store
    self.now = now
    self.makeID = makeID
    audit = AuditLedger(now: now)
    events = FleetEvents(store: store, now: now, makeID: makeID)
    escalations = EscalationLedger(makeID: makeID)
    mails = InternalMails(
      isSending: configuration.mail != nil && !configuration.adminAddresses.isEmpty, makeID: makeID)
    keys = KeyRing(database: database, now: now, logger: logger)
    offers = OfferIndex(database: database, store: store, logger: logger)
    licenses = LicenseIndex(database: database, now: now, logger: logger)
    licenseEndpoints = LicenseEndpoints(
      ledger: LicenseLedger(database: database, makeID: makeID, now: now), key: licenseKey, audit: audit)
    secrets = WebhookSecrets(database: database, box: box)

    // Customers name where their webhooks go.
    http = HTTPClient(
      userAgent: "wrktalk-gcc/\(ProgramVersion.current)", limits: ClientConnectionLimits(total: 512, perHost: 8),
      addresses: configuration.webhookAddresses)
    heartbeats = HeartbeatLedger(database: database, events: events, escalations: escalations, now: now)
    webhooks = WebhookLedger(database: database, events: events, mails: mails, heartbeats: heartbeats, now: now)
    let acknowledgements = SetWriter<WebhookAcknowledgement, Void> { [webhooks] set in
      try await webhooks.acknowledge(set)
      return set.map { _ in () }
    }
    let recipients = WebhookRecipients(database: database)
    let webhookSender = WebhookSender(
      http: http, offers: offers, secrets: secrets, recipients: SetWriter { try await recipients.find($0) },
      acknowledgements: acknowledgements, now: now)
    let mailSender = configuration.mail.map {
      MailSender(client: MailClient($0.settings), sender: $0.sender, admins: configuration.adminAddresses)
    }
    outbox = OutboxRunner(
      Self.outboxConfiguration, database: database, logger: logger, now: now,
      reportDead: { [webhooks] dead, connection in
        try webhooks.giveUp(dead, in: connection)
        return []
      },
      send: { delivery in
        switch delivery.message.topic {
        case WebhookMessage.topic: try await webhookSender.send(delivery)
        case MailDigest.topic:
          if let mailSender {
            try await mailSender.send(delivery)
          } else {
            .rejected(reason: "no SMTP server is configured any more: set SMTP_HOST")
          }
        default: .rejected(reason: "this version knows no messages about \(delivery.message.topic)")
        }
      })
    reports = ReportLedger(
      database: database, events: events, escalations: escalations, mails: mails, now: now, makeID: makeID)
    let offering = OfferLedger(escalations: escalations, events: events, mails: mails, makeID: makeID)
    steps = RolloutSteps(
      database: database, store: store, members: StageMembers(database: database), offers: offering,
      previous: PreviousVersions(database: database, offers: offering, now: now), events: events, now: now,
      makeID: makeID)
    customers = CustomerEndpoints(
      offers: offers, licenses: licenses,
      heartbeats: SetWriter(sender: { $0.organization }) { [heartbeats] in try await heartbeats.write($0) },
      reports: SetWriter(sender: { $0.organization }) { [reports] in try await reports.write($0) },
      random: { Double.random(in: 0..<1) })
    organizations = OrganizationEndpoints(
      keys: OrganizationKeys(database: database, makeID: makeID, now: now), secrets: secrets,
      history: VersionHistory(database: database), audit: audit)
    fleet = FleetEndpoints(database: database, now: now)
    preview = RolloutPreview(database: database, now: now)
    plans = RolloutEndpoints(
      preview: preview, progress: RolloutProgress(database: database, store: store, now: now))
    failures = ReleaseFailures(database: database)
    jobs = FleetJobs(database: database, audit: audit, now: now, makeID: makeID, logger: logger)
    health = HealthSweep(
      database: database, events: events, escalations: escalations, mails: mails, now: now, logger: logger)
    rollouts = RolloutController(
      database: database, store: store, steps: steps, logger: logger)
    digest = MailDigest(database: database, now: now, makeID: makeID, logger: logger)
    snapshots = VersionSnapshots(database: database, now: now, logger: logger)
    sealer = SecretSealer(secrets: secrets, logger: logger)

    // The operator names the bucket and the identity provider.
    operatorHTTP = HTTPClient(userAgent: "wrktalk-gcc/\(ProgramVersion.current)")
    people = AccountService(
      ControlCenterAccess.accounts, database: database, audit: audit, box: box, passwords: passwords,
      oidc: configuration.oidc, externalURL: configuration.externalURL, http: operatorHTTP, now: now, makeID: makeID,
      logger: logger)
    let bucket = makeBucket(configuration.bucket, http: operatorHTTP)
    bucketName = bucket.name
    let manifests = ManifestCheck(trustRoot: trustRoot, now: now)
    let artifactStore = ArtifactStore(
      database: database, bucket: bucket, manifests: manifests, now: now, makeID: makeID, logger: logger)
    let retention = RetentionJob(
      store: artifactStore, now: now, logger: logger, furtherNeeds: { try RolloutSteps.neededVersions($0) })
    self.retention = retention
    artifacts = ArtifactEndpoints(
      store: artifactStore, configuration: .init(folder: "\(dataFolder)/uploads"),
      policy: ControlCenterAccess.policy, audit: audit, stored: { retention.wake() })
    let catalog = ReleaseCatalog(
      database: database, bucket: bucket, manifests: manifests, now: now, makeID: makeID, logger: logger)
    releases = ReleaseEndpoints(catalog: catalog, policy: ControlCenterAccess.policy, audit: audit)
    details = ReleaseDetail(database: database, manifests: manifests)
    admission = ReleaseAdmission(
      store: store, database: database, catalog: catalog, preview: preview)
    charts = ChartEndpoints(
      database: database, bucket: bucket, policy: ControlCenterAccess.policy,
      limits: .init(total: maximumDownloads), logger: logger)
  }

  /// Three attempts a minute apart (spec §5.2); then the customer's poll takes over.
  private static var outboxConfiguration: OutboxConfiguration {
    let webhooks = DeliveryPolicy(
      backoff: Backoff(base: .seconds(60), maximum: .seconds(60), factor: 1, jitter: 0), maximumAttempts: 3,
      maximumAge: .seconds(3600), longestRetryAfter: .seconds(300))
    return OutboxConfiguration(
      name: "webhooks and mail", maximumInFlight: 500, maximumProbes: 125, sendTimeout: .seconds(15),
      lease: .seconds(60), policies: [WebhookMessage.topic: webhooks])
  }

  func addRoutes(to router: Router<ServiceContext>) {
    router.add(middleware: RecentAuthentication())
    customers.addRoutes(to: router)
    organizations.addRoutes(to: router)
    licenseEndpoints.addRoutes(to: router)
    fleet.addRoutes(to: router)
    plans.addRoutes(to: router)
    failures.addRoutes(to: router)
    artifacts.addRoutes(to: router)
    releases.addRoutes(to: router)
    charts.addRoutes(to: router)
    people.addRoutes(to: router)
    details.addRoutes(to: router)
    FleetJobEndpoints(jobs: jobs).addRoutes(to: router)
    router.assets(Page.fleet.assets)
  }
}

/// The outbox's runner as a service of the program.
struct OutboxService: Service {
  private let runner: OutboxRunner

  init(_ runner: OutboxRunner) { self.runner = runner }

  func run() async throws {
    await withGracefulShutdownHandler {
      await runner.run()
    } onGracefulShutdown: {
      runner.stop()
    }
  }
}
