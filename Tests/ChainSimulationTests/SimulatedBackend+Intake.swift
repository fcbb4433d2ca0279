import DeploymentKinds
import FleetProtocol
import OfferPlanning
import TestSupport
import WireFormats

/// What is offered, and its download.
extension SimulatedBackend {
  enum Taken: Equatable {
    case yes
    case no
    case tooEarly(Duration)
    /// A release that had ended is wanted once more.
    case again(releaseID: String)
  }

  /// The tag to ask with: none where the release that it stands for is not here or has ended here.
  var usableTag: String? {
    guard let offeredReleaseID else { return tag }
    let status = releases.first { $0.releaseID == offeredReleaseID }?.status
    return (status.map(\.endsOffer) ?? true) ? nil : tag
  }

  mutating func takeIn(_ offer: ReleaseOffer, askedAt: Timestamp, _ turn: Turn) -> Taken {
    var facts = OfferIntake.Facts(runtime: .helm, currentVersion: currentVersion)
    facts.openCount = releases.count { !$0.status.isFinal }
    if let running = releases.first(where: { $0.version == currentVersion && $0.status == .success }) {
      facts.hearing = running.reportedAt.map { .since($0) } ?? .pending
    }
    let place = releases.firstIndex { $0.releaseID == offer.releaseID }
    if let place {
      facts.known = OfferIntake.Known(
        status: releases[place].status, offer: releases[place].offer,
        reportedAt: turn.fault == .endedOffersComeAgain ? Timestamp(seconds: 0) : releases[place].reportedAt)
    }
    switch OfferIntake.decide(offer, facts, askedAt: askedAt) {
    case .keep(let isDifferent): return isDifferent ? .no : .yes
    case .tooEarly(let wait): return .tooEarly(wait)
    case .add(let demand, _): add(offer, demand, .pending, turn)
    case .addRunning(let demand):
      add(offer, demand, .success, turn)
      reportRunning(offer, attempt: 0, attemptID: nil, turn)
    case .replace(let demand, let isNewArtifact, let becomesForced):
      guard let place else { return .no }
      releases[place].offer = offer
      releases[place].forceDeadline = offer.isForced ? releases[place].forceDeadline ?? turn.now + forcedTime : nil
      if becomesForced { releases[place].remindersSent = 0 }
      releases[place].nextDownloadAt = turn.now
      if isNewArtifact {
        releases[place].isDownloaded = false
        resolveNotices(about: releases[place].id)
      }
      if becomesForced { tellForced(demand, releases[place], turn) }
    case .again(let demand, _):
      guard let place else { return .no }
      var release = releases[place]
      release.offer = offer
      release.forceDeadline = offer.isForced ? turn.now + forcedTime : nil
      (release.remindersSent, release.status, release.receivedAt) = (0, .pending, turn.now)
      release.attempt += 1
      release.attemptID = turn.makeID()
      (release.isAutomatic, release.isDeclined, release.isDownloaded) = (false, false, false)
      (release.downloadAttempts, release.nextDownloadAt) = (0, turn.now)
      (release.completedAt, release.failureReason, release.reportedAt) = (nil, nil, nil)
      releases[place] = release
      resolveNotices(about: release.id)
      if offer.isForced { tellForced(demand, release, turn) }
      return .again(releaseID: offer.releaseID)
    case .runsStill:
      guard let place else { return .no }
      releases[place].attempt += 1
      releases[place].attemptID = turn.makeID()
      reportRunning(offer, attempt: releases[place].attempt, attemptID: releases[place].attemptID, turn)
    case .refuse: return .no
    }
    return .yes
  }

  private mutating func add(
    _ offer: ReleaseOffer, _ demand: ArtifactDemand, _ status: LocalDeploymentStatus, _ turn: Turn
  ) {
    let release = Release(
      id: turn.makeID(), releaseID: offer.releaseID, version: demand.version, offer: offer, status: status,
      receivedAt: turn.now, forceDeadline: offer.isForced && status == .pending ? turn.now + forcedTime : nil,
      nextDownloadAt: turn.now, attemptID: turn.makeID())
    releases.append(release)
    if offer.isForced, status == .pending { tellForced(demand, release, turn) }
  }

  private mutating func tellForced(_ demand: ArtifactDemand, _ release: Release, _ turn: Turn) {
    tell(
      AdminNotice(.forcedUpdate, fact: release.id, version: demand.version, time: turn.now + forcedTime), turn)
  }

  private mutating func reportRunning(_ offer: ReleaseOffer, attempt: Int64, attemptID: String?, _ turn: Turn) {
    send(
      .status(
        StatusReport(
          organizationName: organization, releaseID: offer.releaseID, status: .success, deployedAt: turn.now,
          currentVersion: offer.version, reason: "AlreadyThere", attemptID: attemptID, attempt: attempt)), turn)
  }

  // MARK: Downloads

  /// - Returns: what to download now, claimed.
  mutating func claimDownload(_ turn: Turn) -> (id: String, demand: ArtifactDemand)? {
    let due = releases.indices.filter { index in
      let release = releases[index]
      guard !release.isDownloaded, !release.status.isFinal, !release.status.isActive else { return false }
      guard let next = release.nextDownloadAt else { return true }
      return next <= turn.now || next > turn.now + .seconds(86_400)
    }
    guard let place = due.first, let demand = try? ArtifactDemand(releases[place].offer, runtime: .helm) else {
      return nil
    }
    releases[place].nextDownloadAt = turn.now + .seconds(120)
    return (releases[place].id, demand)
  }

  mutating func completeDownload(_ id: String, _ demand: ArtifactDemand, _ turn: Turn) {
    guard let place = place(ofRelease: id), !releases[place].status.isFinal, !releases[place].isDownloaded else {
      return
    }
    releases[place].isDownloaded = true
    releases[place].artifactSha256 = demand.sha256
    (releases[place].downloadAttempts, releases[place].nextDownloadAt) = (0, nil)
    if releases[place].status == .downloadFailed { releases[place].status = .pending }
    for kind in [AdminNotice.Kind.downloadFailed, .checksumMismatch] {
      knownNotices.remove("\(kind.rawValue)/\(id)")
    }
    // What something newer overtook while it was on its way is no news.
    if let running = history.last(where: { $0.status == .success }), demand.version < running.version,
      releases[place].receivedAt <= running.deployedAt
    {
      return
    }
    tell(AdminNotice(.releaseAvailable, fact: id, version: demand.version), turn)
  }

  mutating func failDownload(_ id: String, _ failure: DownloadFailure, random: Double, _ turn: Turn) {
    guard let place = place(ofRelease: id), !releases[place].status.isFinal, !releases[place].status.isActive,
      !releases[place].isDownloaded
    else { return }
    let before = releases[place].status
    let decision = DownloadDecision(
      after: failure, status: before, attempts: releases[place].downloadAttempts, now: turn.now, random: random)
    releases[place].status = decision.status
    releases[place].downloadAttempts = decision.attempts
    releases[place].nextDownloadAt = decision.nextAt
    if let kind = decision.notice { tell(AdminNotice(kind, fact: id, version: releases[place].version), turn) }
    guard decision.status == .downloadFailed, before != .downloadFailed else { return }
    let release = releases[place]
    send(
      .status(
        StatusReport(
          organizationName: organization, releaseID: release.releaseID, status: .downloadFailed, reason: failure.reason,
          attemptID: release.attemptID, attempt: release.attempt)), turn)
  }
}
