import Cryptography
import FleetKinds
import FleetPlanning
import ResourceModel
import WireFormats

/// Says whether two plans are one: what is saved is what was previewed, or it is refused.
enum PlanDigest {
  /// The annotation of a rollout that was previewed: it is made only while its plan still is that one.
  static let annotation = "deploy.wrktalk.com/planDigest"

  /// Over the rollout's spec and every stage's members, with what keeps some of them from being offered the release.
  static func of(_ plan: RolloutPlan, _ spec: RolloutSpec) throws -> String {
    var hash = SHA256()
    var spec = spec
    // What changes while it runs.
    spec.state = .running
    spec.approvedStages = nil
    hash.update(try JSONValue(encoding: spec).serialized())
    for stage in plan.stages {
      add([stage.name], to: &hash)
      add(stage.organizations, to: &hash)
      add(stage.blocked.map { "\($0.organization) \($0.reason.rawValue)" }, to: &hash)
      add(stage.alreadyThere, to: &hash)
    }
    return hash.finalize().hexadecimal
  }

  private static func add(_ texts: [String], to hash: inout SHA256) {
    for text in texts { hash.update(Array("\(text.utf8.count):\(text)".utf8)) }
    hash.update([0])
  }
}
