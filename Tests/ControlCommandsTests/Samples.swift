import CoreKinds
import DeploymentKinds
import ResourceModel
import WireFormats

@testable import ControlCommands

enum Samples {
  static let now = Timestamp(seconds: 1_800_000_000)

  static func release(_ version: String, tags: [String: String]) -> DesiredDeploymentStatus.Release {
    .init(
      version: version,
      artifact: .init(path: "artifacts/\(version).tar.gz", sha256: String(repeating: "a", count: 64)),
      configPath: "config/.env.v\(version)", imageTags: tags)
  }

  static func entry(
    _ version: String, revision: Int64?, outcome: DesiredDeploymentStatus.HistoryEntry.Outcome, hoursAgo: Int64,
    message: String, tags: [String: String]
  ) -> DesiredDeploymentStatus.HistoryEntry {
    let end = Timestamp(seconds: 1_800_000_000 - hoursAgo * 3600)
    return .init(
      revision: revision, generation: 4 - hoursAgo, release: release(version, tags: tags), outcome: outcome,
      message: message, startedAt: Timestamp(seconds: end.microseconds / 1_000_000 - 90), completedAt: end)
  }

  /// 2.0.0 runs; 3.0.0 failed and was rolled back.
  static let deployment: DesiredDeployment = {
    var object = DesiredDeployment(
      metadata: ObjectMeta(
        name: "wrktalk", namespace: "shop", uid: "u", resourceVersion: "42", generation: 3,
        creationTimestamp: Timestamp(seconds: 1_800_000_000 - 7200), labels: ["tier": "gold"],
        annotations: [ThreeWayPatch.lastAppliedAnnotation: "{}"]),
      spec: DesiredDeploymentSpec(
        version: "3.0.0", runtime: .compose,
        artifact: .init(path: "artifacts/3.0.0.tar.gz", sha256: String(repeating: "c", count: 64)),
        imageTags: ["backend": "v3", "media": "v3"], compose: .init(projectName: "shop", envPath: "config/.env"),
        newNonEssentialEnvs: [.init(key: "API_KEY", value: "secret")],
        schedule: .init(notBefore: Timestamp(seconds: 1_799_990_000))))
    object.status = DesiredDeploymentStatus(
      observedGeneration: 3, lastAttemptedGeneration: 3,
      current: .init(
        version: "2.0.0", revision: 2, artifactSha256: String(repeating: "b", count: 64),
        release: release("2.0.0", tags: ["backend": "v2"]), imageDigests: ["backend": "sha256:beef"],
        since: Timestamp(seconds: 1_800_000_000 - 3600)),
      failure: .init(
        generation: 3, version: "3.0.0", reason: "WorkloadUnhealthy", message: "backend exits with code 1",
        at: Timestamp(seconds: 1_800_000_000 - 60)),
      conditions: [
        Condition(
          type: "Ready", status: .isFalse, observedGeneration: 3,
          lastTransitionTime: Timestamp(seconds: 1_800_000_000 - 60), reason: "WorkloadUnhealthy",
          message: "3.0.0 failed: backend exits with code 1"),
        Condition(
          type: "Stalled", status: .isTrue, observedGeneration: 3,
          lastTransitionTime: Timestamp(seconds: 1_800_000_000 - 60), reason: "WorkloadUnhealthy",
          message: "3.0.0 failed: backend exits with code 1"),
      ],
      history: [
        entry(
          "3.0.0", revision: nil, outcome: .rolledBack, hoursAgo: 0, message: "backend exits with code 1", tags: [:]),
        entry("2.0.0", revision: 2, outcome: .deployed, hoursAgo: 1, message: "all healthy", tags: ["backend": "v2"]),
        entry("1.0.0", revision: 1, outcome: .deployed, hoursAgo: 2, message: "all healthy", tags: ["backend": "v1"]),
      ])
    return object
  }()

  static let event = Event(
    metadata: ObjectMeta(name: "wrktalk.1", namespace: "shop"),
    involvedObject: .init(kind: "DesiredDeployment", namespace: "shop", name: "wrktalk"), reason: "WorkloadUnhealthy",
    message: "backend exits\u{1B}[2J with code 1", firstTimestamp: Timestamp(seconds: 1_800_000_000 - 300),
    lastTimestamp: Timestamp(seconds: 1_800_000_000 - 60), count: 3, type: .warning)
}
