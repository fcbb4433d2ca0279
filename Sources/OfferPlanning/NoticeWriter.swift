public import WireFormats

/// Says notices in words: the specification's where it has some (spec §5.3 to §5.6, §8.3 to §8.5, §10, §11.2), and for each what to
/// do next. A switch over all kinds, so that none is without its text.
public struct NoticeWriter: Sendable {
  public var context: NoticeContext

  public init(_ context: NoticeContext) { self.context = context }

  /// - Parameters:
  ///   - createdAt: when the fact was found.
  ///   - preflight: how the release's checks ended, in sentences; nil where they are not known.
  public func text(_ notice: AdminNotice, createdAt: Timestamp, preflight: [String]? = nil) -> NoticeText {
    var text = words(notice, createdAt)
    if let organization = context.organization { text.add("Customer", NoticeProse.line(organization, maximum: 100)) }
    if notice.version != nil { text.add("Version", version(notice)) }
    if let time = notice.time { text.add(Self.timeLabel(notice.kind), context.time(time)) }
    if let reason = notice.reason { text.add("Reason", NoticeProse.line(reason, maximum: 100)) }
    if let preflight, !preflight.isEmpty {
      text.add("Preflight", preflight.map { NoticeProse.line($0, maximum: 300) }.joined(separator: "; "))
    }
    text.add("Noticed", context.time(createdAt))
    let quote = notice.detail.flatMap(NoticeProse.paragraph)
    text.quote = quote == text.subject ? nil : quote
    return text
  }

  /// Such as `v2.3.0`.
  private func version(_ notice: AdminNotice) -> String {
    guard let version = notice.version.map({ NoticeProse.line($0, maximum: 64) }), !version.isEmpty else {
      return "the release"
    }
    return version.hasPrefix("v") ? version : "v\(version)"
  }

  private func words(_ notice: AdminNotice, _ createdAt: Timestamp) -> NoticeText {
    switch notice.kind {
    case .releaseAvailable, .forcedUpdate, .migrationDowntime, .missedSchedule, .forcedReminder, .forcedUrgentReminder,
      .deadlineExceeded:
      offer(notice)
    case .deploymentScheduled, .automaticScheduled, .automaticOff, .deploymentStarted, .deploymentSucceeded,
      .deploymentCancelled, .rollbackStarted, .rollbackSucceeded, .versionUnavailable:
      course(notice)
    case .deploymentFailed, .composeFailed, .deploymentTimedOut, .rollbackFailed, .unhealthyAfterDeployment:
      failure(notice)
    case .downloadFailed, .checksumMismatch, .bucketUnavailable, .bucketRecovered, .vendorRefusesKey, .agentOffline,
      .agentBack,
      .licenseExpiring, .licenseExpired, .licenseBlocked, .test:
      surroundings(notice, createdAt)
    }
  }

  private static func timeLabel(_ kind: AdminNotice.Kind) -> String {
    switch kind {
    case .deploymentScheduled, .automaticScheduled, .missedSchedule: "Scheduled for"
    case .releaseAvailable, .forcedUpdate, .forcedReminder, .forcedUrgentReminder, .deadlineExceeded: "Deadline"
    case .licenseExpiring, .licenseExpired, .licenseBlocked: "Expiry"
    case .agentOffline: "Last seen"
    default: "Time"
    }
  }

  // MARK: Releases and deadlines

  private func offer(_ notice: AdminNotice) -> NoticeText {
    let version = version(notice)
    let schedule = "Schedule \(version) in the Control Tower, or tell us there why not now."
    switch notice.kind {
    case .forcedUpdate:
      return NoticeText(
        .warning, "FORCED UPDATE: \(version) must be deployed within 24 hours",
        "The vendor requires \(version). It is not deployed by itself: somebody has to schedule it before the deadline.",
        [schedule, "After the deadline the vendor is told that it was not deployed."])
    case .migrationDowntime:
      return NoticeText(
        .warning, "Deployment \(version) brings a migration: plan for downtime",
        "The release changes the database. While that goes on, the product may not answer.",
        ["Choose a time when the downtime does no harm, and tell your users.", schedule])
    case .missedSchedule:
      return NoticeText(
        .warning, "Scheduled deployment missed, please reschedule",
        "The scheduled time of \(version) has passed without a start. Nothing was changed, and it is not made up for by itself.",
        ["Check that the Agent runs: \(agentCheck).", "Schedule \(version) again in the Control Tower."])
    case .forcedReminder:
      return NoticeText(
        .warning, "12 hours remaining to deploy \(version)",
        "The vendor requires \(version), and it is not scheduled yet.", [schedule])
    case .forcedUrgentReminder:
      return NoticeText(
        .critical, "⚠️ 4 hours remaining to deploy \(version)",
        "The vendor requires \(version), and it is not scheduled yet.", [schedule])
    case .deadlineExceeded:
      return NoticeText(
        .critical, "CRITICAL: Forced update deadline exceeded",
        "\(version) was not deployed in time. It is not deployed by itself; the vendor was told.",
        ["Schedule \(version) now in the Control Tower: that closes the vendor's escalation once it is deployed."])
    default:
      return NoticeText(
        .info, "New release \(version) available. Please schedule deployment.",
        "The vendor offers \(version). Nothing is deployed before somebody schedules it.",
        [schedule, "Read its notes, and look at what the preflight says once the release is downloaded."])
    }
  }

