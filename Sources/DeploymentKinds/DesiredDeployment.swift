public import ResourceModel
public import WireFormats

/// The release that one environment should be on.
public typealias DesiredDeployment = Resource<DesiredDeploymentKind>

public enum DeploymentRuntimeKind: String, Sendable, Hashable, Codable, CaseIterable {
  case helm = "Helm"
  case compose = "Compose"
}

public enum FailurePolicy: String, Sendable, Hashable, Codable, CaseIterable {
  /// Return to the last good version.
  case rollBack = "RollBack"
  /// Leave everything as the failure left it.
  case hold = "Hold"
}

public enum DriftPolicy: String, Sendable, Hashable, Codable, CaseIterable {
  case correct = "Correct"
  case warn = "Warn"
  case ignore = "Ignore"
}

/// What becomes of the workloads when the DesiredDeployment is deleted.
public enum DeletionPolicy: String, Sendable, Hashable, Codable, CaseIterable {
  /// They go on running, and nobody looks after them.
  case orphan = "Orphan"
  /// The Compose project or Helm release is removed first. A project's volumes stay; of a release, what its chart or
  /// Kubernetes keeps.
  case uninstall = "Uninstall"
}

public struct DesiredDeploymentSpec: Sendable, Hashable, Codable {
  public struct Artifact: Sendable, Hashable, Codable {
    /// The object's key in the customer's bucket.
    public var path: String
    /// 64 lower-case hexadecimal digits.
    public var sha256: String

    public init(path: String, sha256: String) {
      self.path = path
      self.sha256 = sha256
    }
  }

  public struct Helm: Sendable, Hashable, Codable {
    public var releaseName: String
    public var valuesPath: String?
    /// Values from Secrets and ConfigMaps of the deployment's namespace, for settings that must not lie in a bucket. They
    /// are merged over the file at `valuesPath`, each over those before it.
    public var valuesFrom: [ValuesReference]?
    public var timeout: DurationText

    public init(
      releaseName: String, valuesPath: String? = nil, valuesFrom: [ValuesReference]? = nil,
      timeout: DurationText = DurationText(.seconds(600))
    ) {
      self.releaseName = releaseName
      self.valuesPath = valuesPath
      self.valuesFrom = valuesFrom
      self.timeout = timeout
    }
  }

  /// A key of a Secret or ConfigMap that holds a values file.
  public struct ValuesReference: Sendable, Hashable, Codable {
    public enum Kind: String, Sendable, Hashable, Codable, CaseIterable {
      case secret = "Secret"
      case configMap = "ConfigMap"
    }

    public var kind: Kind
    public var name: String
    /// Without one it is `values.yaml`.
    public var key: String?
    /// True: values that are not there are left out. False or nil: nothing is deployed without them.
    public var optional: Bool?

    public init(kind: Kind, name: String, key: String? = nil, optional: Bool? = nil) {
      self.kind = kind
      self.name = name
      self.key = key
      self.optional = optional
    }
  }

  /// Fields of live objects that others may change, such as the replicas that an autoscaler sets.
  public struct DriftIgnoreRule: Sendable, Hashable, Codable {
    public var kind: String
    /// Nil for every object of the kind.
    public var name: String?
    /// JSON pointers (RFC 6901); each stands for the field and everything under it.
    public var paths: [String]

    public init(kind: String, name: String? = nil, paths: [String]) {
      self.kind = kind
      self.name = name
      self.paths = paths
    }
  }

  public struct Compose: Sendable, Hashable, Codable {
    public var projectName: String
    /// The key of the `.env` file in the bucket; nil where the bundle needs none.
    public var envPath: String?
    public var timeout: DurationText

    public init(projectName: String, envPath: String? = nil, timeout: DurationText = DurationText(.seconds(600))) {
      self.projectName = projectName
      self.envPath = envPath
      self.timeout = timeout
    }
  }

  public struct Setting: Sendable, Hashable, Codable {
    public var key: String
    public var value: String

    public init(key: String, value: String) {
      self.key = key
      self.value = value
    }
  }

  public struct Schedule: Sendable, Hashable, Codable {
    public var notBefore: Timestamp
    public var startingDeadline: DurationText

    public init(notBefore: Timestamp, startingDeadline: DurationText = DurationText(.seconds(600))) {
      self.notBefore = notBefore
      self.startingDeadline = startingDeadline
    }
  }

  public struct RollbackTarget: Sendable, Hashable, Codable {
    public var revision: Int64

    public init(revision: Int64) { self.revision = revision }
  }

  /// Absent only with `rollbackTo`.
  public var version: String?
  public var runtime: DeploymentRuntimeKind
  /// Absent only with `rollbackTo`.
  public var artifact: Artifact?
  /// What the vendor signed of the release: the text of a DSSE envelope around a release manifest. The other fields must
  /// agree with it.
  public var manifest: String?
  public var imageTags: [String: String]?
  public var helm: Helm?
  public var compose: Compose?
  public var newNonEssentialEnvs: [Setting]?
  public var schedule: Schedule?
  public var failurePolicy: FailurePolicy
  public var drift: DriftPolicy
  /// Only for the runtime Helm.
  public var driftIgnore: [DriftIgnoreRule]?
  /// Nil, from a record of before there was a choice, means `Orphan`.
  public var deletionPolicy: DeletionPolicy?
  public var interval: DurationText
  public var suspend: Bool
  public var rollbackTo: RollbackTarget?

  public init(
    version: String? = nil, runtime: DeploymentRuntimeKind, artifact: Artifact? = nil,
    manifest: String? = nil, imageTags: [String: String]? = nil,
    helm: Helm? = nil, compose: Compose? = nil, newNonEssentialEnvs: [Setting]? = nil, schedule: Schedule? = nil,
    failurePolicy: FailurePolicy = .rollBack, drift: DriftPolicy = .correct, driftIgnore: [DriftIgnoreRule]? = nil,
    deletionPolicy: DeletionPolicy? = nil,
    interval: DurationText = DurationText(.seconds(60)), suspend: Bool = false, rollbackTo: RollbackTarget? = nil
  ) {
    self.version = version
    self.runtime = runtime
    self.artifact = artifact
    self.manifest = manifest
    self.imageTags = imageTags
    self.helm = helm
    self.compose = compose
    self.newNonEssentialEnvs = newNonEssentialEnvs
    self.schedule = schedule
    self.failurePolicy = failurePolicy
    self.drift = drift
    self.driftIgnore = driftIgnore
    self.deletionPolicy = deletionPolicy
    self.interval = interval
    self.suspend = suspend
    self.rollbackTo = rollbackTo
  }
}
