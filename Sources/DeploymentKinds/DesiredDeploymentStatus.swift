public import ResourceModel
public import WireFormats

public struct DesiredDeploymentStatus: Sendable, Hashable, Codable {
  /// What names a release exactly: enough to deploy it once more.
  public struct Release: Sendable, Hashable, Codable {
    public var version: String
    public var artifact: DesiredDeploymentSpec.Artifact
    /// The bucket key of the `.env` or values file it was deployed with.
    public var configPath: String?
    /// Where Helm's further values came from.
    public var valuesFrom: [DesiredDeploymentSpec.ValuesReference]?
    public var imageTags: [String: String]?
    /// The digest of the payload of the manifest that the vendor signed; nil where it carried none.
    public var releaseManifestSha256: String?

    public init(
      version: String, artifact: DesiredDeploymentSpec.Artifact, configPath: String? = nil,
      valuesFrom: [DesiredDeploymentSpec.ValuesReference]? = nil, imageTags: [String: String]? = nil,
      releaseManifestSha256: String? = nil
    ) {
      self.version = version
      self.artifact = artifact
      self.configPath = configPath
      self.valuesFrom = valuesFrom
      self.imageTags = imageTags
      self.releaseManifestSha256 = releaseManifestSha256
    }
  }

  /// The last good version: what the environment was last seen running in full health.
  public struct Current: Sendable, Hashable, Codable {
    public var version: String
    /// For Helm the revision of the release; for Compose the count of releases that ran in full health.
    public var revision: Int64
    /// The digest of that revision's manifest, for Helm: numbers begin anew where somebody uninstalls a release.
    public var manifestSha256: String?
    public var artifactSha256: String
    public var release: Release
    /// Service to image digest (`sha256:…`).
    public var imageDigests: [String: String]
    /// What each service of a Compose project was started as; drift is measured against it.
    public var services: [Service]?
    /// What of the release the engine keeps otherwise, and deploying cannot change: a sentence each.
    public var unapplied: [String]?
    /// What people should know of it though it runs, such as a setting that has no value: a sentence each.
    public var warnings: [String]?
    public var since: Timestamp

    public init(
      version: String, revision: Int64, manifestSha256: String? = nil, artifactSha256: String, release: Release,
      imageDigests: [String: String], services: [Service]? = nil, unapplied: [String]? = nil,
      warnings: [String]? = nil, since: Timestamp
    ) {
      self.version = version
      self.revision = revision
      self.manifestSha256 = manifestSha256
      self.artifactSha256 = artifactSha256
      self.release = release
      self.imageDigests = imageDigests
      self.services = services
      self.unapplied = unapplied
      self.warnings = warnings
      self.since = since
    }
  }

  public struct Service: Sendable, Hashable, Codable {
    public var name: String
    /// The image reference the container was created from, pinned to its digest where the registry gave one.
    public var image: String
    /// The engine's id of the image (`sha256:…`).
    public var imageID: String
    /// Compose's hash of the service's configuration.
    public var configHash: String
    public var replicas: Int
    /// True for a service that ended with exit code 0, or is there to: its work is done once a release, so that it is
    /// neither missed nor started again.
    public var runsToCompletion: Bool
    /// True for a service that may turn out to be one of those: it runs, but if it ends with exit code 0, it is done.
    public var mayComplete: Bool?
    /// What somebody could change in its containers while they run: limits, restart policy and networks, each by its name;
    /// what is left out is as the engine has it by default.
    public var settings: [String: String]?

    public init(
      name: String, image: String, imageID: String, configHash: String, replicas: Int, runsToCompletion: Bool = false,
      mayComplete: Bool? = nil, settings: [String: String]? = nil
    ) {
      self.name = name
      self.image = image
      self.imageID = imageID
      self.configHash = configHash
      self.replicas = replicas
      self.runsToCompletion = runsToCompletion
      self.mayComplete = mayComplete
      self.settings = settings
    }
  }

  public enum Step: String, Sendable, Hashable, Codable, CaseIterable {
    case preparing = "Preparing"
    case downloading = "Downloading"
    case verifying = "Verifying"
    case pulling = "Pulling"
    case starting = "Starting"
    case upgrading = "Upgrading"
    case rollingBack = "RollingBack"
    case waitingForWorkloads = "WaitingForWorkloads"
    case replacingAgent = "ReplacingAgent"
    case recording = "Recording"
    case uninstalling = "Uninstalling"
  }

  public struct Progress: Sendable, Hashable, Codable {
    public var step: Step
    public var done: Int
    public var total: Int
    public var message: String

    public init(step: Step, done: Int, total: Int, message: String) {
      self.step = step
      self.done = done
      self.total = total
      self.message = message
    }
  }

  /// Why the attempted generation failed; stays until it is tried again.
  public struct Failure: Sendable, Hashable, Codable {
    public var generation: Int64
    public var version: String
    public var reason: String
    public var message: String
    public var at: Timestamp

    public init(generation: Int64, version: String, reason: String, message: String, at: Timestamp) {
      self.generation = generation
      self.version = version
      self.reason = reason
      self.message = message
      self.at = at
    }
  }

  public struct HistoryEntry: Sendable, Hashable, Codable {
    public enum Outcome: String, Sendable, Hashable, Codable, CaseIterable {
      case deployed = "Deployed"
      case failed = "Failed"
      case rolledBack = "RolledBack"
    }

    /// The revision it became; absent where it never ran in health.
    public var revision: Int64?
    /// The digest of that revision's manifest, for Helm.
    public var manifestSha256: String?
    public var generation: Int64
    public var release: Release
    public var outcome: Outcome
    public var message: String
    public var startedAt: Timestamp
    public var completedAt: Timestamp
    public var imageDigests: [String: String]?
    /// Service to image reference, pinned to its digest: what a rollback to this revision starts.
    public var images: [String: String]?

