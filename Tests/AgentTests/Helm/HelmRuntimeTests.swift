import DeploymentKinds
import ResourceClient
import ResourceModel
import TestSupport
import Testing
import WireFormats

@testable import Agent
@testable import DeploymentPlanning

/// Real pods on the testbed's cluster, with each version of Helm.
@Suite(.needs(.cluster), .needs(.images), .usesEngine)
struct HelmRuntimeTests {
  @Test(arguments: HelmEdition.offered)
  func aReleaseIsInstalledAndUpgraded(_ edition: HelmEdition) async throws {
    try await HelmStack.with(edition) { stack in
      #expect(try await stack.observe().latest == nil)
      let first = try await stack.deploy(try await stack.release("1.0.0", tag: "v1"))
      #expect(first.revision?.number == 1)
      #expect(first.imageDigests["backend"]?.hasPrefix("sha256:") == true, "\(first.imageDigests)")
      #expect(first.imageDigests["media"] != nil)
      let installed = EnvironmentComparison(expected: 1, try await stack.observe())
      #expect(installed.isMatching, "\(installed)")

      let second = try await stack.deploy(try await stack.release("1.1.0", tag: "v2"))
      #expect(second.revision?.number == 2)
      #expect(second.imageDigests["backend"] != first.imageDigests["backend"])
      let upgraded = try await stack.observe()
      #expect(
        upgraded.latest?.number == 2 && upgraded.latest?.status == .deployed && upgraded.latest?.version == "1.1.0")
      #expect(EnvironmentComparison(expected: 2, upgraded).isMatching, "\(upgraded)")
      #expect(stack.progress.contains { $0.step == .waitingForWorkloads && $0.message.contains("ready") })
    }
  }

  @Test(arguments: HelmEdition.offered.sharedOut(0))
  func lookingAtWhatIsInSyncCostsNoRequest(_ edition: HelmEdition) async throws {
    try await HelmStack.with(edition) { stack in
      let bell = stack.runtime.changes(stack.target())
      _ = try await stack.deploy(try await stack.release("1.0.0", tag: "v1"))
      #expect(EnvironmentComparison(expected: 1, try await stack.observe()).isMatching)
      let before = stack.requests.all.count
      for _ in 0..<50 { #expect(EnvironmentComparison(expected: 1, try await stack.observe()).isMatching) }
      #expect(stack.requests.all.count == before, "\(stack.requests.all.dropFirst(before))")
      withExtendedLifetime(bell) {}
    }
  }

  @Test(arguments: HelmEdition.offered.sharedOut(1))
  func theSameReleaseAgainIsNotDeployedAgain(_ edition: HelmEdition) async throws {
    try await HelmStack.with(edition) { stack in
      let release = try await stack.release("1.0.0", tag: "v1")
      #expect(try await stack.deploy(release).revision?.number == 1)
      #expect(try await stack.deploy(release).revision?.number == 1)
    }
  }

  @Test(arguments: HelmEdition.offered.sharedOut(2))
  func anImageThatDoesNotExistIsNamedAndTheReleaseBeforeItBroughtBack(_ edition: HelmEdition) async throws {
    try await HelmStack.with(edition) { stack in
      let first = try await stack.deploy(try await stack.release("1.0.0", tag: "v1"))
      let failure = await #expect(throws: RuntimeFailure.self) {
        try await stack.deploy(try await stack.release("2.0.0", tag: "v99"), timeout: .seconds(60))
      }
      #expect(failure?.reason == "ImagePullFailed")
      #expect(failure?.kind == .permanent)
      #expect(failure?.message.contains(":v99") == true, "\(failure?.message ?? "")")
      #expect(failure?.message.contains("not found") == true, "\(failure?.message ?? "")")
      let restored = try await stack.restore(1)
      #expect(restored?.revision?.number == 3)
      #expect(restored?.imageDigests == first.imageDigests)
      #expect(EnvironmentComparison(expected: 3, try await stack.observe()).isMatching)
    }
  }

  @Test(arguments: HelmEdition.offered.sharedOut(3))
  func aCrashLoopEndsWithTheContainersLastWords(_ edition: HelmEdition) async throws {
    try await HelmStack.with(edition, restartLimit: 1) { stack in
      _ = try await stack.deploy(try await stack.release("1.0.0", tag: "v1"))
      let failure = await #expect(throws: RuntimeFailure.self) {
        try await stack.deploy(try await stack.release("2.0.0", tag: "crash"), timeout: .seconds(60))
      }
      #expect(failure?.reason == "WorkloadCrashed")
      #expect(failure?.message.contains("cannot read the settings: no such table") == true, "\(failure?.message ?? "")")
      #expect(failure?.message.contains("exit code 1") == true, "\(failure?.message ?? "")")
    }
  }

  @Test(arguments: HelmEdition.offered.sharedOut(4))
  func aProbeThatFailsIsToldWhenTheTimeIsOver(_ edition: HelmEdition) async throws {
    try await HelmStack.with(edition) { stack in
      let failure = await #expect(throws: RuntimeFailure.self) {
        try await stack.deploy(try await stack.release("1.0.0", tag: "unhealthy"), timeout: .seconds(30))
      }
      #expect(failure?.reason == "WorkloadUnhealthy")
      #expect(
        failure?.message.contains("probe failed: HTTP probe failed with statuscode: 404") == true,
        "\(failure?.message ?? "")")
      // Nothing ran before, so there is nothing to return to; the next try installs over what is there.
      #expect(try await stack.restore(1) == nil)
      let again = try await stack.deploy(try await stack.release("1.0.1", tag: "v1"))
      #expect(again.revision?.number == 2)
    }
  }

  @Test(arguments: HelmEdition.offered.sharedOut(5))
  func aMigrationThatFailsTellsItsLog(_ edition: HelmEdition) async throws {
    try await HelmStack.with(edition) { stack in
      _ = try await stack.deploy(try await stack.release("1.0.0", tag: "v1"))
      let values = #"migration: {enabled: true, command: [/bin/sh, -c, "echo table users is locked; exit 4"]}"#
      let failure = await #expect(throws: RuntimeFailure.self) {
        try await stack.deploy(try await stack.release("2.0.0", tag: "v2", values: values), timeout: .seconds(60))
      }
      #expect(failure?.reason == "HookFailed")
      #expect(failure?.message.contains("table users is locked") == true, "\(failure?.message ?? "")")
      #expect(failure?.message.contains("exit code 4") == true, "\(failure?.message ?? "")")
    }
  }

  @Test(arguments: HelmEdition.offered.sharedOut(6))
  func whatWasChangedByHandIsFoundAndCorrected(_ edition: HelmEdition) async throws {
    try await HelmStack.with(edition) { stack in
      _ = try await stack.deploy(try await stack.release("1.0.0", tag: "v1", values: "settings: {A: one}"))
      try await stack.kubectl("scale", "deployment/wrktalk-backend", "--replicas=3")
      try await stack.kubectl(
        "set", "image", "deployment/wrktalk-media", "*=\(try Testbed.location(of: .images))/media:v3")
      try await stack.kubectl("delete", "service", "wrktalk-backend")
      let drifted = try await stack.comparison(with: 1) { $0.drifts.count >= 3 }
      let texts = drifted.drifts.map(\.description).joined(separator: "\n")
      #expect(texts.contains("Deployment wrktalk-backend has 3 instead of 1 at /spec/replicas"), "\(texts)")
      #expect(texts.contains("Deployment wrktalk-media has"), "\(texts)")
      #expect(texts.contains("Service wrktalk-backend is missing"), "\(texts)")

      let corrected = try await stack.restore(1, .driftCorrection)
      #expect(corrected?.revision?.number == 1, "a correction is no revision")
      let after = EnvironmentComparison(expected: 1, try await stack.observe())
      #expect(after.isMatching, "\(after)")
      #expect(
        try await stack.kubectl("get", "deployment", "wrktalk-media", "-o", "jsonpath={..image}").hasSuffix(":v1"))
      // Helm still takes everything for its own.
      #expect(try await stack.deploy(try await stack.release("1.1.0", tag: "v2")).revision?.number == 2)
    }
  }

  /// An apply leaves fields of other owners, and of these there may be only one.
  @Test(arguments: HelmEdition.offered.sharedOut(7))
  func aFieldThatSomebodyMadeAnotherIsCorrected(_ edition: HelmEdition) async throws {
    try await HelmStack.with(edition) { stack in
      let running = try await stack.deploy(try await stack.release("1.0.0", tag: "v1"))
      let probe = "/spec/template/spec/containers/0/readinessProbe"
      try await stack.kubectl(
        "patch", "deployment", "wrktalk-media", "--type=json", "-p",
        """
        [{"op": "remove", "path": "\(probe)/httpGet"},
         {"op": "add", "path": "\(probe)/exec", "value": {"command": ["/bin/busybox", "true"]}}]
        """)
      _ = try await stack.comparison(with: 1) { !$0.drifts.isEmpty }
      let corrected = try await stack.restore(1, .driftCorrection)
      #expect(corrected?.revision == running.revision)
      let live = try await stack.kubectl(
        "get", "deployment", "wrktalk-media", "-o", "jsonpath={.spec.template.spec.containers[0].readinessProbe}")
      #expect(live.contains("httpGet") && !live.contains("exec"), "\(live)")
      #expect(EnvironmentComparison(expected: 1, try await stack.observe()).isMatching)
    }
  }

  @Test(arguments: HelmEdition.offered.sharedOut(8))
  func whatOthersMayChangeIsLeftAlone(_ edition: HelmEdition) async throws {
    try await HelmStack.with(edition) { stack in
      let rules = [DesiredDeploymentSpec.DriftIgnoreRule(kind: "Deployment", paths: ["/spec/replicas"])]
      _ = try await stack.deploy(try await stack.release("1.0.0", tag: "v1"))
      try await stack.kubectl("scale", "deployment/wrktalk-backend", "--replicas=2")
      try await stack.kubectl("label", "deployment/wrktalk-backend", "app.kubernetes.io/component=x", "--overwrite")
      let drifted = try await stack.comparison(with: 1, ignoring: rules) { !$0.drifts.isEmpty }
      #expect(drifted.drifts.count == 1)
      _ = try await stack.restore(1, .driftCorrection, ignoring: rules)
      #expect(EnvironmentComparison(expected: 1, try await stack.observe(ignoring: rules)).isMatching)
      #expect(
        try await stack.kubectl("get", "deployment", "wrktalk-backend", "-o", "jsonpath={.spec.replicas}") == "2")
    }
  }

  @Test(arguments: HelmEdition.offered.sharedOut(9))
  func anUpgradeByHandIsUndoneByARollback(_ edition: HelmEdition) async throws {
    try await HelmStack.with(edition) { stack in
      let release = try await stack.release("1.0.0", tag: "v1")
      _ = try await stack.deploy(release)
      try await stack.runHelm(
        "upgrade", "wrktalk", "\(release.folder)/wrktalk", "--reuse-values", "--set", "media.image.tag=v2", "--wait")
      let drifted = try await stack.comparison(with: 1) { !$0.drifts.isEmpty }
      #expect(drifted.driftText.contains("revision 2"), "\(drifted.driftText)")
      #expect(try await stack.restore(1, .driftCorrection)?.revision?.number == 3)
      #expect(EnvironmentComparison(expected: 3, try await stack.observe()).isMatching)
    }
  }

  @Test(arguments: HelmEdition.offered.sharedOut(10))
  func aFirstUpgradeThatFailsReturnsToWhatSomebodyElseDeployed(_ edition: HelmEdition) async throws {
    try await HelmStack.with(edition) { stack in
      let former = try await stack.release("0.9.0", tag: "v1")
      try await stack.runHelm(
        "install", "wrktalk", "\(former.folder)/wrktalk", "--values", former.configFile ?? "", "--wait")
      let failure = await #expect(throws: RuntimeFailure.self) {
        try await stack.deploy(
          try await stack.release("1.0.0", tag: "v99"), timeout: .seconds(60), returnsToFormer: true)
      }
      #expect(failure?.reason == "ImagePullFailed")
      #expect(failure?.message.contains("Revision 1 of the release") == true, "\(failure?.message ?? "")")
      let observed = try await stack.observe()
      #expect(
        observed.latest?.number == 3 && observed.latest?.status == .deployed && observed.latest?.version == "0.9.0")
      #expect(EnvironmentComparison(expected: 3, observed).isMatching, "\(observed)")
    }
  }

  /// What an Agent replaced is nobody's to bring back but by a rollback that is asked for.
  @Test(arguments: HelmEdition.offered.sharedOut(10))
  func anUpgradeThatFailsDoesNotReturnToWhatAnAgentHadReplaced(_ edition: HelmEdition) async throws {
    try await HelmStack.with(edition) { stack in
      let former = try await stack.release("0.9.0", tag: "v1")
      try await stack.runHelm(
        "install", "wrktalk", "\(former.folder)/wrktalk", "--values", former.configFile ?? "", "--wait")
      _ = try await stack.deploy(try await stack.release("1.0.0", tag: "v2"))
      let failure = await #expect(throws: RuntimeFailure.self) {
        try await stack.deploy(
          try await stack.release("2.0.0", tag: "v99"), timeout: .seconds(30), returnsToFormer: true)
      }
      #expect(failure?.message.contains("brought back") == false, "\(failure?.message ?? "")")
      #expect(try await stack.observe().latest?.number == 3)
    }
  }

  @Test(arguments: HelmEdition.offered.sharedOut(11))
  func anUninstalledReleaseIsInstalledAgain(_ edition: HelmEdition) async throws {
    try await HelmStack.with(edition) { stack in
      let release = try await stack.release("1.0.0", tag: "v1")
      _ = try await stack.deploy(release)
      try await stack.runHelm("uninstall", "wrktalk", "--wait")
      let gone = try await stack.comparison(with: 1) { !$0.drifts.isEmpty }
      #expect(gone.drifts == [.notInstalled])
      #expect(try await stack.restore(1, .driftCorrection) == nil, "Helm has nothing left to return to")
      #expect(try await stack.deploy(release).revision?.number == 1)
      #expect(EnvironmentComparison(expected: 1, try await stack.observe()).isMatching)
    }
  }

  @Test(arguments: HelmEdition.offered.sharedOut(12))
  func anotherReleaseUnderTheSameNumberIsNotTakenForWhatWasDeployed(_ edition: HelmEdition) async throws {
    try await HelmStack.with(edition) { stack in
      let release = try await stack.release("1.0.0", tag: "v1")
      let deployed = try #require(try await stack.deploy(release).revision)
      try await stack.runHelm("uninstall", "wrktalk", "--wait")
      let other = try await stack.release("0.9.0", tag: "v2")
      try await stack.runHelm(
        "install", "wrktalk", "\(other.folder)/wrktalk", "--values", other.configFile ?? "", "--set",
        "media.replicas=2", "--wait")
      let drifted = try await stack.comparison(with: deployed) { !$0.drifts.isEmpty && $0.drifts != [.notInstalled] }
      #expect(drifted.driftText.contains("is not what was deployed under that number"), "\(drifted.driftText)")
      #expect(try await stack.restore(deployed, .driftCorrection) == nil, "Helm has it no more")
      let again = try #require(try await stack.deploy(release).revision)
      #expect(again.number == 2)
      #expect(again.manifestSha256 == deployed.manifestSha256)
      #expect(EnvironmentComparison(expected: again, try await stack.observe()).isMatching)
    }
  }

  @Test(arguments: HelmEdition.offered.sharedOut(13), ["pending-upgrade", "pending-install", "pending-rollback"])
  func whatAKilledHelmLeftInTheMiddleIsLetGo(_ edition: HelmEdition, _ status: String) async throws {
    try await HelmStack.with(edition) { stack in
      let release = try await stack.release("1.0.0", tag: "v1")
      _ = try await stack.deploy(release)
      if status == "pending-install" { try await stack.runHelm("uninstall", "wrktalk", "--wait") }
      // A hook that does not end keeps Helm where it can be killed.
      let values = #"migration: {enabled: true, command: [/bin/sh, -c, "sleep 600"]}"#
      let stuck = try await stack.release("2.0.0", tag: "v2", values: values)
      if status == "pending-rollback" {
        await #expect(throws: RuntimeFailure.self) {
          _ = try await stack.deploy(try await stack.release("3.0.0", tag: "v99"), timeout: .seconds(30))
        }
      }
      try await stack.leavePending(status, stuck)
      let second = try await stack.deploy(try await stack.release("2.0.1", tag: "v2"))
      #expect((second.revision?.number ?? 0) > 1)
      #expect(EnvironmentComparison(expected: try #require(second.revision), try await stack.observe()).isMatching)
    }
  }

  @Test(arguments: HelmEdition.offered.sharedOut(14))
  func aReleaseIsUninstalledAndThatAgainIsNoError(_ edition: HelmEdition) async throws {
    try await HelmStack.with(edition) { stack in
      _ = try await stack.deploy(try await stack.release("1.0.0", tag: "v1"))
      try await stack.runtime.uninstall(stack.target()) { _ in }
      try await stack.runtime.uninstall(stack.target()) { _ in }
      #expect(try await stack.kubectl("get", "deployments,services,secrets", "-o", "name").contains("wrktalk") == false)
    }
  }

  @Test(arguments: HelmEdition.offered.sharedOut(15))
  func valuesFromASecretReachThePodsAndNothingElse(_ edition: HelmEdition) async throws {
    try await HelmStack.with(edition) { stack in
      try await stack.kubectl(
        "create", "secret", "generic", "settings", "--from-literal=list=- a",
        // As Helm reads it: the last of two keys counts, and binary is text.
        "--from-literal=values.yaml=secrets: {PASSWORD: x}\nsecrets: {PASSWORD: !!binary Z2VoZWltLTQ3MTE=}\n")
      let reference = DesiredDeploymentSpec.ValuesReference(kind: .secret, name: "settings")
      let missing = DesiredDeploymentSpec.ValuesReference(kind: .configMap, name: "nothing")
      let failure = await #expect(throws: RuntimeFailure.self) {
        try await stack.deploy(try await stack.release("1.0.0", tag: "v1", valuesFrom: [reference, missing]))
      }
      #expect(failure?.reason == "ValuesNotFound")
      let list = DesiredDeploymentSpec.ValuesReference(kind: .secret, name: "settings", key: "list")
      let refused = await #expect(throws: RuntimeFailure.self) {
        try await stack.deploy(try await stack.release("1.0.0", tag: "v1", valuesFrom: [list]))
      }
      #expect(refused?.reason == "InvalidValues")
      #expect(
        refused?.message.hasPrefix("Secret \(stack.namespace)/settings, key list") == true, "\(refused?.message ?? "")")
      _ = try await stack.deploy(try await stack.release("1.0.0", tag: "v1", valuesFrom: [reference]))
      let pod = try await stack.kubectl("exec", "deploy/wrktalk-backend", "--", "/bin/busybox", "env")
      #expect(pod.contains("PASSWORD=geheim-4711"))
      #expect(!stack.progress.contains { $0.message.contains("geheim") })
    }
  }
}

