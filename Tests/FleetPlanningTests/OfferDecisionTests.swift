import FleetKinds
import FleetPlanning
import Testing
import WireFormats

@Suite struct OfferDecisionTests {
  private static let now = Timestamp(seconds: 1_800_000_000)
  private static let release = ReleaseFacts(version: "2.3.0", minCurrentVersion: "2.0.0")

  private static func decide(_ organization: OrganizationFacts) -> OfferDecision {
    OfferDecision.decide(release, for: organization, now: now)
  }

  @Test func anExpiredLicenceBlocksAndIsEscalated() throws {
    for expiry in [Self.now, Self.now + .seconds(-1)] {
      let decision = Self.decide(OrganizationFacts(name: "a", currentVersion: "2.2.0", licenseExpiresAt: expiry))
      guard case .blocked(let block) = decision else { throw Unexpected(decision) }
      #expect(block.reason == .licenseExpired)
      #expect(block.reason.escalation == .licenseExpired)
    }
    #expect(
      Self.decide(
        OrganizationFacts(name: "a", currentVersion: "2.2.0", licenseExpiresAt: Self.now + .milliseconds(1)))
        == .offer(.webhook, doubt: nil))
  }

  @Test func whatIsNothingForACustomerIsBlockedAndNobodyNeedLookAfterIt() throws {
    let chart = ReleaseFacts(version: "2.3.0", deploymentTypes: [.kubernetes])
    let examples: [(ReleaseFacts, OrganizationFacts, BlockReason?)] = [
      (chart, OrganizationFacts(name: "a", deploymentType: .docker), .artifactMissing),
      (chart, OrganizationFacts(name: "a", deploymentType: .kubernetes), nil),
      (ReleaseFacts(version: "2.3.0", deploymentTypes: []), OrganizationFacts(name: "a"), .artifactMissing),
      (chart, OrganizationFacts(name: "a", currentVersion: "2.3.1"), .newerVersion),
      (chart, OrganizationFacts(name: "a", currentVersion: "v2.10.0"), .newerVersion),
      (chart, OrganizationFacts(name: "a", currentVersion: "2.3.0-rc.1"), nil),
      (chart, OrganizationFacts(name: "a", currentVersion: "latest"), nil),
      (ReleaseFacts(version: "2.3.0", isReturn: true), OrganizationFacts(name: "a", currentVersion: "2.4.0"), nil),
    ]
    for (release, organization, reason) in examples {
      switch OfferDecision.decide(release, for: organization, now: Self.now) {
      case .blocked(let block):
        #expect(block.reason == reason && block.reason.escalation == nil && block.message.hasSuffix("."))
      case .offer: #expect(reason == nil, "\(organization)")
      case .alreadyThere: Issue.record("\(organization) is not there")
      }
    }
  }

  @Test(arguments: [
    ("1.99.0", true), ("2.0.0-rc.1", true), ("v1.9.9", true), ("2.0.0", false), ("2.2.0", false), ("2.2.10", false),
  ])
  func whoRunsAnOlderVersionThanTheMinimumIsBlocked(_ version: String, _ isBlocked: Bool) throws {
    switch Self.decide(OrganizationFacts(name: "a", currentVersion: version)) {
    case .blocked(let block):
      #expect(isBlocked)
      #expect(block.reason == .minVersionBlocked)
      #expect(block.reason.escalation == .minVersionBlocked)
      #expect(block.message.contains("2.0.0"))
    case .offer(_, let doubt):
      #expect(!isBlocked)
      #expect(doubt == nil)
    case .alreadyThere: Issue.record("there")
    }
  }

  @Test(arguments: [nil, "", "latest", "2", "2.3.0+build.7", "😀"] as [String?])
  func aVersionThatIsNotUnderstoodBlocksNobodyAndIsNamed(_ version: String?) throws {
    let decision = Self.decide(OrganizationFacts(name: "acme", currentVersion: version))
    guard case .offer(.webhook, let doubt?) = decision else { throw Unexpected(decision) }
    #expect(doubt.hasPrefix("Whether acme runs 2.0.0 or newer, as 2.3.0 needs, is not known: "))
    // Without a minimum there is nothing to doubt.
    #expect(
      OfferDecision.decide(
        ReleaseFacts(version: "2.3.0"), for: OrganizationFacts(name: "acme", currentVersion: version), now: Self.now)
        == .offer(.webhook, doubt: nil))
  }

  @Test(arguments: ["2.3.0", "v2.3.0"]) func whoRunsTheReleaseIsOfferedNothing(_ version: String) {
    #expect(Self.decide(OrganizationFacts(name: "a", currentVersion: version)) == .alreadyThere)
    #expect(
      Self.decide(OrganizationFacts(name: "a", currentVersion: version, licenseExpiresAt: Self.now)) == .alreadyThere)
  }

  @Test func withoutAWebhookThePollBringsIt() {
    let organization = OrganizationFacts(name: "a", currentVersion: "2.2.0", hasWebhookEndpoint: false)
    #expect(Self.decide(organization) == .offer(.poll, doubt: nil))
    let target = TargetFacts(releaseID: "r").offered(over: .poll, at: Self.now)
    #expect(target.phase == .notified)
    #expect(target.bucket == .consent)
  }
}

