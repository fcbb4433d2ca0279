import Audit
import Database
import Logging
import OfferPlanning
import ResourceModel
import ResourceStorage
import WireFormats

/// What every step of a deployment needs.
struct DeploymentContext: Sendable {
  let database: any Database
  let store: SQLResourceStore
  let settings: DeploymentSettings
  /// As the vendor knows this customer; nil where there is no vendor to report to.
  let organization: String?
  let notices: NoticeLedger
  let reports: VendorReports
  let audit: AuditLedger
  let now: @Sendable () -> Timestamp
  let makeID: @Sendable () -> String

  /// Of the DesiredDeployment.
  var recordKey: ObjectKey { ObjectKey(namespace: settings.namespace, name: settings.name) }
  /// Of the Lease that an Agent holds that watches it.
  var leaseKey: ObjectKey { ObjectKey(namespace: settings.namespace, name: AgentBinding.standardLease) }

  var target: RecordEdit.Target {
    RecordEdit.Target(
      runtime: settings.kind.runtime,
      name: settings.kind == .kubernetes ? settings.helmReleaseName : settings.composeProjectName,
      timeout: settings.timeout.map(DurationText.init))
  }

  /// Of the values or the `.env` that a new release is deployed with.
  var configPath: String { settings.kind == .kubernetes ? settings.valuesPath : settings.envPath }
}

/// The row of `deployment_config`, as far as scheduling goes by it.
struct DeploymentState: Sendable, Hashable {
  var executor = TaskExecutor.record
  /// What runs, as far as is known.
  var currentVersion: String?
  var lastAgentPoll: Timestamp?
  var leaseRevision: Int64?

  /// - Parameter locked: whether other transactions wait until this one ends. Each that decides about tasks begins with it.
  static func read(_ connection: any SQLConnection, locked: Bool) throws -> DeploymentState {
    let dialect = connection.dialect
    let row = try connection.query(
      """
      SELECT c.executor, c."currentVersion", \(dialect.text(ofTime: "c.\"lastAgentPoll\"")), c."leaseRevision"
      FROM deployment_config AS c WHERE c.id = 1
      """ + (locked ? dialect.forUpdate(of: "c") : "")
    ).first
    guard let row else { return DeploymentState() }
    return DeploymentState(
      executor: row[0].text.flatMap(TaskExecutor.init) ?? .record, currentVersion: row[1].text,
      lastAgentPoll: row[2].time, leaseRevision: row[3].integer)
  }

  func write(_ connection: any SQLConnection, at now: Timestamp) throws {
    let dialect = connection.dialect
    try connection.execute(
      """
      UPDATE deployment_config SET executor = $1, "currentVersion" = $2, "lastAgentPoll" = \(dialect.time("$3")),
        "leaseRevision" = $4, "updatedAt" = \(dialect.time("$5"))
      WHERE id = 1
      """,
      [
        .text(executor.rawValue), SQLValue(currentVersion), SQLValue(lastAgentPoll?.columnText),
        SQLValue(leaseRevision), now.column,
      ])
  }
}
