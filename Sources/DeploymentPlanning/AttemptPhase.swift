import DeploymentKinds
import ResourceModel

/// How far the attempt to deploy the present generation has come, as the status says it.
///
/// The planner keeps nothing between two decisions: each records in the status what it begins, and the next one reads that
/// back, here and in `EnvironmentPhase`, `DriftPhase` and `UninstallPhase`, and nowhere else. Reasons that are not named
/// there, such as those of failures or of a newer Agent, say nothing about a phase.
///
/// ```
///                 the gates are open               it runs in full health
///   notBegun ─────────────────────────▶ deploying ─────────────────────────▶ concluded
///                                       ▲   │ │ ▲
///                      the pause is over│   │ │ │a retry is requested, or a new trust root may believe it
///                                       │   │ │ │
///                        betweenTries ──┘   │ │ └── failed
///                             ▲             │ │       ▲
///                             └─────────────┘ └───────┘
///                      it fails and may pass   it fails for good, or was tried or resumed too often
///
///   any phase ── a new generation ──▶ notBegun
/// ```
enum AttemptPhase: Sendable, Hashable {
  /// Nothing of this generation was begun.
  case notBegun
  /// A try is under way, or was when its Agent ended.
  case deploying
  /// The last try failed in a way that may pass; the next one follows after `status.nextAttemptAt`.
  case betweenTries
  /// The attempt failed for good. The failure policy decides what runs until somebody acts.
  case failed(DesiredDeploymentStatus.Failure)
  /// The attempt has come to its end and did not fail.
  case concluded

  init(_ status: DesiredDeploymentStatus?, generation: Int64) {
    if let failure = status?.failure, failure.generation == generation {
      self = .failed(failure)
    } else if status?.lastAttemptedGeneration != generation {
      self = .notBegun
    } else if status?.conditions?[DeploymentCondition.reconciling]?.knownReason == .deploying {
      self = status?.progress == nil ? .betweenTries : .deploying
    } else {
      self = .concluded
    }
  }

  /// True from the first try until the attempt has come to a good or bad end, also between two tries.
  var isOpen: Bool { self == .deploying || self == .betweenTries }
}

/// Whether what runs is as the current release wants it, as far as attempts and rollbacks are concerned.
///
/// ```
///               an attempt begins           the attempt fails             a rollback begins
///   settled ───────────────────▶ unsettled ───────────────▶ unsettled ───────────────────▶ rollingBack
///      ▲                            │                                                        │  │
///      │   it succeeds, or certainly touched nothing                                it fails │  │
///      ├────────────────────────────┘                          rollbackFailed ◀──────────────┘  │
///      │      the rollback succeeds, or what runs is found as it should be │                    │
///      └───────────────────────────────────────────────────────────────────┴────────────────────┘
/// ```
enum EnvironmentPhase: Sendable, Hashable {
  /// Deployed, brought back, never touched, or nothing was ever deployed.
  case settled
  /// An attempt may have touched the environment, and neither success nor a rollback followed: what runs may be neither
  /// the one release nor the other.
  case unsettled
  /// As before, and bringing back the current release was begun. That is recorded first, so that it counts also where the
  /// Agent that began it is gone.
  case rollingBack
  /// As before, and the last try to bring it back failed; the condition says why.
  case rollbackFailed(Condition)

  init(_ status: DesiredDeploymentStatus?) {
    let remediated = status?.conditions?[DeploymentCondition.remediated]
    guard let released = status?.conditions?[DeploymentCondition.released], released.status != .isTrue,
      remediated?.status != .isTrue
    else {
      self = .settled
      return
    }
    if let remediated {
      self = .rollbackFailed(remediated)
    } else if status?.conditions?[DeploymentCondition.reconciling]?.knownReason == .rollingBack {
      self = .rollingBack
    } else {
      self = .unsettled
    }
  }

  var isRollbackBegun: Bool {
    switch self {
    case .settled, .unsettled: false
    case .rollingBack, .rollbackFailed: true
    }
  }
}

extension DesiredDeploymentStatus {
  /// True where the present try certainly changed nothing so far, and found the environment as the current release wants
  /// it: it has verified no artifact yet and is the first run of the try.
  var hasTouchedNothing: Bool {
    conditions?[DeploymentCondition.released]?.knownReason == .deploying
      && conditions?.isTrue(DeploymentCondition.artifactVerified) != true && resumptions == nil
  }
}

/// What is known of drift, and what was last done about it.
enum DriftPhase: Sendable, Hashable {
  /// Nothing was compared since the last deployment.
  case unknown
  case inSync
  /// Something differs and is to be corrected, or is left as it is.
  case detected
  /// The last correction succeeded; the next one waits a while.
  case corrected
  case correctionFailed
  /// Nothing is left to correct, but the engine keeps something otherwise.
  case notApplied

  init(_ drifted: Condition?) {
    self =
      switch (drifted?.status, drifted?.knownReason) {
      case (nil, _): .unknown
      case (_, .notApplied?): .notApplied
      case (_, .correctionFailed?): .correctionFailed
      case (_, .corrected?): .corrected
      case (.isTrue?, _): .detected
      case (.isFalse?, _), (.unknown?, _): .inSync
      }
  }
}

/// How far the uninstallation of a deleted object has come.
enum UninstallPhase: Sendable, Hashable {
  case notBegun
  case uninstalling
  /// The condition says why, and since when.
  case failed(Condition)

  init(_ status: DesiredDeploymentStatus?) {
    if let released = status?.conditions?[DeploymentCondition.released], released.knownReason == .uninstallFailed {
      self = .failed(released)
    } else if status?.conditions?[DeploymentCondition.reconciling]?.knownReason == .uninstalling {
      self = .uninstalling
    } else {
      self = .notBegun
    }
  }
}
