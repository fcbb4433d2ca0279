import Cryptography
import Database
import FleetKinds
import FleetProtocol
import FoundationEssentials
import HTTPTransport
import Logging
import ResourceModel
import ResourceStorage
import Synchronization
import TestSupport
import WireFormats

@testable import Accounts
@testable import ControlCenter

/// The vendor's server without its HTTP front and its loops: a test takes each step itself, at the time that it says.
final class FleetFixture: Sendable {
  static let start = Timestamp(seconds: 1_800_000_000)

  let database: any Database
  let store: SQLResourceStore
  let parts: ControlCenterParts
  private let instance: TestDatabase.Instance
  private let clock: WallClock
  private let folder: TemporaryFolder

  private init(_ instance: TestDatabase.Instance, environment: [String: String]) async throws {
    self.instance = instance
    database = try await openDatabase(instance.url)
    let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    try await Migrator(ControlCenterProgram.migrations, logger: logger) { "2026-01-01T00:00:00Z" }.migrate(database)
    let clock = WallClock()
    store = SQLResourceStore(
      database: database, kinds: ControlCenterKinds.stored, options: ControlCenterServer.storeOptions { clock.now() },
      logger: logger)
    folder = try TemporaryFolder()
    let configuration = try ControlCenterConfiguration(
      environment: environment, dataFolder: folder.path, isEmbedded: true)
    // As the server does before it serves.
    for path in configuration.embeddedFolders {
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }
    guard let box = AES256GCM(key: [UInt8](0..<32)) else { preconditionFailure("32 bytes are a key") }
    parts = ControlCenterParts(
      database: database, store: store, box: box, configuration: configuration, dataFolder: folder.path,
      passwords: PasswordWork(cost: .trivial), now: { clock.now() }, makeID: { SecureRandom.identifier() },
      logger: logger)
    self.clock = clock
  }

  /// The time of day, which the test moves.
  private final class WallClock: Sendable {
    private let moment = Mutex(FleetFixture.start)
    func now() -> Timestamp { moment.withLock { $0 } }
    func advance(_ duration: Duration) { moment.withLock { $0 = $0 + duration } }
  }

  var now: Timestamp { clock.now() }
  func advance(_ duration: Duration) { clock.advance(duration) }

  static func with(
    _ kind: TestDatabase, environment: [String: String] = ["GCC_WEBHOOK_ALLOWED_ADDRESSES": "*"],
    _ body: (FleetFixture) async throws -> Void
  ) async throws {
    let fixture = try await FleetFixture(try await kind.create(), environment: environment)
    try await body(fixture)
    fixture.store.close()
    await fixture.parts.shutdown()
    await fixture.database.close()
  }

  // MARK: What there is

  func addOrganization(
    _ name: String, labels: [String: String] = [:], webhook: String? = nil, secret: String? = nil,
    currentVersion: String? = nil, licenseExpiresAt: Timestamp? = nil, deploymentType: DeploymentType = .kubernetes
  ) async throws {
    var metadata = metadata(name)
    metadata.labels = labels.isEmpty ? nil : labels
    let spec = OrganizationSpec(
      deploymentType: deploymentType, webhookEndpoint: webhook,
      license: licenseExpiresAt.map { OrganizationSpec.License(expiresAt: $0) })
    _ = try await store.write(
      OrganizationKind.definition,
      .create(object: try JSONValue(encoding: Organization(metadata: metadata, spec: spec))))
    if let secret { _ = try await parts.secrets.set(secret, for: name) }
    if let currentVersion {
      _ = try await parts.heartbeats.write([
        ReceivedHeartbeat(organization: name, heartbeat: Heartbeat(version: currentVersion))
      ])
    }
  }

  func addOrganizations(_ count: Int, prefix: String = "org") async throws -> [String] {
    let names = (0..<count).map { "\(prefix)-\(String(repeating: "0", count: 4 - String($0).count))\($0)" }
    var rows = RowSet([("name", .text)])
    for name in names { rows.append([.text(name)]) }
    let set = rows
    try await database.transaction(.write) { connection in
      _ = try connection.execute(
        "INSERT INTO organizational_service (name) SELECT r.name FROM \(set.source(connection.dialect)) WHERE true",
        [set.parameter])
    }
    return names
  }

  /// A release that is published, unless another state is given.
  func addRelease(
    _ version: String, state: ReleaseState = .published, minCurrentVersion: String? = nil, isForced: Bool = false
  ) async throws {
    let spec = ReleaseSpec(
      state: state, imageTags: ReleaseSpec.ImageTags(backend: "sha-abc"),
      artifacts: ReleaseSpec.Artifacts(helmSha256: String(repeating: "a", count: 64)), isForced: isForced,
      minCurrentVersion: minCurrentVersion)
    _ = try await store.write(
      ReleaseKind.definition,
      .create(object: try JSONValue(encoding: Release(metadata: metadata(version), spec: spec))))
  }

