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

public struct DesiredDeploymentSpec: Sendable, Hashable, Codable {
  public struct Artifact: Sendable, Hashable, Codable {
    /// The object's key in the customer's bucket.
    public var path: String
    /// 64 lower-case hexadecimal digits.
    public var sha256: String
    /// Base64 of an Ed25519 signature over the 64 hexadecimal digits of `sha256`, as ASCII.
    public var signature: String?

    public init(path: String, sha256: String, signature: String? = nil) {
      self.path = path
      self.sha256 = sha256
      self.signature = signature
    }
  }

  public struct Helm: Sendable, Hashable, Codable {
    public var releaseName: String
    public var valuesPath: String?
    public var timeout: DurationText

    public init(releaseName: String, valuesPath: String? = nil, timeout: DurationText = DurationText(.seconds(600))) {
      self.releaseName = releaseName
      self.valuesPath = valuesPath
      self.timeout = timeout
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
  public var imageTags: [String: String]?
  public var helm: Helm?
  public var compose: Compose?
  public var newNonEssentialEnvs: [Setting]?
  public var schedule: Schedule?
  public var failurePolicy: FailurePolicy
  public var drift: DriftPolicy
  public var interval: DurationText
  public var suspend: Bool
  public var rollbackTo: RollbackTarget?

  public init(
    version: String? = nil, runtime: DeploymentRuntimeKind, artifact: Artifact? = nil,
    imageTags: [String: String]? = nil,
    helm: Helm? = nil, compose: Compose? = nil, newNonEssentialEnvs: [Setting]? = nil, schedule: Schedule? = nil,
    failurePolicy: FailurePolicy = .rollBack, drift: DriftPolicy = .correct,
    interval: DurationText = DurationText(.seconds(60)), suspend: Bool = false, rollbackTo: RollbackTarget? = nil
  ) {
    self.version = version
    self.runtime = runtime
    self.artifact = artifact
    self.imageTags = imageTags
    self.helm = helm
    self.compose = compose
    self.newNonEssentialEnvs = newNonEssentialEnvs
    self.schedule = schedule
    self.failurePolicy = failurePolicy
    self.drift = drift
    self.interval = interval
    self.suspend = suspend
    self.rollbackTo = rollbackTo
  }
}
