import TestSupport
import Testing

@testable import Agent
@testable import DeploymentPlanning

/// What a controller tells in Events alone.
@Suite(.needs(.cluster), .needs(.kubectl), .needs(.images), .usesEngine)
struct HelmRefusedPodsTests {
  @Test(arguments: HelmEdition.offered.sharedOut(0), ["StatefulSet", "DaemonSet"])
  func aWorkloadWhosePodsAQuotaRefusesIsToldWithTheQuota(_ edition: HelmEdition, _ kind: String) async throws {
    try await HelmStack.with(edition) { stack in
      try await stack.kubectl("create", "quota", "none", "--hard=pods=0")
      let workload = """
        apiVersion: apps/v1
        kind: \(kind)
        metadata: {name: store}
        spec:
          \(kind == "StatefulSet" ? "serviceName: store" : "minReadySeconds: 0")
          selector: {matchLabels: {app: store}}
          template:
            metadata: {labels: {app: store}}
            spec: {containers: [{name: store, image: "\(try Testbed.location(of: .images))/backend:v1"}]}
        """
      let release = try stack.release("1.0.0", of: workload)
      let failure = await #expect(throws: RuntimeFailure.self) {
        try await stack.deploy(release, timeout: .seconds(30))
      }
      #expect(failure?.reason == "WorkloadUnhealthy" && failure?.kind == .permanent, "\(String(describing: failure))")
      #expect(failure?.message.hasPrefix("\(kind) store gets no pods: ") == true, "\(failure?.message ?? "")")
      #expect(failure?.message.contains("exceeded quota: none") == true, "\(failure?.message ?? "")")
    }
  }
}
