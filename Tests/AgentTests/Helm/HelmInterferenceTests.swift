import DeploymentKinds
import TestSupport
import Testing

@testable import Agent
@testable import DeploymentPlanning

/// Somebody uses Helm by hand in the midst of what the Agent does with it.
@Suite(.needs(.cluster), .needs(.kubectl), .needs(.images), .usesEngine)
struct HelmInterferenceTests {
  struct Case: Sendable, CustomTestStringConvertible {
    var edition: HelmEdition
    var intrusion: HelmIntrusion

    var testDescription: String { "\(edition.testDescription): \(intrusion.testDescription)" }
  }

  /// Everything that somebody may do, at every moment: by turns with each Helm, and with both what Helm does not lock.
  private static func cases(_ command: String, returningTo revision: Int = 1) -> [Case] {
    let editions = HelmEdition.offered
    let intrusions = HelmIntrusion.Moment.allCases.flatMap { moment in
      HelmIntrusion.Action.allCases.map { action in
        HelmIntrusion(command: command, moment: moment, action: action, revision: revision)
      }
    }
    return intrusions.enumerated().flatMap { index, intrusion in
      let isUnlocked = intrusion.moment == .during && intrusion.action == .rollback
      return editions.indices.filter { isUnlocked || index % editions.count == $0 }.map { edition in
        Case(edition: editions[edition], intrusion: intrusion)
      }
    }
  }

  /// Neither a rollback nor an upgrade by hand finds anything before an installation.
  private static let ofInstallation = [
    HelmIntrusion(command: "upgrade", moment: .during, action: .uninstall),
    HelmIntrusion(command: "upgrade", moment: .after, action: .uninstall),
    HelmIntrusion(command: "upgrade", moment: .after, action: .upgrade),
  ]

  @Test(arguments: cases("upgrade").thinned(by: 3))
  func anUpgradeThatSomebodyDisturbsIsDeployedInTheEnd(_ given: Case) async throws {
    let intrusion = given.intrusion
    try await HelmStack.with(given.edition) { calm in
      // The first version is there before anybody disturbs.
      _ = try await calm.deploy(try calm.release("1.0.0", of: try HelmStack.deployment(tag: "v1")))
      let disturbed = try calm.disturbed(by: intrusion)
      let release = try calm.release("2.0.0", of: try HelmStack.deployment(tag: "v2"))
      let running = try await calm.untilDone { try await disturbed.deploy(release) }
      try await calm.expect("v2", running, intrusion)
    }
  }

  @Test(arguments: HelmEdition.offered.sharedOut(0), ofInstallation.thinned(by: 2))
  func anInstallationThatSomebodyDisturbsIsThereInTheEnd(
    _ edition: HelmEdition, _ intrusion: HelmIntrusion
  ) async throws {
    try await HelmStack.with(edition) { calm in
      let disturbed = try calm.disturbed(by: intrusion)
      let release = try calm.release("1.0.0", of: try HelmStack.deployment(tag: "v1"))
      let running = try await calm.untilDone { try await disturbed.deploy(release) }
      try await calm.expect("v1", running, intrusion)
    }
  }

  @Test(arguments: cases("rollback", returningTo: 2).thinned(by: 3, from: 1))
  func aRollbackThatSomebodyDisturbsReturnsInTheEnd(_ given: Case) async throws {
    let intrusion = given.intrusion
    try await HelmStack.with(given.edition) { calm in
      let first = try calm.release("1.0.0", of: try HelmStack.deployment(tag: "v1"))
      let good = try #require(try await calm.deploy(first).revision)
      _ = try await calm.deploy(try calm.release("2.0.0", of: try HelmStack.deployment(tag: "v2")))
      let disturbed = try calm.disturbed(by: intrusion)
      let running = try await calm.untilDone {
        if let running = try await disturbed.restore(good) { return running }
        return try await disturbed.deploy(first)
      }
      try await calm.expect("v1", running, intrusion)
    }
  }
}

extension HelmStack {
  /// Takes the step again, as the Agent does, until it has succeeded.
  fileprivate func untilDone(_ step: () async throws -> RunningRelease) async throws -> RunningRelease {
    for _ in 0..<3 {
      do {
        return try await step()
      } catch let failure as RuntimeFailure {
        #expect(failure.kind == .transient, "\(failure)")
      }
    }
    return try await step()
  }

  /// What is reported is what runs.
  fileprivate func expect(_ tag: String, _ running: RunningRelease, _ intrusion: HelmIntrusion) async throws {
    #expect(HelmIntrusion.wasDone(in: folder))
    let revision = try #require(running.revision)
    #expect(try await comparison(with: revision) { $0.isMatching }.isMatching)
    let image = try await field(".spec.template.spec.containers[0].image", of: "deployment/web")
    #expect(image.hasSuffix(":\(tag)"), "\(image) at revision \(revision.number)")
    #expect(try await history().last == "\(revision.number) deployed")
    #expect(try await !history().contains { $0.contains("pending") })
  }
}
