import Database
import HTTPService
import HTTPTransport
import Hummingbird
import Logging
import ObjectStorage
import ResourceStorage
import ServiceLifecycle
import WireFormats

/// How a release gets from the vendor into the customer's bucket: webhook and poll, the offer, the download.
struct ReleaseIntake: Sendable {
  /// What the parts share.
  struct Context: Sendable {
    var database: any Database
    var store: SQLResourceStore
    var bucket: any Bucket
    var notices: NoticeLedger
    var reports: VendorReports
    var now: @Sendable () -> Timestamp
    var makeID: @Sendable () -> String
    var logger: Logger
  }

  /// Nil where no vendor's server is configured.
  let poller: OfferPoller?
  let heartbeats: HeartbeatLoop?
  let downloads: DownloadQueue
  let retention: BucketRetention
  let webhook: WebhookEndpoint

  /// - Parameters:
  ///   - client: nil where no vendor's server is configured.
  ///   - license: what of the licence travels with heartbeats.
  ///   - licenseRefusal: why no webhook is taken now, such as `License expired`; nil where it is.
  init(
    _ context: Context, configuration: BackendConfiguration, client: VendorClient?, license: LicenseExchange,
    licenseRefusal: @escaping @Sendable () async -> String?
  ) {
    let settings = configuration.deployment
    let organization = configuration.vendor?.organization ?? ""
    let (database, now, logger) = (context.database, context.now, context.logger)
    let retention = BucketRetention(
      database: database, store: context.store, bucket: context.bucket, settings: settings, now: now, logger: logger)
    let downloads = DownloadQueue(
      database: database,
      ledger: DownloadLedger(
        settings: settings, organization: organization, notices: context.notices, reports: context.reports),
      download: client.map {
        ArtifactDownload(client: $0, folder: DownloadFolder(path: configuration.downloadsFolder))
      },
      bucket: context.bucket, trustRoot: TrustRootSource(path: configuration.trustRootFile), now: now,
      makeID: context.makeID, logger: logger, stored: { retention.wake() })
    let offers = OfferLedger(
      settings: settings, organization: organization, notices: context.notices, reports: context.reports,
      makeID: context.makeID, logger: logger)
    let poller = client.map {
      OfferPoller(
        database: database, client: $0, ledger: offers, now: now, logger: logger, found: { downloads.wake() })
    }
    heartbeats = client.map {
      HeartbeatLoop(
        database: database, store: context.store, client: $0, settings: settings, license: license, now: now,
        logger: logger)
    }
    webhook = WebhookEndpoint(
      secret: { [vendor = configuration.vendor] in vendor?.presentWebhookSecret }, now: now, refusal: licenseRefusal,
      received: { poller?.wake() })
    (self.poller, self.downloads, self.retention) = (poller, downloads, retention)
  }

  var services: [any Service] {
    guard let poller, let heartbeats else { return [] }
    return [poller, heartbeats, downloads, retention]
  }

  /// Paths that need no token.
  static let openPaths = [WebhookEndpoint.path]

  func addRoutes(to router: Router<ServiceContext>) { webhook.addRoutes(to: router) }
}
