import DeploymentPlanning
import Testing
import WireFormats

@testable import Agent

struct WorkloadHealthTests {
  struct Example: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var kind: String
    var apiVersion = "apps/v1"
    var spec: JSONValue = [:]
    var status: JSONValue?
    var isHealthy: Bool
  }

  static let examples: [Example] = [
    Example(
      testDescription: "a Deployment that is rolled out", kind: "Deployment", spec: ["replicas": 2],
      status: ["replicas": 2, "updatedReplicas": 2, "availableReplicas": 2], isHealthy: true),
    Example(
      testDescription: "a Deployment whose former pods still serve", kind: "Deployment", spec: ["replicas": 1],
      status: ["replicas": 2, "updatedReplicas": 1, "availableReplicas": 1], isHealthy: false),
    Example(
      testDescription: "a Deployment without replicas", kind: "Deployment", spec: ["replicas": 0], status: [:],
      isHealthy: true),
    Example(
      testDescription: "a StatefulSet in the middle", kind: "StatefulSet", spec: ["replicas": 3],
      status: ["currentRevision": "a", "updateRevision": "b", "readyReplicas": 3, "updatedReplicas": 1],
      isHealthy: false),
    Example(
      testDescription: "a StatefulSet updated by hand", kind: "StatefulSet",
      spec: ["replicas": 3, "updateStrategy": ["type": "OnDelete"]],
      status: ["currentRevision": "a", "updateRevision": "b", "readyReplicas": 3], isHealthy: true),
    Example(
      testDescription: "a StatefulSet updated down to its partition", kind: "StatefulSet",
      spec: ["replicas": 3, "updateStrategy": ["rollingUpdate": ["partition": 2]]],
      status: ["currentRevision": "a", "updateRevision": "b", "readyReplicas": 3, "updatedReplicas": 1],
      isHealthy: true),
    Example(
      testDescription: "a DaemonSet updated by hand", kind: "DaemonSet", spec: ["updateStrategy": ["type": "OnDelete"]],
      status: [
        "desiredNumberScheduled": 2, "numberAvailable": 2, "updatedNumberScheduled": 0, "observedGeneration": 1,
      ], isHealthy: true),
    Example(
      testDescription: "a DaemonSet that no controller has seen", kind: "DaemonSet", status: [:], isHealthy: false),
    Example(
      testDescription: "a Job that runs", kind: "Job", apiVersion: "batch/v1", status: ["active": 1], isHealthy: false),
    Example(
      testDescription: "a Job that the cluster has removed after its end", kind: "Job", apiVersion: "batch/v1",
      spec: ["ttlSecondsAfterFinished": 60], status: nil, isHealthy: true),
    Example(
      testDescription: "somebody else's kind of Job", kind: "Job", apiVersion: "batch.volcano.sh/v1alpha1", status: [:],
      isHealthy: true),
    Example(testDescription: "a Deployment that is not there", kind: "Deployment", status: nil, isHealthy: false),
  ]

  @Test(arguments: examples)
  func theControllersStatusTellsTheHealth(_ example: Example) throws {
    let json: JSONValue = [
      "apiVersion": .string(example.apiVersion), "kind": .string(example.kind), "metadata": ["name": "a"],
      "spec": example.spec,
    ]
    let object = try #require(ManifestObject(json, namespace: "prod"))
    let live = example.status.map { status in
      var live = json
      live["status"] = status
      return live
    }
    #expect((WorkloadHealth.health(of: object, live: live) == .healthy) == example.isHealthy)
    if example.status == nil, example.isHealthy {
      #expect(ManifestComparison.differences(of: object, from: nil, ignoring: []) == [], "nor has it drifted")
    }
  }

  @Test func whatChartsRenderIsReadAsHelmReadsIt() throws {
    let manifest = try RenderedManifest(
      """
      apiVersion: v1
      kind: ConfigMap
      metadata: {name: a, labels: {x: one, x: two}}
      data: {8080: "port"}
      """, namespace: "prod")
    #expect(manifest.objects.first?.json["metadata"]?["labels"]?["x"] == "two")
    #expect(manifest.objects.first?.json["data"]?["8080"] == "port")
  }
}
