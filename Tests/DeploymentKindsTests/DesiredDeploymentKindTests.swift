import DeploymentKinds
import ResourceModel
import Testing
import WireFormats

@Suite struct DesiredDeploymentKindTests {
  static let valid: JSONValue = [
    "apiVersion": "deploy.wrktalk.com/v1", "kind": "DesiredDeployment",
    "metadata": ["name": "wrktalk", "namespace": "wrktalk"],
    "spec": [
      "version": "2.3.0", "runtime": "Compose",
      "artifact": ["path": "artifacts/wrktalk-2.3.0.tgz", "sha256": .string(String(repeating: "0a", count: 32))],
      "imageTags": ["backend": "sha-abc", "controlTower": "sha-ghi"],
      "compose": ["projectName": "wrktalk", "envPath": "config/.env"],
      "newNonEssentialEnvs": [["key": "NEW_FEATURE", "value": "false"]],
      "schedule": ["notBefore": "2026-12-15T02:00:00Z"],
    ],
  ]

  static let definition = DesiredDeploymentKind.definition

  @Test func aCompleteObjectIsAcceptedAndDecodesWithItsDefaults() throws {
    let object = Self.definition.applyDefaults(to: Self.valid)
    #expect(Self.definition.validationErrors(in: object) == [])
    #expect(Self.definition.unknownFields(in: object) == [])
    let deployment = try object.decoded(as: DesiredDeployment.self)
    #expect(deployment.spec.failurePolicy == .rollBack)
    #expect(deployment.spec.drift == .correct)
    #expect(deployment.spec.interval == DurationText(.seconds(60)))
    #expect(deployment.spec.suspend == false)
    #expect(deployment.spec.compose?.timeout == DurationText(.seconds(600)))
    #expect(deployment.spec.schedule?.startingDeadline == DurationText(.seconds(600)))
  }
}
