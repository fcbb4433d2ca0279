import Audit
import CoreKinds
import Database
import DeploymentKinds
import FleetProtocol
import OfferPlanning
import ResourceModel
import ResourceStorage
import WireFormats

/// One transaction over the rows of deployments and their DesiredDeployment.
///
/// It locks `deployment_config` first, so that of two that decide about the one active task one waits for the other. What it leads to
/// beside its rows is gathered, and written at its end in the order that keeps transactions from waiting for each other in a circle.
struct DeploymentTransaction {
  /// The DesiredDeployment, as this transaction found it.
  struct Record {
    var stored: StoredObject
    var json: JSONValue
    var object: DesiredDeployment

    var generation: Int64 { object.metadata.generation ?? 1 }
    /// Whether somebody has asked for its deletion.
    var isGoing: Bool { object.metadata.deletionTimestamp != nil }
    /// Whether what its spec asks for runs in full health.
    var isInSync: Bool {
      let ready = object.status?.conditions?[DeploymentCondition.ready]
      return ready?.status == .isTrue && ready?.observedGeneration == generation
    }
  }

  private enum LoadedRecord {
    case unread
    case absent
    case present(Record)
  }

  static let manager = "wrktalk-backend"

  let context: DeploymentContext
  let connection: any SQLConnection
  let now: Timestamp
  var state: DeploymentState
  private let originalState: DeploymentState
  private var record = LoadedRecord.unread
  private var edit: RecordEdit?
  private var events: [Event] = []
  private var entries: [AuditEntry] = []
  private var notices: [AdminNotice] = []
  private var reports: [VendorReport] = []

  init(_ context: DeploymentContext, _ connection: any SQLConnection) throws {
    self.context = context
    self.connection = connection
    now = context.now()
    state = try DeploymentState.read(connection, locked: true)
    originalState = state
  }

  // MARK: What it leads to

  mutating func note(_ entry: AuditEntry) { entries.append(entry) }
  mutating func tell(_ notice: AdminNotice) { notices.append(notice) }

  mutating func report(
    _ status: StatusReport.Status, of deployment: ScheduledDeployment, _ detail: ReportDetail = .init()
  ) {
    guard let organization = context.organization else { return }
    reports.append(
      .status(
        StatusReport(
          organizationName: organization, releaseID: deployment.releaseID, status: status,
          deployedAt: detail.deployedAt, helmRevision: detail.helmRevision, currentVersion: state.currentVersion,
          errorMessage: detail.message.map(ReportText.cleaned), reason: detail.reason,
          attemptID: deployment.attemptID, attempt: deployment.attempt)))
  }

  mutating func reportSchedule(of deployment: ScheduledDeployment, at time: Timestamp) {
    guard let organization = context.organization else { return }
    reports.append(
      .scheduled(
        ScheduledReport(
          organizationName: organization, releaseID: deployment.releaseID, scheduledFor: time,
          attemptID: deployment.attemptID, attempt: deployment.attempt)))
  }

  struct ReportDetail {
    var deployedAt: Timestamp?
    var helmRevision: Int64?
    var reason: String?
    var message: String?
  }

  // MARK: The DesiredDeployment

  /// The DesiredDeployment; nobody else changes it before this transaction ends. Nil where there is none.
  mutating func currentRecord() throws -> Record? {
    switch record {
    case .absent: return nil
    case .present(let found): return found
    case .unread:
      let stored = try context.store.lock(DesiredDeploymentKind.definition, context.recordKey, in: connection)
      guard let found = stored.flatMap(Self.read) else {
        record = .absent
        return nil
      }
      record = .present(found)
      return found
    }
  }

  /// Nil for what another version of this program wrote and this one cannot read.
  static func read(_ stored: StoredObject) -> Record? {
    guard let json = try? stored.value(), let object = try? json.decoded(as: DesiredDeployment.self) else { return nil }
    return Record(stored: stored, json: json, object: object)
  }

  /// Has the DesiredDeployment ask for what a task orders, and makes it where it is not there.
  /// - Returns: the generation that asks for it.
  mutating func ask(for order: DeploymentOrder, task: String) throws -> Int64 {
    guard let found = try currentRecord() else {
      var edit = try RecordEdit(
        creating: order, context.target, namespace: context.settings.namespace, name: context.settings.name)
      try edit.ask(for: order, context.target, task: task)
      self.edit = edit
      return 1
    }
    if found.isGoing {
      throw StatusError(
        .conflict,
        "the DesiredDeployment \(context.recordKey) is being deleted: wait until it is gone, then schedule again")
    }
    let target = context.target
    return try change(found) { edit throws in try edit.ask(for: order, target, task: task) }
  }

  /// Takes back what a task that nobody has begun had asked for.
  mutating func takeBack(_ task: AgentTask) throws {
    guard task.generation != nil, let found = try currentRecord(), !found.isGoing,
      task.order?.matches(found.object.spec) == true
    else { return }
    _ = try change(found) { edit throws in try edit.takeBack(found.object, previous: task.previousSpec) }
  }

