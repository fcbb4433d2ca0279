import Database
import Files
import FleetProtocol
import Logging
import ObjectStorage
import OfferPlanning
import Reconciliation
import ReleaseManifest
import ResourceModel
import ServiceLifecycle
import Synchronization
import Timing
import WireFormats

/// Brings what is offered into the customer's bucket, apart from any deployment (spec §5.3, §8.3): one release after the
/// other, and each until it is there or no more offered.
final class DownloadQueue: Service {
  /// Where an artifact lies in the bucket.
  struct StoredArtifact: Sendable, Hashable {
    var path: String
    /// 64 lower-case hexadecimal digits.
    var sha256: String
  }

  private let database: any Database
  private let ledger: DownloadLedger
  /// Nil where no vendor's server is configured.
  private let download: ArtifactDownload?
  private let bucket: any Bucket
  private let trustRoot: TrustRootSource
  private let now: @Sendable () -> Timestamp
  private let random: @Sendable () -> Double
  private let logger: Logger
  private let loop: DueLoop
  /// Called when a release lies in the bucket.
  private let stored: @Sendable () -> Void
  /// Digests that this process is at: one writer for one file.
  private let busy = Mutex<Set<String>>([])

  /// How often progress is written.
  private static let progressInterval: Duration = .seconds(5)
  /// How long a version stays in the bucket that somebody asked for.
  private static let keptTime: Duration = .seconds(3600)

  init(
    database: any Database, ledger: DownloadLedger, download: ArtifactDownload?, bucket: any Bucket,
    trustRoot: TrustRootSource, now: @escaping @Sendable () -> Timestamp,
    random: @escaping @Sendable () -> Double = randomFraction, logger: Logger, stored: @escaping @Sendable () -> Void
  ) {
    self.database = database
    self.ledger = ledger
    self.download = download
    self.bucket = bucket
    self.trustRoot = trustRoot
    self.now = now
    self.random = random
    self.stored = stored
    var logger = logger
    logger[metadataKey: "controller"] = "downloads"
    self.logger = logger
    loop = DueLoop(
      longestWait: .seconds(60), backoff: Backoff(base: .seconds(1), maximum: .seconds(60), jitter: 0.5),
      logger: logger)
  }

  func wake() { loop.wake() }

  func run() async throws {
    await cancelWhenGracefulShutdown { [self] in
      do {
        try await tidy()
      } catch {
        logger.warning("The folder of downloads cannot be tidied up", metadata: ["error": "\(error)"])
      }
      await loop.run { [self] in try await pass() }
    }
  }

  /// Removes what belongs to releases that are not waited for any more.
  func tidy() async throws {
    let open = try await database.transaction(.read) { [ledger] in try ledger.openDigests($0) }
    try await download?.folder.removeAll(besides: open)
  }

  /// One release, where one is due.
  func pass() async throws -> DueLoop.Next {
    let moment = now()
    let (claimed, nextAt) = try await database.transaction(.write) { [ledger] in try ledger.claim(at: moment, in: $0) }
    guard let claimed else { return nextAt.map { .after(max($0 - moment, .seconds(1))) } ?? .whenWoken }
    do {
      let (demand, byteCount) = try await obtain(claimed)
      let now = now()
      let isWanted = try await database.transaction(.write) { [ledger] connection in
        try ledger.complete(claimed.id, demand, byteCount: byteCount, at: now, in: connection)
      }
      try? await download?.folder.remove(demand.sha256)
      if isWanted {
        logger.info(
          "A release is in the bucket",
          metadata: ["version": "\(demand.version)", "sha256": "\(demand.sha256)", "bytes": "\(byteCount)"])
        stored()
      }
    } catch let failure as DownloadFailure {
      try await fail(claimed, failure)
    }
    return .now
  }

  private func fail(_ claimed: ScheduledDeployment, _ failure: DownloadFailure) async throws {
    let (now, random) = (now(), random())
    if Task.isCancelled {
      // A task that is cancelled can still say so.
      try? await Task { [database, ledger] in
        try await database.transaction(.write) { try ledger.release(claimed.id, at: now, in: $0) }
      }.value
      throw CancellationError()
    }
    logger.warning(
      "A release is not in the bucket yet",
      metadata: ["version": "\(claimed.version)", "reason": "\(failure.reason)", "error": "\(failure.message)"])
    try await database.transaction(.write) { [ledger] connection in
      try ledger.fail(claimed.id, failure, at: now, random: random, in: connection)
    }
  }

