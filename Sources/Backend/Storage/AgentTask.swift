import Database
import DeploymentKinds
import OfferPlanning
import WireFormats

/// One attempt to deploy or roll back: a row of `agent_task` (spec §13).
struct AgentTask: Sendable, Hashable {
  var id: String
  var type: AgentTaskType
  var status: AgentTaskStatus
  /// Nil for a rollback to a revision, and where the deployment's row was removed.
  var deploymentID: String?
  /// What an Agent is given (spec §14.3).
  var payload: JSONValue
  var executeAfter: Timestamp
  var pickedUpAt: Timestamp?
  var lastHeartbeat: Timestamp?
  var completedAt: Timestamp?
  var result: JSONValue?
  var errorMessage: String?
  var failureReason: String?
  var attempts: Int64
  var maximumAttempts: Int64
  /// Who took it; nil before it was picked up.
  var executor: TaskExecutor?
  /// The generation of the DesiredDeployment that asks for it.
  var generation: Int64?
  var requestedBy: String?
  var isRollback: Bool
  var createdAt: Timestamp
  /// By name, the Agent that polls to whom it was handed out, and when; nil before.
  var claimedBy: String?
  var claimedAt: Timestamp?
  /// What it asks of the Agent that watches the DesiredDeployment.
  var order: DeploymentOrder?
  /// The DesiredDeployment's spec before it, where that was in sync.
  var previousSpec: DesiredDeploymentSpec?
  /// Whether the `.env` that a rollback would need was saved before it (spec §9.2).
  var isEnvironmentSaved: Bool
  /// Of the DesiredDeployment at the last sign of life.
  var recordRevision: Int64?

  static func columns(_ dialect: SQLDialect, of table: String = "t") -> String {
    func time(_ name: String) -> String { dialect.text(ofTime: "\(table).\"\(name)\"") }
    func column(_ name: String) -> String { "\(table).\"\(name)\"" }
    func text(_ name: String) -> String { "CAST(\(column(name)) AS text)" }
    return [
      column("id"), text("type"), text("status"), column("deploymentId"), text("payload"), time("executeAfter"),
      time("pickedUpAt"), time("lastHeartbeat"), time("completedAt"), text("result"), column("errorMessage"),
      column("failureReason"), column("attempts"), column("maxAttempts"), column("executor"), column("generation"),
      column("requestedBy"), column("isRollback"), time("createdAt"),
      column("claimedBy"), time("claimedAt"), text("deploymentOrder"), text("previousSpec"),
      column("isEnvironmentSaved"), column("recordRevision"),
    ].joined(separator: ", ")
  }

  /// - Parameter row: of a query that begins with `columns`.
  init(_ row: SQLRow) {
    func json(_ value: SQLValue) -> JSONValue? { value.text.flatMap { try? JSONValue(parsing: Array($0.utf8)) } }
    id = row[0].text ?? ""
    type = row[1].text.flatMap(AgentTaskType.init) ?? .deploy
    status = row[2].text.flatMap(AgentTaskStatus.init) ?? .failed
    deploymentID = row[3].text
    payload = json(row[4]) ?? .null
    executeAfter = row[5].time ?? Timestamp(seconds: 0)
    pickedUpAt = row[6].time
    lastHeartbeat = row[7].time
    completedAt = row[8].time
    result = json(row[9])
    errorMessage = row[10].text
    failureReason = row[11].text
    attempts = row[12].integer ?? 0
    maximumAttempts = row[13].integer ?? 3
    executor = row[14].text.flatMap(TaskExecutor.init)
    generation = row[15].integer
    requestedBy = row[16].text
    isRollback = row[17].boolean ?? false
    createdAt = row[18].time ?? Timestamp(seconds: 0)
    claimedBy = row[19].text
    claimedAt = row[20].time
    order = json(row[21]).flatMap { try? $0.decoded() }
    previousSpec = json(row[22]).flatMap { try? $0.decoded() }
    isEnvironmentSaved = row[23].boolean ?? false
    recordRevision = row[24].integer
  }

  static func find(id: String, in connection: any SQLConnection) throws -> AgentTask? {
    try connection.query(
      "SELECT \(columns(connection.dialect)) FROM agent_task AS t WHERE t.id = $1"
        + connection.dialect.forUpdate(of: "t"), [.text(id)]
    ).first.map(AgentTask.init)
  }

  /// The one that is to be done or being done; there is at most one (spec §10.3).
  static func active(in connection: any SQLConnection) throws -> AgentTask? {
    try connection.query(
      "SELECT \(columns(connection.dialect)) FROM agent_task AS t WHERE t.status IN ('pending', 'inProgress')"
        + connection.dialect.forUpdate(of: "t")
    ).first.map(AgentTask.init)
  }
}
