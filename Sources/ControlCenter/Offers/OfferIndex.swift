import Cryptography
import Database
import FleetKinds
import FleetProtocol
import Logging
import ReleaseManifest
import ResourceModel
import ResourceStorage
import ServiceLifecycle
import Synchronization
import WireFormats

/// What every customer is offered, in memory: it follows the changes of releases and targets, so that a customer that asks for
/// updates costs no query.
final class OfferIndex: Service {
  /// A release as it is sent.
  struct Offer: Sendable, Hashable {
    var version: String
    var body: [UInt8]
    /// Changes with the body; in quotes.
    var entityTag: String
    /// True while it may be offered: published, and neither deprecated nor withdrawn.
    var isOffered: Bool
  }

  private struct State {
    var offers: [String: Offer] = [:]
    /// Versions that an organization is offered and has not finished.
    var versions: [String: [String]] = [:]
    var isLoaded = false
  }

  /// Buckets of targets whose release is offered, except to whoever let its deadline pass and has scheduled nothing:
  /// `TargetFacts.isOffered`.
  static let openBuckets: Set<TargetBucket> = [.notifying, .consent, .scheduled, .inProgress, .offline, .silent]

  private let database: any Database
  private let store: SQLResourceStore
  private let logger: Logger
  private let state = Mutex(State())

  init(database: any Database, store: SQLResourceStore, logger: Logger) {
    self.database = database
    self.store = store
    self.logger = logger
  }

  var isLoaded: Bool { state.withLock { $0.isLoaded } }

  /// The newest release that the organization is offered; nil where there is none.
  func offer(for organization: String) -> Offer? {
    state.withLock { state in
      let offers = (state.versions[organization] ?? []).compactMap { state.offers[$0] }.filter(\.isOffered)
      guard offers.count > 1 else { return offers.first }
      return offers.max { left, right in
        switch (SemanticVersion(left.version), SemanticVersion(right.version)) {
        case (let left?, let right?): left < right
        case (nil, _?): true
        default: false
        }
      }
    }
  }

  /// What a webhook about the release says; nil where there is no such release.
  func release(_ version: String) -> Offer? { state.withLock { $0.offers[version] } }

  /// The same, from the database where the changes have not told of it yet.
  func currentRelease(_ version: String) async throws -> Offer? {
    if let offer = release(version) { return offer }
    guard let stored = try await store.get(ReleaseKind.definition, ObjectKey(namespace: "", name: version)) else {
      return nil
    }
    return try Self.offer(try stored.value())
  }

  /// Follows the changes until the program ends. Where they cannot be followed any more, such as after the database was restored,
  /// it begins anew.
  func run() async throws {
    await cancelWhenGracefulShutdown { [self] in
      while !Task.isCancelled {
        do {
          try await follow()
        } catch is CancellationError {
          return
        } catch {
          logger.info("offers are read anew", metadata: ["reason": "\(error)"])
          try? await Task.sleep(for: .seconds(1))
        }
      }
    }
  }

  private func follow() async throws {
    let revision = try await load()
    let changes = { [store] (kind: ResourceDefinition) in
      try await store.watch(kind, namespace: nil, selector: .everything, after: revision)
    }
    let (releases, targets) = (
      try await changes(ReleaseKind.definition), try await changes(DeploymentTargetKind.definition)
    )
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { [self] in for try await change in releases { try apply(release: change) } }
      group.addTask { [self] in for try await change in targets { try apply(target: change) } }
      // Whichever ends, the other ends with it.
      defer { group.cancelAll() }
      _ = try await group.next()
      throw StatusError(.expired, "the watch ended")
    }
  }

  /// - Returns: the revision that what was read is not older than.
  private func load() async throws -> Int64 {
    let revision = try await store.currentRevision()
    var offers: [String: Offer] = [:]
    var query = ListQuery()
    repeat {
      let page = try await store.list(ReleaseKind.definition, query)
      for item in page.items {
        guard let offer = try? Self.offer(try item.value()) else { continue }
        offers[offer.version] = offer
      }
      query.continueToken = page.continueToken
    } while query.continueToken != nil
    var versions: [String: [String]] = [:]
    var last = ""
    let buckets = Self.openBuckets.map { "'\($0.rawValue)'" }.sorted().joined(separator: ", ")
    while true {
      let rows = try await database.transaction(.read) { [last] connection in
        try connection.query(
          """
          SELECT id, "organizationName", "releaseVersion" FROM gcc_deployment_target
          WHERE id > $1 AND bucket IN (\(buckets)) AND "offeredAt" IS NOT NULL
            AND (status <> 'deadlineExceeded' OR "scheduledFor" IS NOT NULL) ORDER BY id LIMIT 10000
          """, [.text(last)])
      }
      for row in rows { versions[row[1].text ?? "", default: []].append(row[2].text ?? "") }
      guard let next = rows.last?[0].text else { break }
      last = next
    }
    state.withLock { state in
      (state.offers, state.versions, state.isLoaded) = (offers, versions, true)
    }
    return revision
  }

  private func apply(release change: ObjectChange) throws {
    guard let object = change.object else { return }
    let name = object.key.name
    if change.kind == .deleted {
      state.withLock { $0.offers[name] = nil }
    } else {
      let offer = try Self.offer(try object.value())
      state.withLock { $0.offers[name] = offer }
    }
  }

  private func apply(target change: ObjectChange) throws {
    guard let object = change.object else { return }
    let value = try object.value()
    guard let organization = value["spec"]?["organization"]?.string, let version = value["spec"]?["release"]?.string
    else { return }
    let bucket = value["status"]?["bucket"]?.string.flatMap(TargetBucket.init(rawValue:))
    let isOpen =
      change.kind != .deleted && value["status"]?["offeredAt"]?.string != nil
      && bucket.map(Self.openBuckets.contains) ?? false
      && (value["status"]?["phase"]?.string != TargetPhase.deadlineExceeded.rawValue
        || value["status"]?["scheduledFor"]?.string != nil)
    state.withLock { state in
      var versions = state.versions[organization] ?? []
      versions.removeAll { $0 == version }
      if isOpen { versions.append(version) }
      state.versions[organization] = versions.isEmpty ? nil : versions
    }
  }

  /// The offer of a release's object.
  static func offer(_ object: JSONValue) throws -> Offer {
    let release = try object.decoded(as: Release.self)
    let spec = release.spec
    let offer = ReleaseOffer(
      releaseID: release.metadata.uid ?? "", version: release.metadata.name, chartSha256: spec.artifacts?.helmSha256,
      composeSha256: spec.artifacts?.composeSha256,
      imageTags: ReleaseOffer.ImageTags(
        backend: spec.imageTags.backend, media: spec.imageTags.media, controlTower: spec.imageTags.controlTower,
        agent: spec.imageTags.agent),
      newNonEssentialEnvs: (spec.newNonEssentialEnvs ?? []).map { .init(key: $0.key, value: $0.value) },
      isForced: spec.isForced, isMigrationRequired: spec.isMigrationRequired,
      estimatedDowntime: spec.estimatedDowntime, minCurrentVersion: spec.minCurrentVersion,
      releaseNotes: spec.releaseNotes, manifest: spec.manifest)
    let body = offer.body
    return Offer(
      version: offer.version, body: body, entityTag: "\"\(SHA256.digest(of: body).hexadecimal.prefix(32))\"",
      isOffered: spec.state == .published && !spec.withdrawn)
  }
}
