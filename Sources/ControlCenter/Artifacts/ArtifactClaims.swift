import Database
import FleetPlanning
import Logging
import ResourceModel

/// Makes changes of one artifact follow each other, in all processes: its row and its object are two things that no
/// transaction spans.
///
/// A claim is a row that its holder renews while it works. Whoever finds one waits until it is gone or, where its
/// holder was killed, has expired; so nothing is blocked for longer than `lifetime`. A holder that could not renew its
/// claim for half of that gives up by itself, which leaves the other half for what it has sent to the bucket to arrive
/// or fail.
struct ArtifactClaims: Sendable {
  let database: any Database
  let makeID: @Sendable () -> String
  let logger: Logger
  var lifetime: Duration = .seconds(20)
  /// How long is waited for another holder.
  var patience: Duration = .seconds(60)

  /// Runs `body` as the only one who may change this artifact's object.
  /// - Parameter waits: false to give up at once where another holds it.
  /// - Returns: nil where another holds it.
  func holding<Value: Sendable>(
    _ key: ArtifactKey, waits: Bool = true, _ body: @escaping @Sendable (ArtifactClaim) async throws -> Value
  ) async throws -> Value? {
    let claim = ArtifactClaim(key: key, token: makeID())
    guard try await acquire(claim, waits: waits) else { return nil }
    do {
      let value = try await whileRenewing(claim) { try await body(claim) }
      await release(claim)
      return value
    } catch {
      await release(claim)
      throw error
    }
  }

  private func acquire(_ claim: ArtifactClaim, waits: Bool) async throws -> Bool {
    let start = ContinuousClock.now
    var delay: Duration = .milliseconds(20)
    while true {
      let lifetime = milliseconds(lifetime)
      let isOurs = try await database.transaction(.write) { connection in
        try VersionLock.take(claim.key.version, connection)
        return try claim.acquire(lifetime: lifetime, connection)
      }
      if isOurs { return true }
      guard waits, ContinuousClock.now - start < patience else { return false }
      try await Task.sleep(for: delay)
      delay = min(delay * 2, .milliseconds(500))
    }
  }

  private func whileRenewing<Value: Sendable>(
    _ claim: ArtifactClaim, _ body: @escaping @Sendable () async throws -> Value
  ) async throws -> Value {
    try await withThrowingTaskGroup(of: Value?.self) { group in
      group.addTask { try await body() }
      group.addTask {
        try await renew(claim)
        return nil
      }
      defer { group.cancelAll() }
      while let value = try await group.next() {
        if let value { return value }
      }
      throw CancellationError()
    }
  }

  /// Until the task is cancelled.
  /// - Throws: where the claim is another's, or could not be renewed in time.
  private func renew(_ claim: ArtifactClaim) async throws {
    var renewedAt = ContinuousClock.now
    while !Task.isCancelled {
      try? await Task.sleep(for: lifetime / 6)
      if Task.isCancelled { return }
      let start = ContinuousClock.now
      do {
        let lifetime = milliseconds(lifetime)
        let isOurs = try await database.transaction(.write) { try claim.renew(lifetime: lifetime, $0) }
        guard isOurs else { throw ArtifactClaim.lost }
        renewedAt = start
      } catch let error as StatusError {
        throw error
      } catch {
        if Task.isCancelled { return }
        logger.warning("could not renew the claim of an artifact", metadata: ["error": "\(error)"])
        guard ContinuousClock.now - renewedAt < lifetime / 2 else { throw ArtifactClaim.lost }
      }
    }
  }

  /// Also where the caller was cancelled: the next one need not wait. Where that fails the claim expires.
  private func release(_ claim: ArtifactClaim) async {
    let releasing = Task { try await database.transaction(.write) { try claim.release($0) } }
    do {
      try await releasing.value
    } catch {
      logger.warning("could not release the claim of an artifact; it expires", metadata: ["error": "\(error)"])
    }
  }

  /// Claims of processes that are gone: of an embedded database there is one process only, and it has just begun.
  func removeRemains() async throws {
    try await database.transaction(.write) { connection in
      if connection.dialect == .sqlite { try connection.execute("DELETE FROM artifact_claim") }
    }
  }

  private func milliseconds(_ duration: Duration) -> Int64 { Int64(duration / .milliseconds(1)) }
}

/// The right to change the object of one artifact, for a while.
struct ArtifactClaim: Sendable {
  let key: ArtifactKey
  let token: String

  static let lost = StatusError(
    .serviceUnavailable, "the upload was overtaken by another one of the same version; send it again",
    retryAfterSeconds: 5)

  private static func now(_ dialect: SQLDialect) -> String {
    switch dialect {
    case .postgresql: "CAST(extract(epoch FROM clock_timestamp()) * 1000 AS bigint)"
    case .sqlite: "CAST((julianday('now') - 2440587.5) * 86400000 AS integer)"
    }
  }

  private var parameters: [SQLValue] { [.text(key.version.text), .text(key.type.rawValue), .text(token)] }

  fileprivate func acquire(lifetime: Int64, _ connection: any SQLConnection) throws -> Bool {
    let now = Self.now(connection.dialect)
    return try !connection.query(
      """
      INSERT INTO artifact_claim (version, type, token, expires_at) VALUES ($1, $2, $3, \(now) + $4)
      ON CONFLICT (version, type) DO UPDATE SET token = excluded.token, expires_at = excluded.expires_at
      WHERE artifact_claim.expires_at < \(now)
      RETURNING token
      """, parameters + [.integer(lifetime)]
    ).isEmpty
  }

  fileprivate func renew(lifetime: Int64, _ connection: any SQLConnection) throws -> Bool {
    try !connection.query(
      """
      UPDATE artifact_claim SET expires_at = \(Self.now(connection.dialect)) + $4
      WHERE version = $1 AND type = $2 AND token = $3 RETURNING token
      """, parameters + [.integer(lifetime)]
    ).isEmpty
  }

  fileprivate func release(_ connection: any SQLConnection) throws {
    try connection.execute("DELETE FROM artifact_claim WHERE version = $1 AND type = $2 AND token = $3", parameters)
  }

  /// In the transaction that relies on it, after `VersionLock.take`.
  func requireHeld(_ connection: any SQLConnection) throws {
    let rows = try connection.query(
      """
      SELECT token FROM artifact_claim
      WHERE version = $1 AND type = $2 AND token = $3 AND expires_at >= \(Self.now(connection.dialect))
      """, parameters)
    if rows.isEmpty { throw Self.lost }
  }

  /// The types of this version that somebody is changing now.
  static func heldTypes(of version: ReleaseVersion, _ connection: any SQLConnection) throws -> [ArtifactType] {
    try connection.query(
      "SELECT type FROM artifact_claim WHERE version = $1 AND expires_at >= \(now(connection.dialect)) ORDER BY type",
      [.text(version.text)]
    ).compactMap { $0[0].text.flatMap(ArtifactType.init) }
  }
}

/// Makes transactions about one version follow each other. In SQLite all that write do.
enum VersionLock {
  /// First of all in a transaction that writes: what it reads afterwards is what the one before has committed.
  static func take(_ version: ReleaseVersion, _ connection: any SQLConnection) throws {
    guard connection.dialect == .postgresql else { return }
    _ = try connection.query("SELECT pg_advisory_xact_lock(hashtextextended($1, 7021890123466))", [.text(version.text)])
  }
}
