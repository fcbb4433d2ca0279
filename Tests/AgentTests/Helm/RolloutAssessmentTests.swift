import Testing
import WireFormats

@testable import Agent

struct RolloutAssessmentTests {
  static func deployment(_ name: String, replicas: Int64, ready: Int64, updated: Int64? = nil)
    -> RolloutAssessment.Workload
  {
    let json: JSONValue = [
      "apiVersion": "apps/v1", "kind": "Deployment", "metadata": ["name": .string(name)],
      "spec": ["replicas": .integer(replicas)],
    ]
    var live = json
    live["metadata"]?["generation"] = 3
    live["status"] = [
      "observedGeneration": 3, "availableReplicas": .integer(ready), "updatedReplicas": .integer(updated ?? replicas),
    ]
    return RolloutAssessment.Workload(
      object: ManifestObject(json, namespace: "prod")!, live: live, pods: nil)
  }

  static func pod(_ name: String, _ container: JSONValue) -> JSONValue {
    [
      "metadata": ["name": .string(name)],
      "status": ["conditions": [["type": "Ready", "status": "False"]], "containerStatuses": [container]],
    ]
  }

  @Test func whatIsReadyIsNotWaitedFor() {
    let assessment = RolloutAssessment([
      Self.deployment("a", replicas: 2, ready: 2), Self.deployment("b", replicas: 1, ready: 1),
    ])
    #expect(assessment.waitingFor == nil && assessment.fault == nil)
    #expect((assessment.done, assessment.total) == (3, 3))
  }

  @Test func oldPodsAreNoProgress() {
    let assessment = RolloutAssessment([Self.deployment("a", replicas: 2, ready: 2, updated: 1)])
    #expect(assessment.waitingFor == "a 1/2 ready")
  }