    public init(
      revision: Int64?, manifestSha256: String? = nil, generation: Int64, release: Release, outcome: Outcome,
      message: String, startedAt: Timestamp, completedAt: Timestamp, imageDigests: [String: String]? = nil,
      images: [String: String]? = nil
    ) {
      self.revision = revision
      self.manifestSha256 = manifestSha256
      self.generation = generation
      self.release = release
      self.outcome = outcome
      self.message = message
      self.startedAt = startedAt
      self.completedAt = completedAt
      self.imageDigests = imageDigests
      self.images = images
    }
  }

  /// One term of one Agent's lead.
  public struct Agent: Sendable, Hashable, Codable {
    /// The process, as it stands in the Lease.
    public var identity: String
    /// How often the Lease had changed hands when this Agent took it.
    public var term: Int64

    public init(identity: String, term: Int64) {
      self.identity = identity
      self.term = term
    }
  }

  /// What a record deploys to; it stays the same for the record's life.
  public struct Target: Sendable, Hashable, Codable {
    public var runtime: DeploymentRuntimeKind
    /// The Compose project or Helm release.
    public var name: String

    public init(runtime: DeploymentRuntimeKind, name: String) {
      self.runtime = runtime
      self.name = name
    }
  }

  /// Whether a release that is not asked for yet would do well here, as the annotation `deploy.wrktalk.com/preflight` asked.
  public struct Preflight: Sendable, Hashable, Codable {
    public enum Outcome: String, Sendable, Hashable, Codable, CaseIterable {
      case passed = "Passed"
      case failed = "Failed"
      /// It can be deployed, but somebody should know.
      case warning = "Warning"
      /// It cannot be told here; the message says why.
      case skipped = "Skipped"
    }

    public struct Check: Sendable, Hashable, Codable {
      /// In CamelCase, such as `Images`.
      public var name: String
      public var status: Outcome
      public var message: String

      public init(_ name: String, _ status: Outcome, _ message: String) {
        self.name = name
        self.status = status
        self.message = message
      }
    }

    /// The SHA-256 of the annotation's value: another value asks again.
    public var request: String
    public var version: String
    /// As the annotation has it.
    public var requestedAt: String?
    /// How often it was begun.
    public var attempts: Int
    /// Nil where it has not ended.
    public var completedAt: Timestamp?
    public var checks: [Check]

    public static let checkLimit = 32

    public init(
      request: String, version: String, requestedAt: String? = nil, attempts: Int = 1, completedAt: Timestamp? = nil,
      checks: [Check] = []
    ) {
      self.request = request
      self.version = version
      self.requestedAt = requestedAt
      self.attempts = attempts
      self.completedAt = completedAt
      self.checks = checks
    }

    /// What a reader is to know of it: what did not pass, or that all did.
    public var sentences: [String] {
      let told = checks.filter { $0.status == .failed } + checks.filter { $0.status == .warning }
      let passed = checks.count { $0.status == .passed }
      return told.map { "\($0.name) \($0.status.rawValue.lowercased()): \($0.message)" }
        + ["\(passed) of \(checks.count) checks passed"]
    }
  }

  public var observedGeneration: Int64?
  /// Who last wrote this status. An Agent that finds another one's mark here has lost its lease meanwhile.
  public var agent: Agent?
  /// What was deployed to; nil where nothing was.
  public var target: Target?
  /// The last generation whose release the Agent began to deploy.
  public var lastAttemptedGeneration: Int64?
  /// When that attempt began.
  public var attemptStartedAt: Timestamp?
  /// The version of the trust root when it began; nil where releases need not be signed.
  public var trustRootVersion: Int64?
  /// The value of the retry annotation that was last acted upon.
  public var lastHandledRetryRequest: String?
  public var current: Current?
  public var progress: Progress?
  /// How often the attempted generation was tried.
  public var attempts: Int?
  /// How often the present attempt was resumed after the Agent ended in its midst.
  public var resumptions: Int?
  /// After a failure that may pass: nothing is tried again before this moment.
  public var nextAttemptAt: Timestamp?
  /// How many corrections of drift followed each other closely; the pause before the next one doubles with each.
  public var corrections: Int?
  public var failure: Failure?
  public var conditions: [Condition]?
  /// Newest first, at most `historyLimit`.
  public var history: [HistoryEntry]?
  public var preflight: Preflight?

  public static let historyLimit = 20

  public init(
    observedGeneration: Int64? = nil, agent: Agent? = nil, target: Target? = nil,
    lastAttemptedGeneration: Int64? = nil, attemptStartedAt: Timestamp? = nil,
    trustRootVersion: Int64? = nil, lastHandledRetryRequest: String? = nil, current: Current? = nil,
    progress: Progress? = nil, attempts: Int? = nil,
    resumptions: Int? = nil, nextAttemptAt: Timestamp? = nil, corrections: Int? = nil, failure: Failure? = nil,
    conditions: [Condition]? = nil, history: [HistoryEntry]? = nil, preflight: Preflight? = nil
  ) {
    self.observedGeneration = observedGeneration
    self.agent = agent
    self.target = target
    self.lastAttemptedGeneration = lastAttemptedGeneration
    self.attemptStartedAt = attemptStartedAt
    self.trustRootVersion = trustRootVersion
    self.lastHandledRetryRequest = lastHandledRetryRequest
    self.current = current
    self.progress = progress
    self.attempts = attempts
    self.resumptions = resumptions
    self.nextAttemptAt = nextAttemptAt
    self.corrections = corrections
    self.failure = failure
    self.conditions = conditions
    self.history = history
    self.preflight = preflight
  }
}
