import Database
import DeploymentKinds
import DeploymentPlanning
import FleetProtocol
import Logging
import Reconciliation
import ResourceModel
import ResourceStorage
import ServerPrograms
import ServiceLifecycle
import Timing
import WireFormats

/// Has the Agent look at releases before anybody schedules them: asks by an annotation of the DesiredDeployment, one release after the
/// other, the newest first, and keeps the answer with the offer. What is not answered, as by an Agent that is away, stays asked.
final class PreflightController: Service {
  private static let manager = "wrktalk-backend"

  private let database: any Database
  private let store: SQLResourceStore
  private let settings: DeploymentSettings
  private let clock: any Clock<Duration>
  private let now: @Sendable () -> Timestamp
  private let loop: DueLoop

  init(
    database: any Database, store: SQLResourceStore, settings: DeploymentSettings,
    clock: any Clock<Duration> = ContinuousClock(), now: @escaping @Sendable () -> Timestamp, logger: Logger
  ) {
    var logger = logger
    logger[metadataKey: "controller"] = "preflight"
    self.database = database
    self.store = store
    self.settings = settings
    self.clock = clock
    self.now = now
    loop = DueLoop(
      longestWait: .seconds(30), backoff: Backoff(maximum: .seconds(60)), clock: clock, logger: logger)
  }

  private var key: ObjectKey { ObjectKey(namespace: settings.namespace, name: settings.name) }

  func run() async throws {
    let watch = Task { await self.watch() }
    await loop.runUntilShutdown {
      try await self.pass()
      return .whenWoken
    }
    watch.cancel()
  }

  private func watch() async {
    while !Task.isCancelled {
      do {
        let changes = try await store.watch(
          DesiredDeploymentKind.definition, namespace: settings.namespace, selector: .everything,
          after: try await store.currentRevision())
        loop.wake()
        for try await _ in changes { loop.wake() }
      } catch {
        if Task.isCancelled { return }
      }
      try? await clock.sleep(for: .seconds(1))
    }
  }

  /// Keeps what was answered, and asks what is to be asked next.
  func pass() async throws {
    guard let (stored, record) = try await record() else { return }
    let asked = record.metadata.annotations?[DesiredDeploymentKind.preflightAnnotation]
    let request = asked.flatMap { try? PreflightRequest(annotation: $0) }
    if let request, let answer = record.status?.preflight, answer.request == request.digest, answer.completedAt != nil {
      try await keep(answer, to: request)
    }
    let next = try await database.transaction(.read) { try Self.unanswered($0) }
    guard let offer = next, !offer.isAsked(by: request) else { return }
    try await ask(offer.preflightRequest(settings, at: now()), of: stored)
  }

  /// Asks once more.
  /// - Parameter id: of the offer; nil for the newest that is whole.
  /// - Throws: `notFound`, or `conflict` where there is nothing to ask about or nobody to ask.
  func askAgain(_ id: String?) async throws -> PreflightRequest {
    guard let (stored, _) = try await record() else {
      throw StatusError(
        .conflict,
        "there is no DesiredDeployment \(key) yet, which the first deployment makes: until then no Agent looks at releases"
      )
    }
    let offer = try await database.transaction(.write) { connection in
      let offer = try Self.offer(id, connection)
      guard let offer else {
        throw StatusError(
          .notFound, id.map { "there is no offer \($0.prefix(80))" } ?? "no release waits to be scheduled")
      }
      guard offer.isDownloaded else {
        throw StatusError(.conflict, "\(offer.releaseName) is not downloaded yet; it is looked at by itself once it is")
      }
      try connection.execute("UPDATE scheduled_deployment SET preflight = NULL WHERE id = $1", [.text(offer.id)])
      return offer
    }
    let request = offer.preflightRequest(settings, at: now())
    try await ask(request, of: stored)
    return request
  }

  // MARK: The record

  private func record() async throws -> (stored: StoredObject, record: DesiredDeployment)? {
    guard let stored = try await store.get(DesiredDeploymentKind.definition, key) else { return nil }
    return (stored, try JSONValue(parsing: stored.json).decoded(as: DesiredDeployment.self))
  }

  private func ask(_ request: PreflightRequest, of stored: StoredObject) async throws {
    let old = try JSONValue(parsing: stored.json)
    var object = old
    var annotations = object["metadata"]?["annotations"]?.object ?? [:]
    annotations[DesiredDeploymentKind.preflightAnnotation] = .string(request.annotation)
    object["metadata"]?["annotations"] = .object(annotations)
    let definition = DesiredDeploymentKind.definition
    let managed = FieldOwnership(definition).updated(
      from: old, to: object, requested: nil, by: Self.manager, at: now())
    object["metadata"]?["managedFields"] = managed
    _ = try await store.write(definition, .update(object: object, expected: stored.revision))
  }

  // MARK: Offers

  private static let waiting = "d.\"chartDownloaded\" AND d.status IN ('pending', 'missedSchedule', 'deadlineExceeded')"

  /// The newest that nobody looked at.
  private static func unanswered(_ connection: any SQLConnection) throws -> ScheduledDeployment? {
    try connection.query(
      """
      SELECT \(ScheduledDeployment.columns(connection.dialect)) FROM scheduled_deployment AS d
      WHERE \(waiting) AND d.preflight IS NULL AND d."declinedAt" IS NULL ORDER BY d."receivedAt" DESC, d.id LIMIT 1
      """
    ).first.map(ScheduledDeployment.init)
  }

  private static func offer(_ id: String?, _ connection: any SQLConnection) throws -> ScheduledDeployment? {
    if let id { return try ScheduledDeployment.find(id: id, in: connection) }
    return try connection.query(
      """
      SELECT \(ScheduledDeployment.columns(connection.dialect)) FROM scheduled_deployment AS d
      WHERE \(waiting) ORDER BY d."receivedAt" DESC, d.id LIMIT 1
      """
    ).first.map(ScheduledDeployment.init)
  }

  private func keep(_ answer: DesiredDeploymentStatus.Preflight, to request: PreflightRequest) async throws {
    let text = try JSONValue(encoding: answer).text
    try await database.transaction(.write) { connection in
      let value = connection.dialect == .postgresql ? "CAST($1 AS jsonb)" : "$1"
      try connection.execute(
        """
        UPDATE scheduled_deployment SET preflight = \(value)
        WHERE version = $2 AND "artifactSha256" = $3 AND preflight IS NULL
        """, [.text(text), .text(request.version), .text(request.artifact.sha256)])
    }
  }
}

extension ScheduledDeployment {
  func preflightRequest(_ settings: DeploymentSettings, at now: Timestamp) -> PreflightRequest {
    let offer = offer
    let tags = offer?.imageTags ?? .init()
    let named = [
      "backend": tags.backend, "media": tags.media, "controlTower": tags.controlTower, "agent": tags.agent,
    ]
    return PreflightRequest(
      version: version,
      artifact: .init(
        path: chartBucketPath ?? settings.artifactPath(version: version), sha256: artifactSha256?.lowercased() ?? ""),
      manifest: offer?.manifest, imageTags: named.filter { !$0.value.isEmpty },
      configPath: settings.kind == .docker ? settings.envPath : settings.valuesPath,
      requestedAt: now.wholeSeconds.description)
  }

  /// Whether it is what a request asks about, whenever that was made.
  func isAsked(by request: PreflightRequest?) -> Bool {
    request?.version == version && request?.artifact.sha256 == artifactSha256?.lowercased()
  }
}
