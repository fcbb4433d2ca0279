import DeploymentKinds
import FleetProtocol
import OfferPlanning
import WireFormats

/// What a customer's Backend keeps, as values: its decisions are the product's, and each function here is one transaction around them.
struct SimulatedBackend {
  struct Release {
    var id: String
    var releaseID: String
    var version: String
    var offer: ReleaseOffer
    var status: LocalDeploymentStatus
    var receivedAt: Timestamp
    var forceDeadline: Timestamp?
    var remindersSent: Int64 = 0
    var isDownloaded = false
    var artifactSha256: String?
    var downloadAttempts: Int64 = 0
    var nextDownloadAt: Timestamp?
    var attempt: Int64 = 0
    var attemptID: String?
    var isAutomatic = false
    var isDeclined = false
    var completedAt: Timestamp?
    var failureReason: String?
    /// When the vendor took the report of the present status.
    var reportedAt: Timestamp?
  }

  struct Work {
    var id: String
    /// Of the release; nil for a rollback to what no release is known of.
    var deploymentID: String?
    var isRollback = false
    var isAutomatic = false
    var status = AgentTaskStatus.pending
    var attempts: Int64 = 0
    var executeAfter: Timestamp
    var createdAt: Timestamp
    var order: DeploymentOrder
    var generation: Int64?
    var previousSpec: DesiredDeploymentSpec?
    var pickedUpAt: Timestamp?
    var lastHeartbeat: Timestamp?
    var recordRevision = 0

    var isActive: Bool { status == .pending || status == .inProgress }
  }

  struct Watched {
    var taskID: String
    var version: String
    var watch: HealthWatch
    var isOver = false
  }

  struct History {
    var taskID: String
    var version: String
    var status: LocalDeploymentStatus
    var deployedAt: Timestamp
    var isRollback: Bool
  }

  enum Report {
    case scheduled(ScheduledReport)
    case status(StatusReport)
  }

  struct Outgoing {
    var id: String
    var report: Report
  }

  /// What a transaction takes from outside.
  struct Turn {
    var now: Timestamp
    var fault: ChainFault?
    var makeID: () -> String
  }

  static let healthWatchLength: Duration = .seconds(1_800)

  let organization: String
  /// 24 hours at a real customer; other here, so that deadlines come before it is calm.
  var forcedTime: Duration = .seconds(24 * 3_600)
  var currentVersion: String?
  var policy = DeploymentPolicy.manual
  var automaticSince: Timestamp?
  var releases: [Release] = []
  var work: [Work] = []
  var history: [History] = []
  var watched: [Watched] = []
  var outbox: [Outgoing] = []
  var knownNotices: Set<String> = []
  /// Told since the beginning, in order.
  var told: [AdminNotice] = []
  var vendor = VendorSchedule()
  var lastPollAt: Timestamp?
  var pollFailures: Int64 = 0
  var tag: String?
  var offeredReleaseID: String?
  var offerProblem: String?
  // The DesiredDeployment, and the Agent's Lease.
  var record: DesiredDeployment?
  var recordRevision = 0
  var leaseRenewedAt: Timestamp?
  var seenRenewal: Timestamp?

  init(organization: String, currentVersion: String?) {
    self.organization = organization
    self.currentVersion = currentVersion
  }

  // MARK: What it leads to

  mutating func tell(_ notice: AdminNotice, _ turn: Turn) {
    guard knownNotices.insert(notice.id).inserted || turn.fault == .noticesForgetThatTheyWereTold else { return }
    told.append(notice)
  }

  mutating func resolveNotices(about fact: String) {
    knownNotices = knownNotices.filter { !$0.hasSuffix("/\(fact)") }
  }

  mutating func send(_ report: Report, _ turn: Turn) {
    let releaseID =
      switch report {
      case .scheduled(let report): report.releaseID
      case .status(let report): report.releaseID
      }
    for index in releases.indices where releases[index].releaseID == releaseID { releases[index].reportedAt = nil }
    outbox.append(Outgoing(id: turn.makeID(), report: report))
  }

  mutating func report(
    _ status: StatusReport.Status, of release: Release, deployedAt: Timestamp? = nil, revision: Int64? = nil,
    reason: String? = nil, _ turn: Turn
  ) {
    send(
      .status(
        StatusReport(
          organizationName: organization, releaseID: release.releaseID, status: status, deployedAt: deployedAt,
          helmRevision: revision, currentVersion: currentVersion, reason: reason, attemptID: release.attemptID,
          attempt: release.attempt)), turn)
  }

  /// The vendor has taken a report.
  mutating func settle(_ id: String, at now: Timestamp) {
    guard let place = outbox.firstIndex(where: { $0.id == id }) else { return }
    let (releaseID, status, attemptID): (String, String, String?) =
      switch outbox.remove(at: place).report {
      case .scheduled(let report): (report.releaseID, "scheduled", report.attemptID)
      case .status(let report): (report.releaseID, report.status.rawValue, report.attemptID)
      }
    for index in releases.indices where releases[index].releaseID == releaseID {
      let release = releases[index]
      guard release.status.rawValue == status,
        release.attemptID == nil || release.attemptID == attemptID ?? release.attemptID
      else { continue }
      releases[index].reportedAt = now
    }
  }

  func place(ofRelease id: String?) -> Int? { releases.firstIndex { $0.id == id } }
  func place(ofVersion version: String) -> Int? { releases.firstIndex { $0.version == version } }
  var activeWork: Int? { work.firstIndex(where: \.isActive) }
}
