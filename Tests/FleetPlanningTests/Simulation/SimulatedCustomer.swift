import FleetKinds
import FleetPlanning
import FleetProtocol
import WireFormats

/// A customer: what is true there, and what the vendor knows of it.
struct SimulatedCustomer {
  /// How a customer's program names its attempts.
  enum Style: Int, CaseIterable {
    case numbered
    case named
    /// As in spec §5.6: not at all.
    case bare
  }

  var name: String
  var labels: [String: String]
  var style: Style
  var hasWebhook: Bool
  var licenseExpiresAt: Timestamp?
  var pollInterval: Int
  /// Percent.
  var failureShare: Int
  var slowness: Int

  // What is true.
  var version: String
  var deploymentType: DeploymentType
  var isDown = false
  /// Its admin does not look at what is offered.
  var ignoresOffers: Bool
  var knownOffer: Timestamp?
  var attempt = 0
  var isActive = false
  /// Counts what it reported.
  var sequence = 0

  // What the vendor knows.
  var isRemoved = false
  var reportedVersion: String
  var lastSeen: Timestamp
  var target: TargetFacts?
  var stage = 0

  // What the checks need.
  var appliedSequence = 0
  var appliedAttempts: Set<Int> = []
  /// The vendor changed the target since the last report that was applied.
  var wasTouched = false

  var facts: OrganizationFacts {
    OrganizationFacts(
      name: name, labels: labels, deploymentType: deploymentType, currentVersion: reportedVersion,
      licenseExpiresAt: licenseExpiresAt,
      hasWebhookEndpoint: hasWebhook, hasTarget: target != nil)
  }

  func report(_ status: StatusReport.Status, _ releaseID: String, now: Timestamp, clockSkew: Duration) -> StatusReport {
    StatusReport(
      organizationName: name, releaseID: releaseID, status: status, deployedAt: now + clockSkew,
      currentVersion: version, reason: status == .failed ? "ImagePullFailed" : nil,
      attemptID: style == .bare ? nil : "\(name)-\(attempt)", attempt: style == .numbered ? Int64(attempt) : nil)
  }
}

/// A rule that did not hold.
struct Violation: Error, CustomStringConvertible {
  var seed: UInt64
  var step: Int
  var now: Timestamp
  var message: String
  var trace: [String]

  var description: String {
    """
    seed \(seed), step \(step), \(now): \(message). Run it again with FLEET_SEED=\(seed).
    \(trace.joined(separator: "\n"))
    """
  }
}

/// Faults that are put in to see that they are found.
enum PlantedFault: String, Sendable, CaseIterable {
  case lateReportsOverwrite
  case everyReportOfAnUnansweredTargetCounts
  case retriesForgetTheAttempt
  case offersForgetTheMinute
  case offersForgetTheLimit
  case offersWhilePaused
  case removedOrganizationsStayCounted
  case haltsOneFailureTooLate
  case stagesDoNotWait
  case halfOfADecisionIsLost
}
