import DeploymentKinds
import FleetKinds
import FleetPlanning
import FleetProtocol
import OfferPlanning
import WireFormats

/// What must hold.
extension ChainSimulation {
  /// After every transaction of a Backend.
  func checkBackend(_ index: Int) throws {
    let backend = customers[index].backend
    let active = backend.work.filter(\.isActive)
    if active.count > 1 { throw violation("\(backend.organization) has \(active.count) tasks at once") }
    let busy = backend.releases.filter(\.status.isActive)
    if busy.count > 1 { throw violation("\(backend.organization) deploys \(busy.map(\.version)) at once") }
    if let busy = busy.first, active.first?.deploymentID != busy.id {
      throw violation("\(backend.organization): \(busy.version) is \(busy.status), and there is no task of it")
    }
    for release in backend.releases where release.isDownloaded {
      guard release.artifactSha256 == release.offer.chartSha256,
        customers[index].bucket[release.version] == release.artifactSha256
      else {
        throw violation("\(backend.organization): \(release.version) can be deployed and is not what was offered")
      }
    }
    try checkNotices(index)
  }

  /// One notice for one fact.
  private func checkNotices(_ index: Int) throws {
    let told = customers[index].backend.told
    guard told.count > customers[index].checkedNotices else { return }
    for (place, notice) in told.enumerated().dropFirst(customers[index].checkedNotices) {
      let before = told.prefix(place).filter { $0.fact == notice.fact }
      let isAboutOffer: Bool
      switch notice.kind {
      case .deploymentSucceeded, .rollbackSucceeded:
        if before.contains(where: { $0.kind == notice.kind || $0.kind == .deploymentCancelled }) {
          throw violation("org-\(index): \(notice.id) after \(before.map(\.id))")
        }
        isAboutOffer = false
      case .deploymentFailed, .rollbackFailed, .deploymentTimedOut, .deploymentCancelled, .deploymentStarted,
        .rollbackStarted, .missedSchedule, .automaticOff, .deploymentScheduled, .automaticScheduled:
        let ends: Set<AdminNotice.Kind> = [
          .deploymentFailed, .rollbackFailed, .deploymentTimedOut, .deploymentCancelled, .deploymentSucceeded,
          .rollbackSucceeded,
        ]
        if before.contains(where: { $0.kind == notice.kind || (ends.contains($0.kind) && ends.contains(notice.kind)) })
        {
          throw violation("org-\(index): \(notice.id) after \(before.map(\.id))")
        }
        isAboutOffer = false
      case .releaseAvailable:
        let running = customers[index].backend.currentVersion ?? ""
        // Whoever has forgotten how a release ended, or how often it was tried, may want it once more.
        if let version = notice.version, version < running, !vendorWasRestored,
          !customers[index].wasRestored
        {
          throw violation("org-\(index) runs \(running), and is told of \(version), which nobody wants it to return to")
        }
        isAboutOffer = false
        try checkToldOnce(notice, index)
      case .downloadFailed, .checksumMismatch, .bucketUnavailable:
        isAboutOffer = false
        try checkToldOnce(notice, index)
      default: isAboutOffer = notice.time != nil
      }
      if isAboutOffer, before.contains(where: { $0.kind == notice.kind && $0.time == notice.time }) {
        throw violation("org-\(index): \(notice.id) of the same deadline is told twice")
      }
    }
    customers[index].checkedNotices = told.count
  }

  /// Once for each time that the release is offered.
  private func checkToldOnce(_ notice: AdminNotice, _ index: Int) throws {
    let offer = customers[index].backend.releases.first { $0.id == notice.fact }?.receivedAt
    guard customers[index].toldOnce.insert("\(notice.id) \(offer?.description ?? "")").inserted else {
      throw violation("org-\(index): \(notice.id) is told twice of one offer")
    }
  }