  func addRollout(_ name: String, _ spec: RolloutSpec) async throws {
    _ = try await store.write(
      RolloutKind.definition, .create(object: try JSONValue(encoding: Rollout(metadata: metadata(name), spec: spec))))
  }

  /// Changes a rollout as a person does.
  func change(_ name: String, _ body: (inout Rollout) -> Void) async throws {
    guard let stored = try await store.get(RolloutKind.definition, ObjectKey(namespace: "", name: name)) else { return }
    var rollout = try stored.value().decoded(as: Rollout.self)
    let before = rollout.spec
    body(&rollout)
    if rollout.spec != before { rollout.metadata.generation = (rollout.metadata.generation ?? 0) + 1 }
    _ = try await store.write(
      RolloutKind.definition, .update(object: try JSONValue(encoding: rollout), expected: stored.revision))
  }

  private func metadata(_ name: String) -> ObjectMeta {
    var metadata = ObjectMeta(name: name)
    metadata.uid = SecureRandom.identifier()
    metadata.generation = 1
    metadata.creationTimestamp = now
    return metadata
  }

  // MARK: What happens

  /// Steps of the rollouts until a step changes nothing.
  func settle() async throws {
    for _ in 0..<200 {
      let before = try await store.currentRevision()
      let due = try await parts.rollouts.pass()
      if due != .zero, try await store.currentRevision() == before { return }
    }
  }

  @discardableResult
  func report(
    _ organization: String, _ version: String, _ status: StatusReport.Status, attempt: String? = nil,
    number: Int64? = nil, reason: String? = nil, message: String? = nil, deployedAt: Timestamp? = nil,
    currentVersion: String? = nil
  ) async throws -> ReportOutcome {
    try await parts.reports.write([
      ReceivedReport(
        organization: organization,
        content: .status(
          StatusReport(
            organizationName: organization, releaseID: version, status: status, deployedAt: deployedAt,
            currentVersion: currentVersion, errorMessage: message, reason: reason, attemptID: attempt,
            attempt: number)))
    ])[0]
  }

  func heartbeat(_ organizations: String..., version: String? = nil) async throws {
    _ = try await parts.heartbeats.write(
      organizations.map { ReceivedHeartbeat(organization: $0, heartbeat: Heartbeat(version: version)) })
  }

  // MARK: What is seen

  func rollout(_ name: String) async throws -> Rollout {
    try await object(RolloutKind.definition, name).decoded(as: Rollout.self)
  }

  func target(_ organization: String, _ version: String) async throws -> DeploymentTarget {
    try await object(
      DeploymentTargetKind.definition, DeploymentTargetKind.name(organization: organization, release: version)
    ).decoded(as: DeploymentTarget.self)
  }

  func organization(_ name: String) async throws -> Organization {
    try await object(OrganizationKind.definition, name).decoded(as: Organization.self)
  }

  func object(_ definition: ResourceDefinition, _ name: String) async throws -> JSONValue {
    guard let stored = try await store.get(definition, ObjectKey(namespace: "", name: name)) else {
      throw StatusError(.notFound, "there is no \(definition.names.kind) \(name)")
    }
    return try stored.value()
  }

  func query(_ sql: String, _ parameters: [SQLValue] = []) async throws -> [SQLRow] {
    try await database.transaction(.read) { try $0.query(sql, parameters) }
  }

  @discardableResult
  func execute(_ sql: String) async throws -> Int {
    try await database.transaction(.write) { try $0.execute(sql) }
  }

  /// The counters, and what counting says; the two must always be equal.
  func counters(_ rollout: String) async throws -> (kept: [String: Int64], counted: [String: Int64]) {
    func dictionary(_ rows: [SQLRow]) -> [String: Int64] {
      Dictionary(uniqueKeysWithValues: rows.map { ("\($0[0].integer ?? -1)/\($0[1].text ?? "")", $0[2].integer ?? 0) })
        .filter { $0.value != 0 }
    }
    let kept = try await query(
      "SELECT stage, bucket, count FROM gcc_rollout_counter WHERE rollout LIKE $1 || '/%'", [.text(rollout)])
    let counted = try await query(
      """
      SELECT "stageIndex", bucket, count(*) FROM gcc_deployment_target WHERE "rolloutName" = $1 GROUP BY 1, 2
      """, [.text(rollout)])
    return (dictionary(kept), dictionary(counted))
  }
}

extension SecureRandom {
  /// As a UUID is written.
  fileprivate static func identifier() -> String {
    let digits = Hexadecimal.encode(bytes(count: 16))
    let cuts = [8, 4, 4, 4, 12]
    var rest = digits[...]
    return cuts.map { count in
      defer { rest = rest.dropFirst(count) }
      return String(rest.prefix(count))
    }.joined(separator: "-")
  }
}
