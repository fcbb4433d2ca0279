import Database
import DeploymentKinds
import HTTPTypes
import Logging
import OfferPlanning
import Reconciliation
import ResourceModel
import ResourceStorage
import Synchronization
import WireFormats

@testable import Backend

/// What tests of windows, policy and health watch need beside the customer's server.
extension BackendFixture {
  static let weekend: JSONValue = [
    "windows": [["days": ["Sat", "Sun"], "from": "02:00", "to": "05:00", "timeZone": "Europe/Berlin"]], "freezes": [],
  ]

  /// As the server answers it to somebody of that role.
  func send(
    _ method: HTTPRequest.Method, _ path: String, _ body: JSONValue? = nil, role: String = "admin"
  ) async throws -> BackendFront.Answer {
    try await BackendFront(self).send(method, path, body, token: role)
  }

  func execute(_ sql: String, _ parameters: [SQLValue] = []) async throws {
    _ = try await database.transaction(.write) { try $0.execute(sql, parameters) }
  }

  /// What runs, and that an Agent was heard of just now.
  func setRunning(_ version: String) async throws {
    let now = now
    _ = try await database.transaction(.write) { connection in
      try connection.execute(
        """
        UPDATE deployment_config SET "currentVersion" = $1, "lastAgentPoll" = \(connection.dialect.time("$2"))
        """, [.text(version), now.column])
    }
  }

  /// A release that was deployed just now, by a task.
  /// - Returns: the deployment's id.
  @discardableResult
  func addDeployed(_ version: String, isRollback: Bool = false) async throws -> String {
    let id = isRollback ? "none" : try await addDownloaded(Self.offer(version))
    let (task, now) = (randomReconcileID(), now)
    try await database.transaction(.write) { connection in
      let dialect = connection.dialect
      let time = dialect.time("$2")
      try connection.execute(
        """
        UPDATE scheduled_deployment SET status = 'success', attempt = 1, "completedAt" = \(time) WHERE id = $1
        """, [.text(id), now.column])
      try connection.execute(
        """
        INSERT INTO agent_task (id, type, status, payload, "completedAt", "createdAt", "isRollback", "deploymentId")
        VALUES ($1, '\(isRollback ? "rollback" : "deploy")', 'completed', '{}', \(time), \(time),
          \(dialect.boolean(isRollback)), (SELECT d.id FROM scheduled_deployment AS d WHERE d.id = $3))
        """, [.text(task), now.column, .text(id)])
      try connection.execute("UPDATE deployment_history SET \"isCurrent\" = \(dialect.boolean(false))")
      try connection.execute(
        """
        INSERT INTO deployment_history (id, "gccReleaseId", "releaseName", version, "deployedAt", status, "isCurrent",
          "isRollback", "taskId")
        VALUES ($1, 'rel', 'v', $3, \(time), 'success', \(dialect.boolean(true)), \(dialect.boolean(isRollback)), $1)
        """, [.text(task), now.column, .text(version)])
    }
    try await setRunning(version)
    return id
  }

  /// The DesiredDeployment's status as an Agent writes it just now.
  func setHealth(_ health: String, _ reason: String, version: String, message: String = "media 0/2 ready") async throws
  {
    let settings = parts.configuration.deployment
    let key = ObjectKey(namespace: settings.namespace, name: settings.name)
    let condition: JSONValue = [
      "type": "Healthy", "status": .string(health), "reason": .string(reason), "message": .string(message),
      "lastTransitionTime": .string(now.wholeSeconds.description),
    ]
    if let known = try await store.get(DesiredDeploymentKind.definition, key) {
      var object = try known.value()
      let others = (object["status"]?["conditions"]?.array ?? []).filter { $0["type"] != "Healthy" }
      object["status"]?["conditions"] = .array(others + [condition])
      _ = try await store.write(
        DesiredDeploymentKind.definition, .update(object: object, expected: known.revision))
      return
    }
    let artifact: JSONValue = ["path": "a", "sha256": .string(String(repeating: "a", count: 64))]
    let object: JSONValue = [
      "apiVersion": .string(DesiredDeploymentKind.names.apiVersion), "kind": "DesiredDeployment",
      "metadata": [
        "name": .string(key.name), "namespace": .string(key.namespace), "uid": "1", "generation": 1,
        "creationTimestamp": "2026-01-01T00:00:00Z",
      ],
      "spec": [
        "runtime": "Helm", "version": .string(version), "artifact": artifact, "failurePolicy": "RollBack",
        "drift": "Correct", "interval": "1m", "suspend": false, "helm": ["releaseName": "wrktalk", "timeout": "10m"],
      ],
      "status": [
        "observedGeneration": 1,
        "current": [
          "version": .string(version), "revision": 2, "artifactSha256": .string(String(repeating: "a", count: 64)),
          "release": ["version": .string(version), "artifact": artifact], "imageDigests": [:],
          "since": .string(now.description),
        ],
        "conditions": [condition],
      ],
    ]
    _ = try await store.write(DesiredDeploymentKind.definition, .create(object: object))
  }

  // MARK: What acts by itself

  /// What was asked of the scheduler, in its order.
  final class Asked: Sendable {
    let list = Mutex<[String]>([])
    var all: [String] { list.withLock { $0 } }
  }

  /// The rows that a scheduler leaves, and nothing else.
  /// - Parameter refusal: what a rollback is refused with.
  static func actions(_ asked: Asked, refusal: String? = nil) -> DeploymentActions {
    DeploymentActions(
      schedule: { id, time, connection in
        let dialect = connection.dialect
        try connection.execute(
          """
          UPDATE scheduled_deployment SET status = 'scheduled', "isAutomatic" = \(dialect.boolean(true)), attempt = 1,
            "scheduledFor" = \(dialect.time("$2")) WHERE id = $1
          """, [.text(id), time.column])
        try connection.execute(
          "INSERT INTO agent_task (id, type, status, payload, \"deploymentId\") VALUES ($1, 'deploy', 'pending', '{}', $2)",
          [.text(randomReconcileID()), .text(id)])
        asked.list.withLock { $0.append("schedule at \(time)") }
      },
      cancel: { id, reason, _ in asked.list.withLock { $0.append("cancel \(id): \(reason)") } },
      rollBack: { version, reason, connection in
        let id = randomReconcileID()
        try connection.execute(
          """
          INSERT INTO agent_task (id, type, status, payload, "isRollback")
          VALUES ($1, 'rollback', 'pending', '{}', \(connection.dialect.boolean(true)))
          """, [.text(id)])
        if let refusal { throw StatusError(.conflict, refusal) }
        asked.list.withLock { $0.append("roll back to \(version): \(reason)") }
        return id
      })
  }

  func automatic(_ actions: DeploymentActions) -> AutomaticDeployments {
    AutomaticDeployments(
      database: database, windows: parts.windows, notices: parts.notices, audit: parts.audit, actions: actions,
      now: { self.now }, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
  }

  func healthWatch(_ actions: DeploymentActions) -> HealthWatchService {
    let settings = parts.configuration.deployment
    return HealthWatchService(
      database: database, store: store, record: ObjectKey(namespace: settings.namespace, name: settings.name),
      notices: parts.notices, audit: parts.audit, actions: actions, now: { self.now },
      logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
  }

  func policy() async throws -> PolicyState {
    try await database.transaction(.read) { try PolicyState.read($0, locked: false) }
  }
}
