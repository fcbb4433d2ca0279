import DeploymentPlanning
import Synchronization
import Testing
import WireFormats

@testable import Agent

struct DriftCorrectionsTests {
  private static let object = ManifestObject(
    ["apiVersion": "apps/v1", "kind": "Deployment", "metadata": ["name": "a"]], namespace: "n")!

  @Test func whatComesBackThreeTimesIsContestedAndCorrectedMoreAndMoreSeldom() {
    let now = Mutex<Int64>(1000)
    let corrections = DriftCorrections(now: { Timestamp(seconds: now.withLock { $0 }) })
    let path = ["spec", "replicas"]
    for count in 1...2 {
      corrections.note(Self.object, [path])
      #expect(corrections.obstacle(to: Self.object, path) == nil, "after \(count)")
      now.withLock { $0 += 20 }
    }
    for (count, pause) in [(3, 60), (4, 120), (5, 240)] as [(Int, Int64)] {
      corrections.note(Self.object, [path])
      now.withLock { $0 += pause - 1 }
      #expect(corrections.obstacle(to: Self.object, path) == .contested(corrections: count))
      #expect(corrections.obstacle(to: Self.object, ["spec", "paused"]) == nil, "of another field")
      now.withLock { $0 += 1 }
      #expect(corrections.obstacle(to: Self.object, path) == nil)
    }
    now.withLock { $0 += 5000 }
    corrections.note(Self.object, [path])
    #expect(corrections.obstacle(to: Self.object, path) == nil, "what was quiet for long begins anew")
  }

  @Test func aRefusalHoldsUntilACorrectionSucceeds() {
    let corrections = DriftCorrections(now: { Timestamp(seconds: 0) })
    corrections.refuse(Self.object, [["spec"]], "no")
    #expect(corrections.obstacle(to: Self.object, ["spec"]) == .refused("no"))
    #expect(!corrections.isWaiting(Self.object, ["spec"]), "it is tried whenever something is corrected")
    corrections.note(Self.object, [["spec"]])
    #expect(corrections.obstacle(to: Self.object, ["spec"]) == nil)
  }
}
