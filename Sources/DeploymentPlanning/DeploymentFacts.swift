public import DeploymentKinds
public import ResourceModel
public import Timing
public import WireFormats

/// What a decision needs to know besides the object itself.
public struct DeploymentFacts: Sendable, Hashable {
  public enum Environment: Sendable, Hashable {
    case notObserved
    case observed(EnvironmentObservation)
    /// The engine gave no answer.
    case unavailable(DeploymentFailure)
  }

  public enum License: Sendable, Hashable {
    case notChecked
    case valid
    /// The server knows no licences, so there is none to check.
    case notOffered
    /// The server checks licences, but was given none to check.
    case notConfigured
    case expired(at: Timestamp?)
    /// There is a licence, but it does not hold: forged, or for somebody else.
    case rejected(message: String)
    /// The server could not be asked.
    case unavailable(message: String)
  }

  /// Which releases the Agent believes.
  public enum Trust: Sendable, Hashable {
    /// Nobody deploys: a change is only described.
    case notConsidered
    /// Any: it was told so.
    case unsigned
    /// Those that were signed under this version of the product's trust root.
    case root(product: String, version: Int64)
    /// What it remembers of the trust root cannot be read.
    case damaged(message: String)
  }

  /// Why new releases have to wait, as the condition says it.
  public struct Staleness: Sendable, Hashable {
    public var reason: String
    public var message: String

    public init(reason: String, message: String) {
      self.reason = reason
      self.message = message
    }
  }

  /// Whether the Agent has its own account of what it deployed.
  public enum Account: Sendable, Hashable {
    case usable
    /// It could not be written.
    case unwritable(DeploymentFailure)
    /// It cannot be read, and will not be until somebody acts.
    case damaged(message: String)
  }

  public var now: Timestamp
  /// The runtime this Agent deploys with.
  public var runtime: DeploymentRuntimeKind
  public var environment: Environment
  public var license: License
  public var retry: RetryPolicy
  /// Another object that was there first and names the same Compose project or Helm release.
  public var owner: ObjectKey?
  public var trust: Trust
  /// Nil where it is known how new the vendor's news is.
  public var staleness: Staleness?
  /// Why the release that was deployed last is revoked, as half a sentence; nil where it is not.
  public var revocation: String?
  public var account: Account

  public init(
    now: Timestamp, runtime: DeploymentRuntimeKind = .compose, environment: Environment = .notObserved,
    license: License = .notChecked, retry: RetryPolicy = RetryPolicy(), owner: ObjectKey? = nil,
    trust: Trust = .notConsidered, staleness: Staleness? = nil, revocation: String? = nil, account: Account = .usable
  ) {
    self.now = now
    self.runtime = runtime
    self.environment = environment
    self.license = license
    self.retry = retry
    self.owner = owner
    self.trust = trust
    self.staleness = staleness
    self.revocation = revocation
    self.account = account
  }
}

/// Why a deployment, or a step of one, did not succeed.
public struct DeploymentFailure: Error, Sendable, Hashable, CustomStringConvertible {
  /// True where the same try may succeed later: the bucket, the engine or a server is unreachable, the disk is full.
  public var isTransient: Bool
  /// One word in CamelCase.
  public var reason: String
  /// What happened and what to do; never holds a secret.
  public var message: String

  public init(isTransient: Bool, reason: String, message: String) {
    self.isTransient = isTransient
    self.reason = reason
    self.message = message
  }

  public var description: String { "\(reason): \(message)" }

  /// True where the cluster itself did not answer: however long that lasts, it says nothing of a release.
  var isOutage: Bool { isTransient && reason == "ClusterUnreachable" }
}

/// How often and how soon a failed try is repeated (`maxAttempts`: spec §8.4, error 4.2).
public struct RetryPolicy: Sendable, Hashable {
  public var maxAttempts: Int
  /// How often one attempt is resumed after the Agent ended in its midst. The Agent may be stopped, or replace itself,
  /// without the release being at fault, but not again and again.
  public var maxResumptions: Int
  /// Between two attempts, and between two tries to bring back what ran. By default from 10 s, to which the jitter adds up
  /// to a quarter, to 300 s.
  public var backoff: Backoff
  /// Between the end of a correction of drift and the start of the next, where corrections follow each other closely.
  public var correctionBackoff: Backoff
  /// From 0 to below 1, drawn anew for each decision: the jitter of `backoff`.
  public var random: Double

  public init(
    maxAttempts: Int = 3, maxResumptions: Int = 5,
    backoff: Backoff = Backoff(base: .milliseconds(12_500), maximum: .seconds(375), jitter: 0.2),
    correctionBackoff: Backoff = Backoff(base: .seconds(5), maximum: .seconds(300), jitter: 0), random: Double = 0
  ) {
    self.maxAttempts = maxAttempts
    self.maxResumptions = maxResumptions
    self.backoff = backoff
    self.correctionBackoff = correctionBackoff
    self.random = random
  }

  /// The pause after that many attempts.
  public func delay(afterAttempts attempts: Int) -> Duration { backoff.delay(failures: attempts, random: random) }

  /// The pause after something that has been failing for `span`.
  public func delay(failingFor span: Duration) -> Duration { backoff.delay(failingFor: span, random: random) }

  /// No pause is longer; times are kept in whole seconds.
  var longestDelay: Duration { backoff.maximum + .seconds(1) }

  /// The pause after that many corrections in a row.
  public func pause(afterCorrections corrections: Int) -> Duration {
    correctionBackoff.delay(failures: corrections, random: 0)
  }
}