  // MARK: The course of a deployment

  private func course(_ notice: AdminNotice) -> NoticeText {
    let version = version(notice)
    let time = notice.time.map(NoticeContext.utc) ?? "the next window"
    let watch = "Follow it in the Control Tower."
    switch notice.kind {
    case .automaticScheduled:
      return NoticeText(
        .info, "Deployment \(version) scheduled automatically for \(time)",
        "The deployment policy is Automatic, and this is the next maintenance window.",
        ["Nothing, if that suits you. Otherwise cancel it or choose another time in the Control Tower."])
    case .automaticOff:
      return NoticeText(
        .warning, "Automatic deployments are off until an admin turns them on",
        "A deployment failed, or what it had deployed was left again, so none follows by itself.",
        ["Find out why, then set the deployment policy to Automatic again in the Control Tower."])
    case .deploymentStarted:
      return NoticeText(.info, "Deployment \(version) started", "The Agent deploys \(version) now.", [watch])
    case .deploymentSucceeded:
      return NoticeText(
        .info, "Deployment \(version) completed successfully", "\(version) runs in full health.",
        ["Nothing. If your users find a fault, roll back in the Control Tower."])
    case .deploymentCancelled:
      return NoticeText(
        .info, "Deployment \(version) cancelled", "It will not be carried out; what ran goes on.",
        ["Schedule it again in the Control Tower when you want it."])
    case .rollbackStarted:
      return NoticeText(.warning, "Rollback to \(version) started", "The Agent goes back to \(version) now.", [watch])
    case .rollbackSucceeded:
      return NoticeText(
        .info, "Rollback to \(version) completed successfully",
        "\(version) runs in full health. Non-essential settings are as they were before the rollback.",
        ["Compare the settings in the Control Tower with what \(version) needs."])
    case .versionUnavailable:
      return NoticeText(
        .warning, "Version not available",
        "The rollback to \(version) cannot be done: neither your bucket nor the vendor has it any more.",
        ["Choose another version in the Control Tower, or ask the vendor for this one."])
    default:
      return NoticeText(
        .info, "Deployment \(version) scheduled for \(time)",
        "It begins at that time if the Agent runs and the licence is valid.",
        ["Nothing. To change your mind, cancel it or choose another time in the Control Tower."])
    }
  }

  // MARK: Failures

  private func failure(_ notice: AdminNotice) -> NoticeText {
    let version = version(notice)
    let error = notice.detail.map { NoticeProse.line(Self.firstLine($0), maximum: 160) } ?? "no reason was reported"
    switch notice.kind {
    case .composeFailed:
      return NoticeText(
        .critical, "CRITICAL: Compose failed - manual intervention",
        "The deployment of \(version) failed half-way: some services may run the new version and others the old one.",
        [
          "See what runs: docker compose ps, and docker compose logs for what does not.",
          "Roll back in the Control Tower, or mend the cause and deploy \(version) again.",
        ])
    case .deploymentTimedOut:
      return NoticeText(
        .critical, "Deployment timed out - check Agent status",
        "The Agent has said nothing of the deployment of \(version) for 30 minutes, so it counts as failed.",
        [
          "Check that the Agent runs: \(agentCheck).",
          context.isCompose
            ? "Look for what it left half-done: docker compose ps." : "Look for what it left half-done: helm status.",
          "Then deploy \(version) again, or roll back, in the Control Tower.",
        ])
    case .rollbackFailed:
      return NoticeText(
        .critical, "⚠️ Rollback to \(version) FAILED: \(error)", "What runs now may be of no single version.",
        causes(notice) + ["Try another version, or the same again, in the Control Tower."])
    case .unhealthyAfterDeployment:
      return NoticeText(
        .critical, "⚠️ \(version) became unhealthy after its deployment",
        "It ran in full health when it was deployed, and does no more.",
        ["Look at what the Agent reports in the Control Tower, and roll back if it does not recover."])
    default:
      return NoticeText(
        .critical, "⚠️ Deployment \(version) FAILED: \(error)", "\(version) does not run.",
        causes(notice) + ["Mend the cause and deploy \(version) again, or roll back, in the Control Tower."])
    }
  }

  private static func firstLine(_ text: String) -> String {
    text.split(whereSeparator: \.isNewline).first { !$0.allSatisfy(\.isWhitespace) }.map(String.init) ?? text
  }