struct Unexpected: Error {
  var value: any Sendable
  init(_ value: any Sendable) { self.value = value }
}

@Suite struct TargetBucketTests {
  struct Example: Sendable, CustomTestStringConvertible {
    var target: TargetFacts
    var bucket: TargetBucket
    var testDescription: String { "\(target.phase) \(bucket)" }

    init(_ bucket: TargetBucket, _ phase: TargetPhase, _ change: (inout TargetFacts) -> Void = { _ in }) {
      target = TargetFacts(releaseID: "r", phase: phase)
      change(&target)
      self.bucket = bucket
    }
  }

  private static func offered(_ target: inout TargetFacts) { target.offeredAt = Timestamp(seconds: 1) }

  /// All that stands lower in the order of precedence.
  private static func everything(_ target: inout TargetFacts) {
    target.offeredAt = Timestamp(seconds: 1)
    target.blocked = .licenseExpired
    target.isOffline = true
    target.isSilent = true
  }

  @Test(arguments: [
    Example(.cancelled, .cancelled, everything), Example(.succeeded, .success, everything),
    Example(.failed, .failed, everything), Example(.failed, .rolledBack, everything),
    Example(.failed, .downloadFailed, everything), Example(.consent, .deadlineExceeded, offered),
    Example(.inProgress, .inProgress, offered), Example(.offline, .inProgress, everything),
    Example(.silent, .inProgress) { $0.isSilent = true }, Example(.scheduled, .scheduled, everything),
    Example(.blocked, .pending, everything), Example(.blocked, .notified, everything),
    Example(.blocked, .pending) { $0.blocked = .minVersionBlocked },
    Example(.waiting, .pending), Example(.waiting, .pending) { $0.isOffline = true },
    Example(.offline, .pending) {
      offered(&$0)
      $0.isOffline = true
      $0.isSilent = true
    },
    Example(.silent, .notified) {
      offered(&$0)
      $0.isSilent = true
    },
    Example(.notifying, .pending, offered), Example(.consent, .notified, offered),
    Example(.consent, .webhookFailed, offered),
  ])
  func isDerivedInTheOrderOfPrecedence(_ example: Example) { #expect(example.target.bucket == example.bucket) }

  @Test func retryKeepsWhichAttemptIsOver() {
    var target = TargetFacts(
      releaseID: "r", phase: .failed, offeredAt: Timestamp(seconds: 1), attemptID: "x", attempt: 2)
    target.errorMessage = "no"
    let retried = target.retried()
    #expect(retried.bucket == .waiting)
    #expect(retried.attemptID == "ended:x")
    #expect(retried.retried().attemptID == "ended:x")
    #expect(retried.attempt == 2)
    #expect(retried.errorMessage == nil)
  }
}

@Suite struct HealthStatusTests {
  @Test(
    arguments: [
      (0, .online), (599, .online), (600, .degraded), (3_599, .degraded), (3_600, .offline), (86_399, .offline),
      (86_400, .critical), (9_000_000, .critical), (-50, .online),
    ] as [(Int64, OrganizationHealth)])
  func changesAtTheBoundariesOfTheSpecification(_ silence: Int64, _ health: OrganizationHealth) {
    let seen = Timestamp(seconds: 1_800_000_000)
    let now = seen + .seconds(silence)
    #expect(HealthStatus.health(lastSeen: seen, now: now) == health)
  }

  @Test func oneThatWasNeverSeenHasNoHealth() {
    #expect(HealthStatus.health(lastSeen: nil, now: Timestamp(seconds: 0)) == nil)
    #expect(!HealthStatus.isOffline(nil))
    #expect(HealthStatus.isOffline(.critical) && HealthStatus.isOffline(.offline) && !HealthStatus.isOffline(.degraded))
  }

  @Test(arguments: [
    ("2.3.0", "2.4.0", TargetPhase.notified, true), ("2.3.0", "2.4.0", .webhookFailed, true),
    ("2.3.0", "2.4.0", .pending, true), ("2.3.0", "2.10.0", .notified, true), ("2.4.0", "2.4.0", .notified, false),
    ("2.5.0", "2.4.0", .notified, false), ("2.3.0", "custom", .notified, false), ("2.3.0", "2.4.0", .scheduled, false),
    ("2.3.0", "2.4.0", .inProgress, false), ("2.3.0", "2.4.0", .failed, false),
    ("2.3.0", "2.4.0", .deadlineExceeded, true), ("2.3.0", "2.4.0", .success, false),
  ])
  func whatIsOlderThanWhatRunsAndNotBegunIsOvertaken(
    _ version: String, _ running: String, _ phase: TargetPhase, _ isOvertaken: Bool
  ) {
    var target = TargetFacts(releaseID: "r", phase: phase, offeredAt: Timestamp(seconds: 0))
    #expect(OfferDecision.isOvertaken(target, version: version, by: running) == isOvertaken)
    target.offeredAt = nil
    #expect(!OfferDecision.isOvertaken(target, version: version, by: running))
    target = target.offered(over: .poll, at: Timestamp(seconds: 0)).blocked(for: .newerVersion)
    #expect(!OfferDecision.isOvertaken(target, version: version, by: running))
  }
}