  struct Example: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var container: JSONValue
    var kind: PodFault.Kind
    var text: String
  }

  static let examples: [Example] = [
    Example(
      testDescription: "no such image",
      container: [
        "name": "c", "image": "r/x:v9", "ready": false,
        "state": ["waiting": ["reason": "ErrImagePull", "message": "manifest for r/x:v9 not found: manifest unknown"]],
      ], kind: .imagePull(isFinal: true),
      text:
        "container c of pod p waits for its image r/x:v9 (ErrImagePull): manifest for r/x:v9 not found: manifest unknown"
    ),
    Example(
      testDescription: "a registry that is away",
      container: [
        "name": "c", "image": "r/x:v9", "ready": false,
        "state": ["waiting": ["reason": "ErrImagePull", "message": "dial tcp: connection refused"]],
      ], kind: .imagePull(isFinal: false),
      text: "container c of pod p waits for its image r/x:v9 (ErrImagePull): dial tcp: connection refused"),
    Example(
      testDescription: "a crash loop",
      container: [
        "name": "c", "ready": false, "restartCount": 4, "state": ["waiting": ["reason": "CrashLoopBackOff"]],
        "lastState": ["terminated": ["exitCode": 3, "reason": "Error"]],
      ], kind: .crash(restarts: 4), text: "container c of pod p crashes again and again (exit code 3, 4 restarts)"),
    Example(
      testDescription: "too much memory",
      container: [
        "name": "c", "ready": false, "restartCount": 0,
        "state": ["terminated": ["exitCode": 137, "reason": "OOMKilled"]],
      ], kind: .crash(restarts: 0),
      text: "container c of pod p ended (it used more memory than it may, exit code 137)"),
    Example(
      testDescription: "a missing Secret",
      container: [
        "name": "c", "ready": false,
        "state": ["waiting": ["reason": "CreateContainerConfigError", "message": "secret \"s\" not found"]],
      ], kind: .cannotStart,
      text: "container c of pod p cannot start (CreateContainerConfigError): secret \"s\" not found"),
    Example(
      testDescription: "a failing probe",
      container: ["name": "c", "ready": false, "restartCount": 0, "state": ["running": [:]]], kind: .notReady,
      text: "container c of pod p runs, but is not ready"),
  ]

  @Test(arguments: examples)
  func thePodsStatusSaysWhy(_ example: Example) throws {
    var workload = Self.deployment("a", replicas: 1, ready: 0)
    workload.pods = [Self.pod("p", example.container)]
    let assessment = RolloutAssessment([Self.deployment("b", replicas: 1, ready: 0), workload])
    let fault = try #require(assessment.fault)
    #expect(fault.kind == example.kind)
    #expect(fault.message == example.text)
    #expect(assessment.workload == "Deployment a")
    #expect(assessment.waitingFor == "a 0/1 ready: \(example.text)")
  }

  @Test func anUnschedulablePodSaysWhatTheSchedulerSaid() {
    var workload = Self.deployment("a", replicas: 1, ready: 0)
    workload.pods = [
      [
        "metadata": ["name": "p"],
        "status": [
          "conditions": [
            [
              "type": "PodScheduled", "status": "False", "reason": "Unschedulable",
              "message": "0/1 nodes are available",
            ]
          ]
        ],
      ]
    ]
    #expect(RolloutAssessment([workload]).fault?.message == "pod p cannot be scheduled: 0/1 nodes are available")
  }

  @Test(arguments: [
    (
      ["type": "ReplicaFailure", "status": "True", "message": "exceeded quota: q"] as JSONValue, false,
      "Deployment a cannot make its pods: exceeded quota: q"
    ),
    (nil, true, "Deployment a is paused (spec.paused), so it makes no pods of its newest template"),
  ])
  func aDeploymentSaysItselfWhyItMakesNoPods(_ condition: JSONValue?, _ isPaused: Bool, _ text: String) {
    var workload = Self.deployment("a", replicas: 1, ready: 0, updated: 0)
    workload.live?["status"]?["conditions"] = .array([condition].compactMap { $0 })
    workload.live?["spec"]?["paused"] = .bool(isPaused)
    workload.pods = []
    let assessment = RolloutAssessment([workload])
    #expect(assessment.failure == text)
    #expect(assessment.waitingFor == "a 0/1 ready: \(text)")
  }

  @Test func podsOfAnotherNamespaceAreNamedAsNotSeen() {
    var workload = Self.deployment("a", replicas: 1, ready: 0)
    workload.arePodsVisible = false
    #expect(
      RolloutAssessment([workload]).waitingFor
        == "a 0/1 ready: its pods are in namespace prod, which the Agent does not watch; look there")
  }

  struct Unready: Sendable, CustomTestStringConvertible {
    var kind: String
    var spec: JSONValue = [:]
    var status: JSONValue
    var text: String?
    var testDescription: String { "\(kind) \(status.text)" }
  }

  static let unready: [Unready] = [
    Unready(
      kind: "PersistentVolumeClaim", status: ["phase": "Pending"],
      text: "PersistentVolumeClaim x is Pending: no volume is bound to it"),
    Unready(
      kind: "Service", spec: ["type": "LoadBalancer"], status: ["loadBalancer": [:]],
      text: "Service x of type LoadBalancer has no address: nothing in the cluster gave it one"),
    Unready(
      kind: "Pod", status: ["conditions": [["type": "PodScheduled", "status": "False", "message": "no node"]]],
      text: "Pod x is not ready: pod x cannot be scheduled: no node"),
    Unready(kind: "PersistentVolumeClaim", status: ["phase": "Bound"]),
    Unready(kind: "Service", spec: ["type": "ClusterIP"], status: ["loadBalancer": [:]]),
    Unready(kind: "Pod", status: ["conditions": [["type": "Ready", "status": "True"]]]),
  ]

  @Test(arguments: unready)
  func whatHelmWaitsForBesidesWorkloadsIsNamed(_ row: Unready) throws {
    let live: JSONValue = [
      "apiVersion": "v1", "kind": .string(row.kind), "metadata": ["name": "x"], "spec": row.spec,
      "status": row.status,
    ]
    let object = try #require(ManifestObject(live, namespace: "n"))
    #expect(UnreadyObject(object, live: live)?.message == row.text)
  }

  @Test func aJobThatGaveUpHasFailed() {
    let json: JSONValue = ["apiVersion": "batch/v1", "kind": "Job", "metadata": ["name": "j"]]
    var live = json
    live["status"] = ["conditions": [["type": "Failed", "status": "True", "message": "it reached its limit"]]]
    let job = RolloutAssessment.Workload(object: ManifestObject(json, namespace: "p")!, live: live, pods: [])
    #expect(RolloutAssessment([job]).failure == "Job j failed: it reached its limit")
  }
}