extension HelmStack {
  /// Leaves the release as a Helm does that is killed in the middle, with the mark of an Agent that was killed with it.
  func leavePending(_ status: String, _ release: PreparedRelease) async throws {
    let label: String
    if status == "pending-rollback" {
      label = "sh.helm.release.v1.wrktalk.v2"
    } else {
      let deploying = Task { try await deploy(release) }
      while !progress.contains(where: { $0.message.contains("Job") }) {
        try await Task.sleep(for: .milliseconds(100))
      }
      deploying.cancel()
      _ = try? await deploying.value
      label = try await kubectl("get", "secrets", "-l", "owner=helm", "-o", "jsonpath={.items[-1:].metadata.name}")
    }
    let key = ObjectKey(namespace: namespace, name: label)
    let secret = try await client.get(KubernetesResources.secrets, key)
    let record = try HelmReleaseRecord(secret: secret)
    let pending = try record.marked(
      try #require(HelmObservation.Status(rawValue: status)),
      status == "pending-rollback" ? HelmReleaseRecord.rollbackDescription(of: 1) : record.description, in: secret)
    _ = try await client.replace(KubernetesResources.secrets, key, pending)
    let files = HelmFiles(workingDirectory: folder.file("work"), target: target())
    let base = record.revision.number - 1
    let operation = secret["metadata"]?["labels"]?[RevisionLabel.operationLabel]?.string
    try files.note(
      HelmRun(base: base, purpose: status == "pending-rollback" ? .rollback(to: 1) : .upgrade(operation: operation)))
  }
}