  /// What is worth a look for the reason that the Agent gave (spec §8.4).
  private func causes(_ notice: AdminNotice) -> [String] {
    switch String((notice.reason ?? "").unicodeScalars.prefix(128)) {
    case let reason where reason.contains("Image"):
      [
        context.isCompose
          ? "Check docker login on this machine, and that the image is in the registry."
          : "Check the imagePullSecrets of the namespace, and that the image is in the registry."
      ]
    case let reason where reason.contains("Licen"): ["Ask the vendor to renew the licence."]
    case let reason where reason.contains("Bucket") || reason.contains("Artifact") || reason.contains("Object"):
      ["Check the Agent's credentials for the bucket, and that the artifact is there."]
    case let reason where reason.contains("Port"): ["Free the port that is taken, or choose another in your settings."]
    case let reason where reason.contains("Disk") || reason.contains("Space"): ["Make room on the disk."]
    default: ["Read what was reported."]
    }
  }

  // MARK: What deployments depend on

  private func surroundings(_ notice: AdminNotice, _ createdAt: Timestamp) -> NoticeText {
    let version = version(notice)
    switch notice.kind {
    case .downloadFailed: return download(notice)
    case .checksumMismatch:
      return NoticeText(
        .critical, "Chart of \(version) rejected: SHA-256 checksum mismatch",
        "What came is not what the vendor signed, several times over. It is never deployed.",
        ["Check for a proxy that changes downloads, and tell the vendor."])
    case .bucketUnavailable:
      return NoticeText(
        .warning, "Check bucket credentials",
        "The bucket does not take what is written to it. What was downloaded is kept until it does.",
        ["Check the bucket's credentials, that it is there, and that it is not full."])
    case .bucketRecovered:
      return NoticeText(.info, "The bucket works again", "What was kept has been written to it.", ["Nothing."])
    case .vendorRefusesKey:
      return NoticeText(
        .critical, "The vendor's server refuses this customer's key",
        "No release comes, and the vendor hears nothing of this customer. What runs goes on.",
        ["Ask the vendor for another key, and set WRKTALK_GCC_API_KEY or replace WRKTALK_GCC_API_KEY_FILE."])
    case .agentBack:
      return NoticeText(.info, "The Agent is back", "It answers again.", ["Nothing."])
    case .licenseExpiring:
      let days = notice.time.map { max(Int(($0 - createdAt) / .seconds(86_400) + 0.5), 0) }
      let term = days.map { $0 == 1 ? "in 1 day" : "in \($0) days" } ?? "soon"
      return NoticeText(
        .warning, "License expires \(term)", "After that nothing new is deployed; what runs goes on.",
        ["Ask the vendor to renew it: the renewed licence arrives by itself."])
    case .licenseExpired:
      return NoticeText(
        .critical, "License expired", "Nothing new is deployed; what runs goes on.",
        ["Ask the vendor to renew it: the renewed licence arrives by itself."])
    case .licenseBlocked:
      return NoticeText(
        .critical, "License expired: deployment \(version) blocked", "It was not begun, and nothing was changed.",
        ["Ask the vendor to renew the licence, then schedule \(version) again in the Control Tower."])
    case .test:
      return NoticeText(
        .info, "Test notice from WrkTalk", "An admin asked whether notices arrive. This one has.", ["Nothing."])
    default:
      return NoticeText(
        .warning, "Agent may be down",
        "It has not asked for work for 10 minutes. Nothing is deployed until it is back; what runs goes on.",
        ["Check that the Agent runs: \(agentCheck).", "Check that it reaches this server, and its token."])
    }
  }

  /// What is wrong with a release is the vendor's to mend; what is wrong on the way often is not.
  private func download(_ notice: AdminNotice) -> NoticeText {
    let version = version(notice)
    switch notice.reason.map({ NoticeProse.line($0, maximum: 100) }) {
    case nil, "DownloadFailed"?, "Unauthorized"?:
      return NoticeText(
        .warning, context.isCompose ? "Cannot download bundle" : "Cannot download chart",
        "\(version) could not be fetched from the vendor, and cannot be scheduled before it is. It is tried again by itself.",
        [
          notice.reason == "Unauthorized"
            ? "Ask the vendor for another key, and set WRKTALK_GCC_API_KEY: the vendor's server refuses the present one."
            : "Check that this server reaches the vendor's: network, proxy, and that its disk has room."
        ])
    case .some(OfferRefusal.Reason.tooManyOffers.rawValue):
      return NoticeText(
        .warning, "Too many releases wait: \(version) is not taken in",
        "Releases that were offered and neither deployed nor cancelled take up all the room there is.",
        [
          "Deploy some of them in the Control Tower, or cancel those that you do not want: it is taken in by itself then."
        ])
    default:
      return NoticeText(
        .warning, "Release \(version) cannot be deployed as the vendor offers it",
        "Trying again does not help. It is looked at anew once the vendor has changed it.",
        ["Tell the vendor the reason: nobody else can mend it."])
    }
  }

  private var agentCheck: String {
    context.isCompose ? "is its container running (docker ps)?" : "is its pod running (kubectl get pods)?"
  }
}

extension NoticeText {
  init(_ severity: Severity, _ subject: String, _ statement: String, _ nextSteps: [String]) {
    self.init(severity: severity, subject: subject, statement: statement, nextSteps: nextSteps)
  }

  mutating func add(_ label: String, _ value: String) { facts.append(Fact(label: label, value: value)) }
}