  /// Keeps the Agent that watches from doing anything.
  mutating func suspendRecord(for reason: String) throws {
    guard let found = try currentRecord(), !found.isGoing else { return }
    _ = try change(found) { edit throws in edit.suspend(for: reason) }
  }

  private mutating func change(_ found: Record, _ body: (inout RecordEdit) throws -> Void) throws -> Int64 {
    var edit = self.edit ?? RecordEdit(found.json)
    try body(&edit)
    self.edit = edit
    return found.generation + (edit.isSpecChanged ? 1 : 0)
  }

  /// Says on the DesiredDeployment what happened, for `kubectl describe`.
  mutating func announce(_ level: Event.Level, _ reason: String, _ message: String) throws {
    let found = try currentRecord()
    var metadata = ObjectMeta(
      name: "\(context.settings.name.prefix(200)).\(context.makeID().prefix(8))", namespace: context.settings.namespace)
    metadata.uid = context.makeID()
    metadata.creationTimestamp = now.wholeSeconds
    let names = DesiredDeploymentKind.names
    events.append(
      Event(
        metadata: metadata,
        involvedObject: Event.Reference(
          apiVersion: names.apiVersion, kind: names.kind, namespace: context.settings.namespace,
          name: context.settings.name, uid: found?.object.metadata.uid),
        reason: reason, message: String(message.prefix(4000)), source: Event.Source(component: Self.manager),
        firstTimestamp: now.wholeSeconds, lastTimestamp: now.wholeSeconds, type: level,
        reportingComponent: Self.manager))
  }

  // MARK: The end

  /// Writes what was gathered. Nothing of the transaction comes after it.
  mutating func finish() throws {
    if state != originalState { try state.write(connection, at: now) }
    if !entries.isEmpty { try context.audit.record(entries, in: connection) }
    try writeRecord()
    if !events.isEmpty {
      // Where there is no room for more Events, what happened has happened all the same.
      let writes = try events.map { ObjectWrite.create(object: try JSONValue(encoding: $0)) }
      _ = try context.store.write(Event.definition, writes, in: connection)
    }
    if !notices.isEmpty { try context.notices.record(notices, in: connection) }
    if !reports.isEmpty { try context.reports.record(reports, in: connection) }
  }

  private mutating func writeRecord() throws {
    guard let edit, edit.isChanged else { return }
    let definition = DesiredDeploymentKind.definition
    let ownership = FieldOwnership(definition)
    var object = edit.object
    let write: ObjectWrite
    let old: JSONValue?
    if case .present(let found) = record {
      if edit.isSpecChanged { object["metadata"]?["generation"] = .integer(found.generation + 1) }
      let managedFields = ownership.updated(
        from: found.json, to: object, requested: nil, by: Self.manager, at: now)
      object["metadata"]?["managedFields"] = managedFields
      write = .update(object: object, expected: found.stored.revision)
      old = found.json
    } else {
      try makeNamespace()
      object["metadata"]?["uid"] = .string(context.makeID())
      object["metadata"]?["creationTimestamp"] = .string(now.wholeSeconds.description)
      object["metadata"]?["generation"] = 1
      let managedFields = ownership.created(object, by: Self.manager, at: now)
      object["metadata"]?["managedFields"] = managedFields
      write = .create(object: object)
      old = nil
    }
    let errors = definition.validationErrors(in: object, old: old)
    guard errors.isEmpty else { throw StatusError.invalid(definition.names, context.settings.name, errors) }
    for outcome in try context.store.write(definition, [write], in: connection) { _ = try outcome.get() }
  }

  private func makeNamespace() throws {
    let names = NamespaceKind.names
    let key = ObjectKey(namespace: "", name: context.settings.namespace)
    guard try context.store.get(NamespaceKind.definition, key, in: connection) == nil else { return }
    let object = NamespaceKind.definition.applyDefaults(
      to: [
        "apiVersion": .string(names.apiVersion), "kind": .string(names.kind),
        "metadata": [
          "name": .string(key.name), "uid": .string(context.makeID()),
          "creationTimestamp": .string(now.wholeSeconds.description),
        ],
      ])
    // Where somebody else makes it at this moment, it is there as well.
    _ = try context.store.write(NamespaceKind.definition, [.create(object: object)], in: connection)
  }
}

extension DeploymentContext {
  /// Runs one transaction over deployments, to its end.
  func transaction<Value: Sendable>(
    _ body: @escaping @Sendable (inout DeploymentTransaction) throws -> Value
  ) async throws -> Value {
    try await database.transaction(.write) { connection in
      var transaction = try DeploymentTransaction(self, connection)
      let value = try body(&transaction)
      try transaction.finish()
      return value
    }
  }
}
