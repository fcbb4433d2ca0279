public import DeploymentKinds
public import ResourceModel
public import WireFormats

/// Changes of a DesiredDeployment that this program makes: of the fields that say which release, of the timeout where its operator
/// has set one, and of no others. What people set beside them (policies, intervals, values from Secrets) stays as it is.
public struct RecordEdit: Sendable {
  /// What the releases of this customer are deployed to.
  public struct Target: Sendable, Hashable {
    public var runtime: DeploymentRuntimeKind
    /// The Helm release or Compose project.
    public var name: String
    /// How long a release may take, where the operator has said so; nil leaves what the record says.
    public var timeout: DurationText?

    public init(runtime: DeploymentRuntimeKind, name: String, timeout: DurationText? = nil) {
      self.runtime = runtime
      self.name = name
      self.timeout = timeout
    }
  }

  /// Names the task that the record was last written for.
  public static let taskAnnotation = "deploy.wrktalk.com/task"
  /// There while this program keeps the record suspended, and why.
  public static let suspensionAnnotation = "deploy.wrktalk.com/suspendedFor"

  /// The fields of spec that this program sets.
  public static let fields = [
    "version", "artifact", "manifest", "imageTags", "newNonEssentialEnvs", "schedule", "rollbackTo",
  ]

  /// The object, as it is kept.
  public private(set) var object: JSONValue
  private let original: JSONValue

  public init(_ object: JSONValue) {
    self.object = object
    original = object
  }

  /// A record that is not there yet.
  public init(creating order: DeploymentOrder, _ target: Target, namespace: String, name: String) throws {
    original = .null
    let spec = DesiredDeploymentSpec(
      runtime: target.runtime, helm: target.runtime == .helm ? .init(releaseName: target.name) : nil,
      compose: target.runtime == .compose ? .init(projectName: target.name) : nil)
    let names = DesiredDeploymentKind.names
    object = [
      "apiVersion": .string(names.apiVersion), "kind": .string(names.kind),
      "metadata": ["name": .string(name), "namespace": .string(namespace)], "spec": try JSONValue(encoding: spec),
    ]
    try ask(for: order, target, task: nil)
    object = DesiredDeploymentKind.definition.applyDefaults(to: object)
  }

  public var isChanged: Bool { object != original }
  public var isSpecChanged: Bool { object["spec"] != original["spec"] }

  /// Asks for what a task orders. A suspension of this program's ends; one of somebody else's stays.
  public mutating func ask(for order: DeploymentOrder, _ target: Target, task: String?) throws {
    let carrier = DesiredDeploymentSpec(
      version: order.revision == nil ? order.version : nil, runtime: .helm, artifact: order.artifact,
      manifest: order.manifest, imageTags: order.imageTags, newNonEssentialEnvs: order.newNonEssentialEnvs,
      schedule: .init(notBefore: order.notBefore, startingDeadline: DurationText(TaskRule.startingDeadline)),
      rollbackTo: order.revision.map { .init(revision: $0) })
    try set(carrier)
    if let path = order.configPath {
      if object["spec"]?["helm"] != nil { object["spec"]?["helm"]?["valuesPath"] = .string(path) }
      if object["spec"]?["compose"] != nil { object["spec"]?["compose"]?["envPath"] = .string(path) }
    }
    if let timeout = target.timeout {
      for section in ["helm", "compose"] where object["spec"]?[section] != nil {
        object["spec"]?[section]?["timeout"] = .string(timeout.description)
      }
    }
    annotate(Self.taskAnnotation, task)
    if annotation(Self.suspensionAnnotation) != nil {
      object["spec"]?["suspend"] = false
      annotate(Self.suspensionAnnotation, nil)
    }
  }

  /// Asks for what was asked for before a task that nobody has begun, where that runs; else for what runs.
  /// - Parameter previous: the spec before the task, where the record was in sync with it.
  public mutating func takeBack(_ record: DesiredDeployment, previous: DesiredDeploymentSpec?) throws {
    annotate(Self.taskAnnotation, nil)
    if let previous, previous.rollbackTo != nil || previous.version == record.status?.current?.version {
      try set(previous)
      for (section, field) in [("helm", "valuesPath"), ("compose", "envPath")] where object["spec"]?[section] != nil {
        object["spec"]?[section]?[field] = previous.configPath.map { .string($0) }
      }
    } else if let current = record.status?.current {
      try set(
        DesiredDeploymentSpec(runtime: record.spec.runtime, rollbackTo: .init(revision: current.revision)))
    } else {
      suspend(for: "nothing is to be deployed until an admin schedules it")
    }
  }

  /// Keeps the Agent that watches from doing anything.
  public mutating func suspend(for reason: String) {
    guard object["spec"]?["suspend"] != true else { return }
    object["spec"]?["suspend"] = true
    annotate(Self.suspensionAnnotation, reason)
  }

  private mutating func set(_ carrier: DesiredDeploymentSpec) throws {
    let given = try JSONValue(encoding: carrier)
    for field in Self.fields { object["spec"]?[field] = given[field] }
  }

  private func annotation(_ name: String) -> String? { object["metadata"]?["annotations"]?[name]?.string }

  private mutating func annotate(_ name: String, _ value: String?) {
    var annotations = object["metadata"]?["annotations"] ?? [:]
    annotations[name] = value.map { .string($0) }
    object["metadata"]?["annotations"] = annotations.object?.isEmpty == false ? annotations : Optional.none
  }
}

extension DesiredDeploymentSpec {
  fileprivate var configPath: String? { runtime == .helm ? helm?.valuesPath : compose?.envPath }
}