  /// Downloads, verifies and uploads; each step that was done before is found done.
  private func obtain(_ row: ScheduledDeployment) async throws(DownloadFailure) -> (ArtifactDemand, byteCount: Int64) {
    guard let offer = row.offer else {
      throw DownloadFailure(.refused(reason: "InvalidOffer"), "the offer of \(row.releaseName) cannot be read")
    }
    let demand: ArtifactDemand
    let signedByteCount: Int64?
    do {
      demand = try ArtifactDemand(offer, runtime: ledger.settings.kind.runtime)
      signedByteCount = try demand.signedByteCount(under: try trustRoot.current(), now: now())
    } catch let refusal as OfferRefusal {
      throw DownloadFailure(.refused(reason: refusal.reason.rawValue), refusal.message)
    } catch let error as TrustError {
      throw DownloadFailure(.refused(reason: error.reason.rawValue), error.message)
    } catch {
      throw DownloadFailure(.refused(reason: "InvalidOffer"), "\(error)")
    }
    let byteCount = try await fetch(demand, byteCount: signedByteCount, id: row.id)
    return (demand, byteCount)
  }

  /// - Parameter id: of the row that shows the progress.
  private func fetch(
    _ demand: ArtifactDemand, byteCount: Int64?, id: String?
  ) async throws(DownloadFailure) -> Int64 {
    guard let download else {
      throw DownloadFailure(.gone, "no vendor's server is configured: set WRKTALK_GCC_ENDPOINT")
    }
    guard busy.withLock({ $0.insert(demand.sha256).inserted }) else {
      throw DownloadFailure(.unavailable(retryAfter: nil), "the artifact \(demand.version) is being fetched already")
    }
    defer { _ = busy.withLock { $0.remove(demand.sha256) } }
    let meter = Mutex(ContinuousClock.now)
    let size = try await download.run(
      demand, type: ledger.settings.kind.artifactType, byteCount: byteCount,
      progress: { [self] done, total in
        let isDue = meter.withLock { last in
          guard ContinuousClock.now - last >= Self.progressInterval else { return false }
          last = .now
          return true
        }
        if isDue, let id { await note(id, done: done, total: total) }
      })
    try await put(demand, byteCount: size, file: download.folder.wholePath(demand.sha256))
    return size
  }

  private func note(_ id: String, done: Int64, total: Int64?) async {
    let now = now()
    do {
      try await database.transaction(.write) { [ledger] connection in
        try ledger.progress(id, done: done, total: total, at: now, in: connection)
      }
    } catch {
      logger.warning("The progress of a download is not written", metadata: ["error": "\(error)"])
    }
  }

  /// Where the bucket fails, what was downloaded stays until it works (spec §8.3, 3.3).
  private func put(_ demand: ArtifactDemand, byteCount: Int64, file: String) async throws(DownloadFailure) {
    let key = ledger.settings.artifactPath(version: demand.version)
    do throws(ObjectStorageError) {
      try await bucket.put(key, .file(path: file))
      guard let info = try await bucket.head(key), Int64(info.size) == byteCount else {
        throw ObjectStorageError(
          code: .refused, bucket: bucket.name, key: key, detail: "the object is not there after it was stored")
      }
    } catch {
      throw DownloadFailure(error.code == .fileUnusable ? .disk : .bucket, "\(error)")
    }
  }

  // MARK: Old versions

  /// Has a version in the bucket that was here before, for a return to it: fetched from the vendor once more where the
  /// bucket has it no longer (spec §9.1). It stays there for an hour at least.
  /// - Throws: `notFound` `Version not available` where nobody has it; `serviceUnavailable` where that may pass.
  func require(version text: String) async throws -> StoredArtifact {
    let version = text.hasPrefix("v") ? String(text.dropFirst()) : text
    let end = now() + Self.keptTime
    let known = try await database.transaction(.write) { [ledger] connection in
      try ledger.digest(ofFormer: version, keepingUntil: end, in: connection)
    }
    guard let sha256 = known,
      let demand = try? ArtifactDemand(
        .init(releaseID: version, version: version, chartSha256: sha256, composeSha256: sha256),
        runtime: ledger.settings.kind.runtime)
    else {
      throw StatusError(.notFound, "Version not available: \(text.prefix(80)) was never downloaded here")
    }
    let stored = StoredArtifact(path: ledger.settings.artifactPath(version: version), sha256: sha256)
    do throws(ObjectStorageError) {
      if try await bucket.head(stored.path) != nil { return stored }
    } catch {
      throw StatusError(.serviceUnavailable, "the bucket does not work now: \(error)", retryAfterSeconds: 30)
    }
    do throws(DownloadFailure) {
      _ = try await fetch(demand, byteCount: nil, id: nil)
    } catch {
      if case .gone = error.kind {
        throw StatusError(
          .notFound, "Version not available: \(version) is not in the bucket, and the vendor has it no more")
      }
      throw StatusError(
        .serviceUnavailable, "\(version) is not in the bucket, and cannot be fetched now: \(error.message)",
        retryAfterSeconds: 30)
    }
    try? await download?.folder.remove(sha256)
    return stored
  }
}