  /// A release that had ended is wanted once more only where the vendor has said so since it heard of the end.
  func checkWantedAgain(_ index: Int, _ releaseID: String) throws {
    tally["again", default: 0] += 1
    lastChange = now
    guard !vendorWasRestored, !customers[index].wasRestored,
      let target = vendor.releases.first(where: { $0.offer.releaseID == releaseID })?.targets[index]
    else { return }
    if !target.isOffered { throw violation("org-\(index) takes \(releaseID) once more, and it is \(target.phase)") }
  }

  /// Before an Agent touches anything.
  func checkBegin(_ index: Int, _ version: String, _ spec: DesiredDeploymentSpec) throws {
    let customer = customers[index]
    if let artifact = spec.artifact, customer.bucket[version] != artifact.sha256 {
      throw violation("org-\(index) deploys \(version), which is not verified")
    }
    guard version != "2.2.0" else { return }
    let consents = customer.consents.filter { $0.version == version && (!$0.isTakenBack || customer.wasRestored) }
    guard let last = consents.last else { throw violation("org-\(index) deploys \(version), and nobody wanted it") }
    guard let window = last.window else { return }
    let minute = (window.microseconds / 60_000_000) % 1_440
    guard (540..<720).contains(minute) || (900..<1_020).contains(minute) else {
      throw violation("org-\(index) deploys \(version) by itself at minute \(minute) of the day, outside its windows")
    }
  }

  // MARK: - The end

  var isAtRest: Bool {
    guard now - lastChange > .seconds(7_200) else { return false }
    return customers.indices.allSatisfy { index in
      let customer = customers[index]
      return customer.isUp && customer.backend.activeWork == nil && customer.agent.attempt == nil
        && customer.backend.outbox.isEmpty && !customer.backend.releases.contains { isDeployable($0, index) }
    }
  }

  func checkEnd() throws {
    for (index, customer) in customers.enumerated() {
      let name = "org-\(index)"
      // Before its first deployment nothing says what runs: a database that was restored to then does not know it.
      guard customer.backend.record != nil || !customer.wasRestored else { continue }
      if customer.backend.currentVersion != customer.agent.version {
        throw violation(
          "\(name) runs \(customer.agent.version), and its Backend says \(customer.backend.currentVersion ?? "")")
      }
      if vendor.organizations[index].currentVersion != customer.agent.version {
        throw violation(
          "\(name) runs \(customer.agent.version), and the vendor says \(vendor.organizations[index].currentVersion)")
      }
      // Of a target that one side has forgotten about the other says more.
      guard !vendorWasRestored, !customer.wasRestored else { continue }
      for release in vendor.releases {
        guard let target = release.targets[index],
          let known = customer.backend.releases.first(where: { $0.releaseID == release.offer.releaseID })
        else { continue }
        if !Self.agrees(known.status, target) {
          throw violation("\(name): \(known.version) is \(known.status), and the vendor says \(target.phase)")
        }
      }
    }
    for release in vendor.releases {
      guard let status = release.status else { continue }
      tally["\(status.phase)", default: 0] += 1
      if status.phase == .progressing, release.targets.values.allSatisfy({ $0.bucket == .succeeded }) {
        throw violation("\(release.facts.version) is \(status.phase) though all succeeded: \(status.reason)")
      }
    }
  }

  private static func agrees(_ status: LocalDeploymentStatus, _ target: TargetFacts) -> Bool {
    // What is offered to nobody need not be known here.
    if target.blocked != nil { return true }
    return switch status {
    case .success: target.phase == .success
    case .failed: target.phase == .failed || target.isWithdrawn
    case .rolledBack: target.phase == .rolledBack || target.isWithdrawn
    case .downloadFailed: target.phase == .downloadFailed || target.isWithdrawn
    case .deadlineExceeded: target.phase == .deadlineExceeded || target.isWithdrawn
    case .cancelled, .missedSchedule: target.phase == .cancelled
    case .pending:
      [.pending, .notified, .webhookFailed, .cancelled, .downloadFailed].contains(target.phase)
    case .scheduled, .inProgress: false
    }
  }
}
