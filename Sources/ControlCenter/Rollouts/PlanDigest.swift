import Cryptography
import FleetKinds
import FleetPlanning
import ResourceModel
import WireFormats

/// Says whether two plans are one: a rollout that was previewed is made as it was shown, or refused.
enum PlanDigest {
  static let annotation = RolloutKind.planDigestAnnotation

  /// Over the rollout's spec and every stage's members, with what keeps some of them from being offered the release
  /// and what is doubtful about others.
  static func of(_ plan: RolloutPlan, _ spec: RolloutSpec) throws -> String {
    var hash = SHA256()
    hash.update(try JSONValue(encoding: Self.spec(spec)).serialized())
    for stage in plan.stages {
      add([stage.name], to: &hash)
      add(stage.organizations, to: &hash)
      add(stage.blocked.map { "\($0.organization) \($0.reason.rawValue)" }, to: &hash)
      add(stage.alreadyThere, to: &hash)
      add(stage.doubts.map { "\($0.organization) \($0.message)" }, to: &hash)
    }
    return hash.finalize().hexadecimal
  }

  /// What was previewed: the spec without what changes while the rollout runs.
  static func spec(_ spec: RolloutSpec) -> RolloutSpec {
    var spec = spec
    spec.state = .running
    spec.approvedStages = nil
    return spec
  }

  private static func add(_ texts: [String], to hash: inout SHA256) {
    for text in texts { hash.update(Array("\(text.utf8.count):\(text)".utf8)) }
    hash.update([0])
  }
}
