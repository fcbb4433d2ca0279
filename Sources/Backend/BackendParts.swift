import Access
import Accounts
import Audit
import Cryptography
import Database
import HTTPService
import HTTPTransport
import Hummingbird
import Licensing
import Logging
import Mail
import ObjectStorage
import Outbox
import Pages
import ResourceStorage
import ServerPrograms
import ServiceLifecycle
import WireFormats

/// What the customer's server is made of, over one database.
struct BackendParts: Sendable {
  let database: any Database
  let store: SQLResourceStore
  let configuration: BackendConfiguration
  let now: @Sendable () -> Timestamp
  let makeID: @Sendable () -> String
  let logger: Logger
  let notices: NoticeLedger
  let reports: VendorReports
  let audit: AuditLedger
  let bucket: any Bucket
  /// Seals what is secret in the database.
  let box: AES256GCM
  /// Who signs in.
  let people: AccountService
  let license: LicenseGate
  let licensing: LicenseController
  /// To the vendor and to the bucket: the operator names both.
  let http: HTTPClient
  let windows: WindowStore
  let deployments: DeploymentContext
  let scheduler: DeploymentScheduler
  let controller: DeploymentController
  let polledTasks: PolledTasks
  let environments: ComposeEnvironments
  let outbox: OutboxRunner
  let intake: ReleaseIntake
  private let licenseEndpoints: LicenseEndpoints
  let notifications: AdminNotifications
  let preflight: PreflightController
  let automatic: AutomaticDeployments
  let healthWatch: HealthWatchService
  private let windowEndpoints: WindowEndpoints
  private let policyEndpoints: PolicyEndpoints
  private let agentEndpoints: InternalEndpoints
  private let taskEndpoints: TaskEndpoints
  private let deploymentEndpoints: DeploymentEndpoints
  private let settingEndpoints: SettingEndpoints

  /// What works beside the listener.
  var services: [any Service] {
    [OutboxService(runner: outbox), controller, automatic, healthWatch, licensing, notifications.dispatcher, preflight]
      + intake.services
  }

  /// Paths that need no token.
  static let openPaths = ReleaseIntake.openPaths + AccountService.openPaths + Page.openPaths

