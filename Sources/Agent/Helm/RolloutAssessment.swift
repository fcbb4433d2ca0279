import DeploymentKinds
import DeploymentPlanning
import WireFormats

/// How far the workloads of a release are, and what holds them up: decided from live objects alone.
struct RolloutAssessment: Sendable, Hashable {
  /// Pods that are ready, and that are wanted.
  var done: Int64
  var total: Int64
  /// What is waited for: `media 1/2 ready: container media of pod … waits for its image …`; nil where all is ready.
  var waitingFor: String?
  /// The most severe fault of a pod; nil where none has one.
  var fault: PodFault?
  /// The workload that the fault keeps from being ready.
  var workload: String?
  /// What a workload itself says of why it is not ready, whatever its pods say: a Job that gave up, a Deployment that is
  /// paused or that may not make its pods.
  var failure: String?
  /// The first that lacks pods and says nothing of why in its status: a StatefulSet or DaemonSet whose pods are refused tells
  /// that in Events only.
  var lackingPods: ManifestObject?

  struct Workload: Sendable, Hashable {
    var object: ManifestObject
    var live: JSONValue?
    /// Those of its newest template; nil where it cannot be told yet which these are.
    var pods: [JSONValue]?
    /// False in a namespace that is not watched.
    var arePodsVisible = true
  }

  /// - Parameter workloads: in the order of the manifest, hooks that run now first.
  init(_ workloads: [Workload]) {
    done = 0
    total = 0
    for workload in workloads {
      let counts = WorkloadHealth.counts(of: workload.object, live: workload.live)
      let reports = workload.pods?.map { PodReport($0) }
      // While former pods serve, the controller's count holds them too.
      let ready = min(Int64(reports?.count(where: \.isReady) ?? .max), counts.ready, counts.updated, counts.desired)
      done = done.addingSaturated(ready)
      total = total.addingSaturated(counts.desired)
      let health = WorkloadHealth.health(of: workload.object, live: workload.live)
      if health == .healthy { continue }
      let isJob = WorkloadKind(workload.object) == .job
      let fault = reports?.compactMap(\.fault).min { $0.kind.rank < $1.kind.rank }
      var text =
        isJob
        ? "\(workload.object.title) has not ended" : "\(workload.object.name) \(ready)/\(counts.desired) ready"
      let told = Self.obstacle(workload, health, counts)
      if let fault {
        text += ": \(fault.message)"
      } else if let told {
        text += ": \(told)"
      } else if !workload.arePodsVisible {
        text += ": its pods are in namespace \(workload.object.namespace), which the Agent does not watch; look there"
      }
      if failure == nil { failure = told }
      // Of a StatefulSet whose first pod is refused nothing else is ever written into the status.
      let count = Int64(reports?.count ?? 0)
      if lackingPods == nil, fault == nil, told == nil, count == 0 || count < counts.desired {
        lackingPods = workload.object
      }
      if waitingFor == nil || (self.fault == nil && fault != nil) { waitingFor = text }
      if let fault, self.fault.map({ fault.kind.rank < $0.kind.rank }) ?? true {
        self.fault = fault
        self.workload = workload.object.title
        waitingFor = text
      }
    }
  }

  /// What the workload's own status says; nil where that is only how many pods are ready.
  private static func obstacle(
    _ workload: Workload, _ health: WorkloadHealth.Health, _ counts: WorkloadHealth.Counts
  ) -> String? {
    guard case .unhealthy(let message) = health, workload.live != nil,
      message != "\(workload.object.title) \(counts.text)"
    else { return nil }
    return message
  }

  var progress: DesiredDeploymentStatus.Progress {
    .init(
      step: .waitingForWorkloads, done: Int(clamping: done), total: Int(clamping: total),
      message: waitingFor ?? "everything is ready")
  }
}
