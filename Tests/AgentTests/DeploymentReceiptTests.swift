import DeploymentKinds
import ResourceModel
import Testing
import WireFormats

@testable import Agent

/// Whatever a server sends, only what the kind's schema accepts is looked at.
struct DeploymentReceiptTests {
  private func object(_ change: (inout JSONValue) -> Void = { _ in }) throws -> JSONValue {
    var value = try JSONValue(
      encoding: DesiredDeployment(
        metadata: ObjectMeta(name: "wrktalk", namespace: "wrktalk", uid: "u", resourceVersion: "1", generation: 1),
        spec: simulatedSpec("1.0.0"), status: DesiredDeploymentStatus(attempts: 1)))
    change(&value)
    return value
  }

  /// With the default that a server fills in.
  private var expected: DesiredDeploymentSpec {
    var spec = simulatedSpec("1.0.0")
    spec.deletionPolicy = .orphan
    return spec
  }

  @Test func aValidObjectIsTakenAsItIs() throws {
    let read = try DeploymentReceipt.read(try object())
    #expect(read.spec == expected)
    #expect(read.status?.attempts == 1)
  }

  @Test func anInvalidStatusCountsAsNone() throws {
    for status: JSONValue in [
      ["attempts": -1], ["attempts": .integer(.max)], ["nextAttemptAt": "soon"], ["current": [:]], [], "x",
      ["conditions": [["type": "Ready"]]],
    ] {
      let read = try DeploymentReceipt.read(try object { $0["status"] = status })
      #expect(read.status == nil, "\(status.text)")
      #expect(read.spec == expected)
    }
  }

  @Test func anInvalidSpecIsNamed() throws {
    for (change, field): (@Sendable (inout JSONValue) -> Void, String) in [
      ({ $0["spec"]?["artifact"]?["path"] = "../../etc" }, "spec.artifact.path"),
      ({ $0["spec"]?["compose"]?["projectName"] = "A B" }, "spec.compose.projectName"),
      ({ $0["spec"]?["imageTags"] = ["backend": "a b"] }, "spec.imageTags"), ({ $0["spec"] = nil }, "spec"),
      ({ $0["spec"]?["manifest"] = .string(String(repeating: "a", count: 300_000)) }, "spec.manifest"),
    ] {
      let value = try object(change)
      let error = #expect(throws: DeploymentReceiptError.self) { try DeploymentReceipt.read(value) }
      #expect(error?.message.contains(field) == true, "\(error?.message ?? "")")
    }
  }
}
