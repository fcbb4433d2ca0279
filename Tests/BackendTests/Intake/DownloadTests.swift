import Cryptography
import Database
import DeploymentKinds
import FleetProtocol
import FoundationEssentials
import HTTPTypes
import ObjectStorage
import OfferPlanning
import Reconciliation
import ReleaseManifest
import ResourceModel
import Synchronization
import TestSupport
import Testing
import WireFormats

@testable import Backend

/// From the vendor's server into the customer's bucket, whatever happens on the way.
@Suite(.postgreSQLServer, .timeLimit(.minutes(5))) struct DownloadTests {
  private func serve(
    _ database: TestDatabase = .sqlite, environment: [String: String] = [:], bucket: (any Bucket)? = nil,
    _ body: (BackendFixture, FakeVendor) async throws -> Void
  ) async throws {
    let vendor = try FakeVendor()
    try await BackendFixture.with(
      database, environment: vendor.environment.merging(environment) { $1 }, bucket: bucket
    ) { fixture in
      try await body(fixture, vendor)
    }
  }

  private static let path = "artifacts/helm/wrktalk-2.3.0.tgz"

  private func stored(_ fixture: BackendFixture, _ path: String = path) async throws -> String? {
    guard try await fixture.parts.bucket.head(path) != nil else { return nil }
    return SHA256.digest(of: try await fixture.parts.bucket.get(path, maximumBytes: 1 << 20)).hexadecimal
  }

  @Test(arguments: TestDatabase.available)
  func whatIsOfferedLiesInTheBucketBeforeAnybodyIsTold(_ database: TestDatabase) async throws {
    try await serve(database) { fixture, vendor in
      let offer = try vendor.offer("2.3.0") {
        $0.isMigrationRequired = true
        $0.estimatedDowntime = "10 minutes"
      }
      try await fixture.pollVendor()
      #expect(try await fixture.notices() == [])
      try await fixture.fetchArtifacts()
      let row = try #require(await fixture.onlyRelease())
      #expect(row.isDownloaded && row.chartBucketPath == Self.path && row.artifactSha256 == offer.chartSha256)
      #expect(row.downloadedBytes == row.totalBytes && row.downloadedBytes > 100 && row.nextDownloadAt == nil)
      #expect(try await stored(fixture) == offer.chartSha256)
      #expect(try await fixture.notices() == ["migrationDowntime", "releaseAvailable"])
      #expect(try await fixture.messageCount("report") == 0)
      try await fixture.fetchArtifacts()
      #expect(vendor.requests("/api/artifacts/charts/").count == 1)
      #expect(try FileManager.default.contentsOfDirectory(atPath: fixture.parts.configuration.downloadsFolder).isEmpty)
    }
  }

  @Test func aBundleOfDockerComposeLiesUnderItsOwnPath() async throws {
    try await serve(environment: ["WRKTALK_DEPLOYMENT_TYPE": "docker"]) { fixture, vendor in
      let bundle = try TestArchive.bundle()
      try vendor.offer("2.3.0") { $0.composeSha256 = SHA256.digest(of: bundle).hexadecimal }
      vendor.change { $0.artifacts["2.3.0"] = bundle }
      try await fixture.pollVendor()
      try await fixture.fetchArtifacts()
      #expect(vendor.requests("/api/artifacts/charts/").first?.target == "/api/artifacts/charts/2.3.0?type=compose")
      #expect(try await stored(fixture, "artifacts/compose/wrktalk-2.3.0-compose.tar.gz") != nil)
    }
  }

  @Test(arguments: TestDatabase.available)
  func whatBrokeOffGoesOnWhereItWas(_ database: TestDatabase) async throws {
    try await serve(database) { fixture, vendor in
      let offer = try vendor.offer("2.3.0")
      vendor.change { $0.moods = [.cut(after: 100), .cut(after: 50)] }
      try await fixture.pollVendor()
      for _ in 0..<3 {
        try await fixture.fetchArtifacts()
        fixture.advance(.seconds(30))
      }
      #expect(try await stored(fixture) == offer.chartSha256)
      let requests = vendor.requests("/api/artifacts/charts/")
      #expect(requests.map { $0.headers["range"] } == [nil, "bytes=100-", "bytes=150-"])
      #expect(
        try await fixture.notices() == ["releaseAvailable"], "two failures are nothing that people should hear of")
    }
  }

  /// A server that sends another part, or the whole, or has another file by now.
  @Test(arguments: [[.ignoringRange], [.status(416), .ignoringRange], [.corrupt]] as [[FakeVendor.Mood]])
  func aWrongContinuationIsBegunAnew(_ moods: [FakeVendor.Mood]) async throws {
    try await serve { fixture, vendor in
      let offer = try vendor.offer("2.3.0")
      vendor.change { $0.moods = [.cut(after: 100)] + moods }
      try await fixture.pollVendor()
      for _ in 0..<4 {
        try await fixture.fetchArtifacts()
        fixture.advance(.seconds(120))
      }
      #expect(try await stored(fixture) == offer.chartSha256)
    }
  }

  @Test(arguments: TestDatabase.available)
  func error3_1AfterThreeTriesAdminsAndTheVendorHearOfItAndItGoesOn(_ database: TestDatabase) async throws {
    try await serve(database) { fixture, vendor in
      try vendor.offer("2.3.0")
      vendor.change { $0.moods = Array(repeating: .status(503), count: 5) }
      try await fixture.pollVendor()
      for _ in 0..<2 {
        try await fixture.fetchArtifacts()
        fixture.advance(.seconds(60))
      }
      #expect(try await fixture.onlyRelease()?.status == .pending)
      for _ in 0..<3 {
        try await fixture.fetchArtifacts()
        fixture.advance(.seconds(3600))
      }
      let row = try #require(await fixture.onlyRelease())
      #expect(row.status == .downloadFailed && row.downloadAttempts == 5 && row.downloadError?.contains("503") == true)
      #expect(try await fixture.notices() == ["downloadFailed"])
      let reports = try await fixture.outbox("report").map { $0["body"] }
      #expect(reports.count == 1 && reports.first??["status"] == "downloadFailed")
      #expect(reports.first??["reason"] == "DownloadFailed" && reports.first??["attemptId"]?.string == row.attemptID)
      try await fixture.fetchArtifacts()
      let whole = try #require(await fixture.onlyRelease())
      #expect(whole.status == .pending && whole.isDownloaded && whole.downloadError == nil && whole.errorMessage == nil)
      #expect(try await fixture.notices() == ["releaseAvailable"], "what failed is over")
    }
  }

  @Test(arguments: TestDatabase.available)
  func error3_2WhatIsNotWhatWasOfferedIsNeverKept(_ database: TestDatabase) async throws {
    try await serve(database) { fixture, vendor in
      try vendor.offer("2.3.0")
      let other = String(repeating: "f", count: 64)
      vendor.change { $0.moods = [.corrupt, .announcing(other), .corrupt] }
      try await fixture.pollVendor()
      for _ in 0..<3 {
        try await fixture.fetchArtifacts()
        fixture.advance(.seconds(60))
        #expect(try await stored(fixture) == nil)
      }
      #expect(try await fixture.onlyRelease()?.status == .downloadFailed)
      #expect(try await fixture.notices() == ["checksumMismatch"])
      #expect(try await fixture.outbox("report").first?["body"]?["reason"] == "ChecksumMismatch")
    }
  }

  @Test func whatCannotBeDeployedIsNotKept() async throws {
    let cases: [([UInt8], String)] = try [
      (TestArchive.chart("2.4.0"), "version"), (TestArchive.chart("2.3.0", name: "other"), "name"),
      (TestArchive.bundle(), "Chart.yaml"), (Array("no archive".utf8), "gzip"),
    ]
    for (archive, word) in cases {
      try await serve { fixture, vendor in
        try vendor.offer("2.3.0") { $0.chartSha256 = SHA256.digest(of: archive).hexadecimal }
        vendor.change { $0.artifacts["2.3.0"] = archive }
        try await fixture.pollVendor()
        try await fixture.fetchArtifacts()
        let row = try #require(await fixture.onlyRelease())
        #expect(row.status == .downloadFailed && row.failureReason == "ArtifactInvalid")
        #expect(row.downloadError?.contains(word) == true, "\(row.downloadError ?? "")")
        #expect(try await stored(fixture) == nil)
      }
    }
  }

  @Test func whatTheVendorHasNoMoreIsSaidAtOnce() async throws {
    try await serve { fixture, vendor in
      try vendor.offer("2.3.0")
      vendor.change { $0.artifacts = [:] }
      try await fixture.pollVendor()
      try await fixture.fetchArtifacts()
      #expect(try await fixture.onlyRelease()?.failureReason == "ArtifactNotAvailable")
    }
  }

  @Test(arguments: TestDatabase.available)
  func error3_3WhatTheBucketDoesNotTakeIsKeptAside(_ database: TestDatabase) async throws {
    let bucket = MoodyBucket()
    try await serve(database, bucket: bucket.bucket) { fixture, vendor in
      try vendor.offer("2.3.0")
      bucket.set(failing: true)
      try await fixture.pollVendor()
      for _ in 0..<4 {
        try await fixture.fetchArtifacts()
        fixture.advance(.seconds(3600))
      }
      let row = try #require(await fixture.onlyRelease())
      #expect(row.status == .pending && !row.isDownloaded && row.downloadError?.contains("bucket") == true)
      #expect(try await fixture.notices() == ["bucketUnavailable"])
      bucket.set(failing: false)
      try await fixture.fetchArtifacts()
      #expect(try await fixture.onlyRelease()?.isDownloaded == true)
      #expect(vendor.requests("/api/artifacts/charts/").count == 1, "it was here")
      #expect(try await fixture.notices() == ["bucketRecovered", "releaseAvailable"])
      #expect(try await fixture.messageCount("report") == 0)
    }
  }

  @Test func aFullDiskIsSaidAndWaitedFor() async throws {
    try await serve { fixture, vendor in
      let offer = try vendor.offer("2.3.0")
      let client = VendorClient(
        http: fixture.parts.http, connection: try #require(fixture.parts.configuration.vendor),
        now: { BackendFixture.start })
      let folder = DownloadFolder(path: fixture.parts.configuration.downloadsFolder)
      var download = ArtifactDownload(client: client, folder: folder)
      let demand = try ArtifactDemand(offer, runtime: .helm)
      download.reserve = .max / 2
      let error = await #expect(throws: DownloadFailure.self) {
        try await download.run(demand, type: "helm", byteCount: nil) { _, _ in }
      }
      #expect(error?.kind == .disk)
      download.reserve = 0
      download.maximumBytes = 100
      let tooLarge = await #expect(throws: DownloadFailure.self) {
        try await download.run(demand, type: "helm", byteCount: nil) { _, _ in }
      }
      #expect(tooLarge?.kind == .unusable)
    }
  }

  @Test(arguments: TestDatabase.available)
  func underATrustRootOnlyWhatTheVendorSignedIsFetched(_ database: TestDatabase) async throws {
    let folder = try TemporaryFolder()
    let signer = ReleaseSigner(now: BackendFixture.start)
    let root = try folder.write(signer.rootText, to: "root.json")
    try await serve(database, environment: ["WRKTALK_TRUST_ROOT_FILE": root]) { fixture, vendor in
      let offer = try vendor.offer("2.3.0")
      try await fixture.pollVendor()
      try await fixture.fetchArtifacts()
      let row = try #require(await fixture.onlyRelease())
      #expect(row.status == .downloadFailed && row.failureReason == "ReleaseNotSigned")
      #expect(vendor.requests("/api/artifacts/charts/").isEmpty)
      let chart = try TestArchive.chart("2.3.0")
      func signed(size: Int) throws -> String {
        signer.sign(
          Manifest(
            product: "wrktalk", version: "2.3.0", sequence: 1, issuedAt: BackendFixture.start,
            expires: BackendFixture.start + .seconds(86_400 * 30),
            artifacts: [.init(runtime: .helm, sha256: offer.chartSha256 ?? "", size: Int64(size))]))
      }
      // The size is signed, too.
      let wrong = try signed(size: chart.count - 1)
      try vendor.offer("2.3.0") { $0.manifest = wrong }
      fixture.advance(.seconds(3600))
      try await fixture.pollVendor()
      try await fixture.fetchArtifacts()
      #expect(try await fixture.onlyRelease()?.isDownloaded == false)
      let right = try signed(size: chart.count)
      try vendor.offer("2.3.0") { $0.manifest = right }
      for _ in 0..<3 {
        fixture.advance(.seconds(6 * 3600))
        try await fixture.pollVendor()
        try await fixture.fetchArtifacts()
      }
      let last = try await fixture.onlyRelease()
      #expect(
        last?.isDownloaded == true, "\(last?.failureReason ?? ""): \(last?.downloadError ?? last?.errorMessage ?? "")")
      #expect(last?.offer?.manifest == right)
    }
  }

  // MARK: Retention and old versions

  @Test(arguments: TestDatabase.available)
  func error3_4ACleanupThatFailsHoldsNothingUpAndIsMadeUpFor(_ database: TestDatabase) async throws {
    let bucket = MoodyBucket()
    try await serve(database, bucket: bucket.bucket) { fixture, vendor in
      for minor in 1...10 { try await fixture.parts.bucket.put(Self.key("1.\(minor).0"), .bytes([1])) }
      bucket.set(failingDeletion: true)
      try vendor.offer("2.3.0")
      try await fixture.pollVendor()
      try await fixture.fetchArtifacts()
      await #expect(throws: ObjectStorageError.self) { try await fixture.parts.intake.retention.pass() }
      let release = try #require(await fixture.onlyRelease())
      #expect(release.status == .pending && release.isDownloaded, "it can be scheduled")
      #expect(try await fixture.notices() == ["releaseAvailable"])
      bucket.set(failingDeletion: false)
      #expect(try await fixture.parts.intake.retention.pass() == ["1.1.0"])
    }
  }

  @Test(arguments: TestDatabase.available)
  func tenVersionsStayAndWhatSomebodyNeeds(_ database: TestDatabase) async throws {
    try await serve(database) { fixture, _ in
      for minor in 1...14 { try await fixture.parts.bucket.put(Self.key("2.\(minor).0"), .bytes([1])) }
      for foreign in ["artifacts/helm/other-1.0.0.tgz", "artifacts/helm/wrktalk-x.tgz", "config/values.yaml"] {
        try await fixture.parts.bucket.put(foreign, .bytes([1]))
      }
      try await fixture.alter("UPDATE deployment_config SET \"currentVersion\" = '2.1.0'")
      try await fixture.alter(
        "INSERT INTO agent_task (id, type, status, payload) VALUES ('done', 'deploy', 'completed', '{}')")
      try await fixture.alter(
        """
        INSERT INTO deployment_history (id, "gccReleaseId", "releaseName", version, "deployedAt", status, "taskId")
        VALUES ('h', 'r', 'v2.2.0', '2.2.0', '2026-01-01T00:00:00.000Z', 'success', 'done')
        """)
      try await fixture.alter(
        """
        INSERT INTO agent_task (id, type, payload)
        VALUES ('t', 'rollback', '{"chart": {"bucketPath": "artifacts/helm/wrktalk-2.3.0.tgz"}}')
        """)
      #expect(try await fixture.parts.intake.retention.pass() == ["2.4.0"])
      #expect(try await fixture.parts.intake.retention.pass() == [])
      let left = try await fixture.parts.bucket.list(prefix: "", limit: 100, continuation: nil).objects
      #expect(left.count == 16)
    }
  }

  private static func key(_ version: String) -> String { "artifacts/helm/wrktalk-\(version).tgz" }

  /// Spec §9.1.
  @Test(arguments: TestDatabase.available)
  func anOldVersionIsFetchedOnceMoreForAReturn(_ database: TestDatabase) async throws {
    try await serve(database) { fixture, vendor in
      let offer = try vendor.offer("2.3.0")
      try await fixture.pollVendor()
      try await fixture.fetchArtifacts()
      let queue = fixture.parts.intake.downloads
      func require() async throws -> ArtifactSource.Answer { try await queue.require(version: "2.3.0", at: Self.path) }
      #expect(try await require() == .available)
      #expect(vendor.requests("/api/artifacts/charts/").count == 1)
      try await fixture.parts.bucket.delete(Self.path)
      // Nobody waits while it comes, and who is killed meanwhile forgets nothing.
      #expect(try await require() == .coming(problem: nil))
      #expect(try await require() == .coming(problem: nil))
      try await fixture.withAnotherProcess { try await fixture.fetchArtifacts($0) }
      #expect(try await require() == .available)
      #expect(try await stored(fixture) == offer.chartSha256)
      #expect(vendor.requests("/api/artifacts/charts/").count == 2)
      #expect(try await fixture.parts.intake.retention.needed().contains("2.3.0"))
      for version in ["9.9.9", "../x"] {
        #expect(try await queue.require(version: version, at: "artifacts/helm/\(version)") == .unavailable)
      }
      try await fixture.parts.bucket.delete(Self.path)
      var artifacts: [String: [UInt8]] = [:]
      vendor.change { (artifacts, $0.artifacts) = ($0.artifacts, [:]) }
      #expect(try await require() == .coming(problem: nil))
      try await fixture.fetchArtifacts()
      #expect(try await require() == .unavailable)
      // What the vendor has again is fetched after a while.
      fixture.advance(.seconds(601))
      vendor.change { state in
        state.artifacts = artifacts
        state.moods = [.status(503)]
      }
      #expect(try await require() == .coming(problem: nil))
      try await fixture.fetchArtifacts()
      guard case .coming(_?) = try await require() else { return #expect(Bool(false), "what went wrong is said") }
      fixture.advance(.seconds(60))
      try await fixture.fetchArtifacts()
      #expect(try await require() == .available)
    }
  }

  /// "Downloaded" is not believed of what has left the bucket (spec §8.3).
  @Test(arguments: TestDatabase.available)
  func whatHasLeftTheBucketIsFetchedBeforeItIsScheduledAgain(_ database: TestDatabase) async throws {
    try await serve(database) { fixture, vendor in
      try vendor.offer("2.3.0")
      try await fixture.pollVendor()
      try await fixture.fetchArtifacts()
      let id = try #require(await fixture.onlyRelease()).id
      try await fixture.alter("UPDATE scheduled_deployment SET status = 'failed'")
      for minor in 4...13 { try await fixture.parts.bucket.put(Self.key("2.\(minor).0"), .bytes([1])) }
      #expect(try await fixture.parts.intake.retention.pass() == ["2.3.0"])
      #expect(try await fixture.deployment(id)?.isDownloaded == false)
      func schedule() async throws -> Int {
        try await fixture.send(.post, "/api/admin/deployment/schedule", ["deploymentId": .string(id)]).status
      }
      #expect(try await schedule() == 503)
      #expect(try await fixture.query("SELECT 1 FROM agent_task").isEmpty)
      try await fixture.fetchArtifacts()
      #expect(try await stored(fixture) != nil)
      #expect(try await fixture.parts.intake.retention.pass() == [])
      #expect(try await schedule() == 200)
    }
  }

  /// The upload of what is large takes longer than a process may be silent.
  @Test func whoIsStillAtItKeepsItsClaim() async throws {
    let (started, isStarted) = AsyncStream.makeStream(of: Void.self)
    let (goesOn, goOn) = AsyncStream.makeStream(of: Void.self)
    let folder = try TemporaryFolder()
    let bucket = InterceptedBucket(
      base: FileBucket(path: folder.path),
      before: { (call: InterceptedBucket.Call) async throws(ObjectStorageError) in
        guard call == .put else { return }
        isStarted.yield()
        for await _ in goesOn { break }
      })
    try await serve(bucket: bucket) { fixture, vendor in
      try vendor.offer("2.3.0")
      try await fixture.pollVendor()
      let parts = fixture.parts
      let client = VendorClient(
        http: parts.http, connection: try #require(parts.configuration.vendor), now: { fixture.now })
      let queue = DownloadQueue(
        database: fixture.database,
        ledger: DownloadLedger(
          settings: parts.configuration.deployment, organization: BackendFixture.organization, notices: parts.notices,
          reports: parts.reports),
        download: ArtifactDownload(
          client: client, folder: DownloadFolder(path: parts.configuration.downloadsFolder)),
        bucket: parts.bucket, trustRoot: TrustRootSource(path: nil), clock: HurriedClock(), now: { fixture.now },
        makeID: { randomReconcileID() }, logger: parts.logger, stored: {})
      let work = Task { try await queue.pass() }
      for await _ in started { break }
      for _ in 0..<3 {
        fixture.advance(.seconds(100))
        while try await fixture.onlyRelease()?.nextDownloadAt != fixture.now + DownloadLedger.lease {
          await Task.yield()
        }
      }
      try await fixture.withAnotherProcess { other in
        let next = try await other.intake.downloads.pass()
        #expect(next != .now, "it is claimed")
      }
      goOn.yield()
      _ = try await work.value
      #expect(try await fixture.onlyRelease()?.isDownloaded == true)
    }
  }
}

/// Every pause is over at once.
private struct HurriedClock: Clock {
  typealias Instant = ContinuousClock.Instant

  var now: Instant { ContinuousClock.now }
  var minimumResolution: Duration { .nanoseconds(1) }

  func sleep(until deadline: Instant, tolerance: Duration?) async throws {
    try Task.checkCancellation()
    await Task.yield()
  }
}

/// A folder that fails when a test says so.
final class MoodyBucket: Sendable {
  private let folder: TemporaryFolder
  private let fails = Mutex(false)
  private let failsDeletion = Mutex(false)

  init() {
    guard let folder = try? TemporaryFolder() else { preconditionFailure("/tmp is there") }
    self.folder = folder
  }

  func set(failing: Bool) { fails.withLock { $0 = failing } }
  func set(failingDeletion: Bool) { failsDeletion.withLock { $0 = failingDeletion } }

  var bucket: InterceptedBucket {
    InterceptedBucket(
      base: FileBucket(path: folder.path),
      before: { [self] (call: InterceptedBucket.Call) async throws(ObjectStorageError) in
        let isRefused =
          switch call {
          case .put, .head: fails.withLock { $0 }
          case .delete: failsDeletion.withLock { $0 }
          case .read, .list: false
          }
        guard isRefused else { return }
        throw ObjectStorageError(code: .accessDenied, bucket: "moody", detail: "the credentials have expired")
      })
  }
}