  init(
    database: any Database, store: SQLResourceStore, configuration: BackendConfiguration, http: HTTPClient,
    bucket: any Bucket, box: AES256GCM, passwords: PasswordWork = PasswordWork(), license: LicenseSource,
    now: @escaping @Sendable () -> Timestamp,
    makeID: @escaping @Sendable () -> String, logger: Logger
  ) {
    self.database = database
    self.store = store
    self.configuration = configuration
    self.now = now
    self.makeID = makeID
    self.logger = logger
    self.http = http
    self.bucket = bucket
    self.box = box
    notices = NoticeLedger(now: now, makeID: makeID)
    reports = VendorReports(now: now, makeID: makeID)
    audit = AuditLedger(now: now)

    let licenseStore = LicenseStore(database: database)
    let gate = LicenseGate(organization: configuration.organization, license.content(), now: now)
    self.license = gate
    let installer = LicenseInstaller(
      source: license, store: licenseStore, gate: gate, audit: audit, now: now, logger: logger)
    licensing = LicenseController(
      source: license, store: licenseStore, gate: gate, notices: notices, now: now, logger: logger)
    licenseEndpoints = LicenseEndpoints(gate: gate, controller: licensing, installer: installer, now: now)

    let client = configuration.vendor.map { VendorClient(http: http, connection: $0, now: now) }
    var senders = MessageSenders()
    senders[VendorReports.topic] = ReportSender(database: database, client: client, now: now, logger: logger).sender
    notifications = AdminNotifications(
      database: database, configuration: configuration, http: http, now: now, makeID: makeID, logger: logger)
    senders[NoticeDelivery.topic] = notifications.messageSender
    outbox = senders.runner(database: database, now: now, logger: logger)
    intake = ReleaseIntake(
      ReleaseIntake.Context(
        database: database, store: store, bucket: bucket, notices: notices, reports: reports, now: now,
        makeID: makeID, logger: logger),
      configuration: configuration, client: client,
      license: LicenseExchange(
        sign: { gate.sign(&$0) }, receive: { token in try await installer.takeRenewed(token) }),
      licenseRefusal: { gate.refusal()?.message })

    deployments = DeploymentContext(
      database: database, store: store, settings: configuration.deployment,
      organization: configuration.vendor?.organization, notices: notices, reports: reports, audit: audit, now: now,
      makeID: makeID)
    windows = WindowStore(zones: ZoneFiles())
    scheduler = DeploymentScheduler(context: deployments, license: gate, windows: WindowGate(windows))
    environments = ComposeEnvironments(context: deployments, bucket: bucket, logger: logger)
    let controller = DeploymentController(context: deployments, environments: environments, logger: logger)
    self.controller = controller
    polledTasks = PolledTasks(context: deployments, environments: environments, logger: logger)
    taskEndpoints = TaskEndpoints(tasks: polledTasks, namespace: configuration.deployment.namespace)
    deploymentEndpoints = DeploymentEndpoints(
      scheduler: scheduler, artifacts: ArtifactSource(intake.downloads), environments: environments,
      wake: { controller.wake() })
    preflight = PreflightController(
      database: database, store: store, settings: configuration.deployment, now: now, logger: logger)
    let settings = SettingStore(database: database, audit: audit, makeID: makeID, now: now)
    agentEndpoints = InternalEndpoints(
      settings: settings, releases: ReleaseSettings(store: store, recordKey: deployments.recordKey))
    settingEndpoints = SettingEndpoints(settings: settings)

    people = AccountService(
      BackendAccess.accounts, database: database, audit: audit, box: box, passwords: passwords,
      oidc: configuration.oidc, externalURL: configuration.externalURL, http: http, now: now, makeID: makeID,
      logger: logger)

    let actions = DeploymentActions(scheduler)
    let automatic = AutomaticDeployments(
      database: database, windows: windows, notices: notices, audit: audit, actions: actions, now: now, logger: logger)
    self.automatic = automatic
    healthWatch = HealthWatchService(
      database: database, store: store, record: deployments.recordKey, notices: notices, audit: audit,
      actions: actions, now: now, logger: logger)
    windowEndpoints = WindowEndpoints(
      database: database, store: windows, audit: audit, now: now, changed: { automatic.wake() })
    policyEndpoints = PolicyEndpoints(
      database: database, audit: audit, notices: notices, now: now, changed: { automatic.wake() })
  }

  /// Once, before anything is served.
  func prepare() async throws {
    try await configuration.row.write(to: database, box: box, now: now())
    try await licensing.prepare(makeID: makeID)
  }

  /// Ends what holds connections open.
  func shutdown() async {
    notifications.shutdown()
    await http.shutdown()
  }

  /// What the Backend's front is, beside what its operator says.
  static func adapted(_ service: ServiceConfiguration) -> ServiceConfiguration {
    var service = service
    service.tokenHeaders = BackendAccess.tokenHeaders
    service.openPaths = PathPatterns(openPaths)
    service.openRequests = WebhookEndpoint.allowance
    // Not `/api/v1`, which is Kubernetes'.
    service.plainErrorPaths = PathPatterns(["/api/admin/*", "/api/deployment/*", "/internal/*"])
    return service
  }

  func addRoutes(to router: Router<ServiceContext>) {
    router.assets(Page.controlTower.assets)
    intake.addRoutes(to: router)
    licenseEndpoints.addRoutes(to: router)
    agentEndpoints.addRoutes(to: router)
    taskEndpoints.addRoutes(to: router)
    deploymentEndpoints.addRoutes(to: router)
    people.addRoutes(to: router)
    settingEndpoints.addRoutes(to: router)
    notifications.addRoutes(to: router)
    PreflightEndpoints(controller: preflight).addRoutes(to: router)
    StatusEndpoints(context: deployments, hasVendor: configuration.vendor != nil).addRoutes(to: router)
    TokenEndpoints(tokens: TokenStore(database: database), audit: audit, now: now).addRoutes(to: router)
    windowEndpoints.addRoutes(to: router)
    policyEndpoints.addRoutes(to: router)
  }
}
