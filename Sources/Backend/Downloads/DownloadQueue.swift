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
  private let database: any Database
  private let ledger: DownloadLedger
  /// Nil where no vendor's server is configured.
  private let download: ArtifactDownload?
  private let bucket: any Bucket
  private let trustRoot: TrustRootSource
  private let clock: any Clock<Duration>
  private let now: @Sendable () -> Timestamp
  private let makeID: @Sendable () -> String
  private let random: @Sendable () -> Double
  private let logger: Logger
  private let loop: DueLoop
  /// Called when a release lies in the bucket.
  private let stored: @Sendable () -> Void
  /// Digests that this process is at: one writer for one file.
  private let busy = Mutex<Set<String>>([])

  /// How often progress is written.
  private static let progressInterval: Duration = .seconds(5)
  /// How often a claim is renewed while work goes on that says nothing of itself, such as the upload.
  private static let renewalInterval: Duration = DownloadLedger.lease / 4

  init(
    database: any Database, ledger: DownloadLedger, download: ArtifactDownload?, bucket: any Bucket,
    trustRoot: TrustRootSource, clock: any Clock<Duration> = ContinuousClock(),
    now: @escaping @Sendable () -> Timestamp, makeID: @escaping @Sendable () -> String,
    random: @escaping @Sendable () -> Double = randomFraction, logger: Logger, stored: @escaping @Sendable () -> Void
  ) {
    self.database = database
    self.ledger = ledger
    self.download = download
    self.bucket = bucket
    self.trustRoot = trustRoot
    self.clock = clock
    self.now = now
    self.makeID = makeID
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

  /// One artifact, where one is due: first what somebody waits for.
  func pass() async throws -> DueLoop.Next {
    let moment = now()
    let (kept, nextKept) = try await database.transaction(.write) { connection in
      try KeptArtifact.claim(until: moment + DownloadLedger.lease, at: moment, in: connection)
    }
    if let kept {
      try await fetch(kept)
      return .now
    }
    let token = makeID()
    let (claimed, nextOffer) = try await database.transaction(.write) { [ledger] connection in
      try ledger.claim(token, at: moment, in: connection)
    }
    guard let claimed else {
      return [nextKept, nextOffer].compactMap(\.self).min().map { .after(max($0 - moment, .seconds(1))) } ?? .whenWoken
    }
    try await download(claimed, token)
    return .now
  }

  private func download(_ claimed: ScheduledDeployment, _ token: String) async throws {
    do {
      let (demand, byteCount) = try await whileRenewing(claimed, token) { [self] in try await obtain(claimed, token) }
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
      try await fail(claimed, token, failure)
    } catch is ClaimLost {
      logger.warning("A download is another process's by now", metadata: ["version": "\(claimed.version)"])
    }
  }

  /// Another process is at it, or it is not wanted any more.
  private struct ClaimLost: Error {}

  private func whileRenewing<Value: Sendable>(
    _ claimed: ScheduledDeployment, _ token: String, _ body: @escaping @Sendable () async throws -> Value
  ) async throws -> Value {
    try await withThrowingTaskGroup(of: Value?.self) { group in
      group.addTask { try await body() }
      group.addTask { [self] in
        while true {
          try await clock.sleep(for: Self.renewalInterval)
          let end = now() + DownloadLedger.lease
          let isOurs = try? await database.transaction(.write) { [ledger] connection in
            try ledger.renew(claimed.id, token, until: end, in: connection)
          }
          if isOurs == false { throw ClaimLost() }
        }
      }
      defer { group.cancelAll() }
      while let value = try await group.next() {
        if let value { return value }
      }
      throw CancellationError()
    }
  }

  private func fail(_ claimed: ScheduledDeployment, _ token: String, _ failure: DownloadFailure) async throws {
    let (now, random) = (now(), random())
    if Task.isCancelled {
      // This program is ending. A task that is cancelled can still give its claim back.
      try? await Task { [database, ledger] in
        _ = try await database.transaction(.write) { try ledger.renew(claimed.id, token, until: now, in: $0) }
      }.value
      throw CancellationError()
    }
    logger.warning(
      "A release is not in the bucket yet",
      metadata: ["version": "\(claimed.version)", "reason": "\(failure.reason)", "error": "\(failure.message)"])
    try await database.transaction(.write) { [ledger] connection in
      try ledger.fail(claimed.id, token, failure, at: now, random: random, in: connection)
    }
  }

  /// Downloads, verifies and uploads; each step that was done before is found done.
  private func obtain(
    _ row: ScheduledDeployment, _ token: String
  ) async throws(DownloadFailure) -> (ArtifactDemand, byteCount: Int64) {
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
    let byteCount = try await fetch(demand, byteCount: signedByteCount) { [self] done, total in
      await note(row.id, token, done: done, total: total)
    }
    return (demand, byteCount)
  }

  private func fetch(
    _ demand: ArtifactDemand, byteCount: Int64?, progress: @Sendable (_ done: Int64, _ total: Int64?) async -> Void
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
      progress: { done, total in
        let isDue = meter.withLock { last in
          guard ContinuousClock.now - last >= Self.progressInterval else { return false }
          last = .now
          return true
        }
        if isDue { await progress(done, total) }
      })
    try await put(demand, byteCount: size, file: download.folder.wholePath(demand.sha256))
    return size
  }

  private func note(_ id: String, _ token: String, done: Int64, total: Int64?) async {
    do {
      try await database.transaction(.write) { [ledger] connection in
        try ledger.progress(id, token, done: done, total: total, in: connection)
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

  /// Has a version in the bucket that was here before, for a return to it: it is fetched from the vendor once more where the bucket
  /// has it no longer (spec §9.1), which takes its time.
  /// - Parameter path: where it lies in the bucket.
  /// - Throws: `serviceUnavailable` where the bucket does not answer.
  func require(version: String, at path: String) async throws -> ArtifactSource.Answer {
    guard SemanticVersion(version) != nil, version.utf8.count <= ArtifactDemand.maximumVersionBytes else {
      return .unavailable
    }
    let now = now()
    let kept = try await database.transaction(.write) { try KeptArtifact.keep(version, at: now, in: $0) }
    let isThere: Bool
    do throws(ObjectStorageError) {
      isThere = try await bucket.head(path) != nil
    } catch {
      throw StatusError(.serviceUnavailable, "the bucket does not work now: \(error)", retryAfterSeconds: 30)
    }
    if isThere {
      try await database.transaction(.write) { try kept.satisfy(path: path, at: now, in: $0) }
      return .available
    }
    guard kept.sha256 != nil, download != nil, !kept.isRefused(at: now) else { return .unavailable }
    try await database.transaction(.write) { try kept.want(at: now, in: $0) }
    wake()
    return .coming(problem: kept.wantedAt == nil ? nil : kept.problem)
  }

  private func fetch(_ kept: KeptArtifact) async throws {
    do throws(DownloadFailure) {
      guard let sha256 = kept.sha256,
        let demand = try? ArtifactDemand(
          .init(releaseID: kept.version, version: kept.version, chartSha256: sha256, composeSha256: sha256),
          runtime: ledger.settings.kind.runtime)
      else { throw DownloadFailure(.gone, "nothing is known of \(kept.version) here") }
      _ = try await fetch(demand, byteCount: nil) { _, _ in }
      try? await download?.folder.remove(sha256)
    } catch {
      try Task.checkCancellation()
      let (now, random) = (now(), random())
      logger.warning(
        "An earlier version is not in the bucket yet",
        metadata: ["version": "\(kept.version)", "reason": "\(error.reason)", "error": "\(error.message)"])
      return try await database.transaction(.write) { [ledger] connection in
        try kept.fail(error, at: now, random: random, in: connection)
        guard error.isLasting, let wantedAt = kept.wantedAt else { return }
        try ledger.notices.record(
          [
            AdminNotice(
              .versionUnavailable, fact: "\(kept.version)/\(wantedAt.columnText)", version: kept.version,
              detail: error.message)
          ], in: connection)
      }
    }
    let (now, path) = (now(), ledger.settings.artifactPath(version: kept.version))
    try await database.transaction(.write) { try kept.satisfy(path: path, at: now, in: $0) }
    logger.info("An earlier version is in the bucket again", metadata: ["version": "\(kept.version)"])
  }
}
