import Database
import DeploymentKinds
import DeploymentPlanning
import FleetProtocol
import Logging
import OfferPlanning
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
  /// Of writing the record, which the Agent writes as well.
  private static let maximumTries = 8

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
    let watch = Task { [store, settings, clock, loop] in
      await store.followRecord(in: settings.namespace, clock: clock) { loop.wake() }
    }
    await loop.runUntilShutdown {
      try await self.pass()
      return .whenWoken
    }
    watch.cancel()
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
    guard let offer = next, !offer.isAsked(by: request, settings) else { return }
    try await ask(offer.preflightRequest(settings, at: now()), of: stored)
  }

  /// Asks once more.
  /// - Parameter id: of the offer; nil for the newest that is whole.
  /// - Throws: `notFound`, or `conflict` where there is nothing to ask about or nobody to ask.
  func askAgain(_ id: String?) async throws -> PreflightRequest {
    guard try await record() != nil else {
      throw StatusError(
        .conflict,
        "there is no DesiredDeployment \(key) yet, which the first deployment makes: until then no Agent looks at releases"
      )
    }
    let offer = try await database.transaction(.write) { connection in try Self.offer(id, connection) }
    guard let offer else {
      throw StatusError(
        .notFound, id.map { "there is no offer \($0.prefix(80))" } ?? "no release waits to be scheduled")
    }
    guard offer.isDownloaded else {
      throw StatusError(.conflict, "\(offer.releaseName) is not downloaded yet; it is looked at by itself once it is")
    }
    let request = offer.preflightRequest(settings, at: now())
    try await askNow(request)
    // What is known is of before, unless the Agent was so quick.
    try await database.transaction(.write) { connection in
      guard let row = try ScheduledDeployment.find(id: offer.id, in: connection), row.answeredRequest != request.digest
      else { return }
      try connection.execute("UPDATE scheduled_deployment SET preflight = NULL WHERE id = $1", [.text(row.id)])
    }
    return request
  }

  /// An Agent may write its status at the same moment.
  private func askNow(_ request: PreflightRequest) async throws {
    for attempt in 1... {
      guard let (stored, _) = try await record() else { return }
      do {
        return try await ask(request, of: stored)
      } catch let error as StatusError where error.reason == .conflict && attempt < Self.maximumTries {}
    }
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

  private static let waiting =
    "d.\"chartDownloaded\" AND d.status IN (\(LocalDeploymentStatus.sql(where: \.isWaiting)))"

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

  /// Keeps the answer with the offers that it is about as they are now.
  private func keep(_ answer: DesiredDeploymentStatus.Preflight, to request: PreflightRequest) async throws {
    let text = try JSONValue(encoding: answer).text
    let settings = settings
    try await database.transaction(.write) { connection in
      let dialect = connection.dialect
      let rows = try connection.query(
        """
        SELECT \(ScheduledDeployment.columns(dialect)) FROM scheduled_deployment AS d
        WHERE d.version = $1 AND d."artifactSha256" = $2
        """ + dialect.forUpdate(of: "d"), [.text(request.version), .text(request.artifact.sha256)]
      ).map(ScheduledDeployment.init)
      for row in rows where row.isAsked(by: request, settings) && row.answeredRequest != answer.request {
        try connection.execute(
          "UPDATE scheduled_deployment SET preflight = \(dialect.json("$1")) WHERE id = $2",
          [.text(text), .text(row.id)])
      }
    }
  }
}

extension ScheduledDeployment {
  fileprivate func preflightRequest(_ settings: DeploymentSettings, at now: Timestamp?) -> PreflightRequest {
    let offer = offer
    return PreflightRequest(
      version: version,
      artifact: .init(
        path: chartBucketPath ?? settings.artifactPath(version: version), sha256: artifactSha256?.lowercased() ?? ""),
      manifest: offer?.manifest, imageTags: offer?.imageTags.byService ?? [:],
      configPath: settings.kind == .docker ? settings.envPath : settings.valuesPath,
      requestedAt: now?.wholeSeconds.description)
  }

  /// Whether it is what a request asks about as it is now, whenever that was made.
  fileprivate func isAsked(by request: PreflightRequest?, _ settings: DeploymentSettings) -> Bool {
    request?.asksTheSame(as: preflightRequest(settings, at: nil)) ?? false
  }

  /// The digest of the request that was answered last.
  fileprivate var answeredRequest: String? { preflight?["request"]?.string }
}
