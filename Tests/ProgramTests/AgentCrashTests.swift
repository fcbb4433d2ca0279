import DeploymentKinds
import ResourceClient
import ResourceModel
import TestSupport
import Testing
import WireFormats

/// The Agent is killed with SIGKILL as soon as it says that it is at a step, and started again: the end state is the same
/// as when nothing had disturbed it.
@Suite(.needs(.docker), .needs(.images), .usesEngine, .timeLimit(.minutes(60)))
struct AgentCrashTests {
  /// What an upgrade comes to.
  enum Course: String, Sendable, CaseIterable {
    case success
    case failureHeld
    case rollback
  }

  /// What must be the same at the end, whatever happened on the way: no times, no counts of tries.
  struct EndState: Equatable, Sendable {
    var version: String?
    var revision: Int64?
    var failedGeneration: Int64?
    var failureReason: String?
    var conditions: [String: Condition.Status]
    var outcomes: [String]
    var served: [String: String]
    var containers: [String: String]
  }

  @Test(arguments: Course.allCases)
  func killedAtAnyStepItReachesTheSameEndState(_ course: Course) async throws {
    let (undisturbed, reached) = try await endState(course, killAt: nil)
    #expect(Set(reached).isSuperset(of: Self.expectedMoments(of: course)))
    for moment in reached {
      let disturbed = try await disturbedEndState(course, killAt: moment)
      #expect(disturbed == undisturbed, "\(course), killed at \(moment)")
    }
  }

  /// A moment that passed too quickly to be seen, as the last look at workloads that are ready already, comes again.
  private func disturbedEndState(_ course: Course, killAt moment: Moment) async throws -> EndState {
    for _ in 0..<5 {
      let (state, seen) = try await endState(course, killAt: moment)
      if seen.contains(moment) { return state }
    }
    throw ProgramError(description: "\(course): the Agent was never seen at \(moment)")
  }

  /// The moments without which the enumeration above would prove too little.
  private static func expectedMoments(of course: Course) -> Set<Moment> {
    // A release that crashes may be given up before anybody is told that its workloads are waited for.
    let last: [DesiredDeploymentStatus.Step] = course == .success ? [.waitingForWorkloads] : []
    let deploying = ([.downloading, .pulling, .starting] + last).map { Moment(step: $0, isRemediation: false) }
    let returning = course == .rollback ? [Moment(step: .starting, isRemediation: true)] : []
    return Set(deploying + returning)
  }

  /// A step of an attempt, or of the return to the last good version.
  struct Moment: Hashable, Sendable, CustomStringConvertible {
    var step: DesiredDeploymentStatus.Step
    var isRemediation: Bool
    var description: String { (isRemediation ? "rollback, " : "") + step.rawValue }
  }

  /// Deploys 1.0.0, then a 2.0.0 of the given course; kills the Agent at `moment` of the second and starts it again.
  /// - Returns: the end state, and every moment that was seen.
  private func endState(_ course: Course, killAt moment: Moment?) async throws -> (EndState, [Moment]) {
    try await CustomerEnvironment.use { environment in
      var agent = try await environment.startAgent()
      let first = try await environment.publish(version: "1.0.0", composeFile: twoServices)
      try await environment.apply(environment.spec(version: "1.0.0", artifact: first, tag: "v1"))
      let before = try await environment.waitUntilReady()

      let second = try await environment.publish(version: "2.0.0", composeFile: twoServices + "# 2\n")
      let tag = course == .success ? "v2" : "crash"
      let policy: FailurePolicy = course == .failureHeld ? .hold : .rollBack
      let observer = MomentObserver(environment: environment, from: before.metadata.resourceVersion)
      let watching = Task { try await observer.run() }
      let generation = try await environment.apply(
        environment.spec(version: "2.0.0", artifact: second, tag: tag, timeout: .seconds(30), failurePolicy: policy)
      ).metadata.generation
      let isOver: @Sendable (DesiredDeployment) -> Bool = { deployment in
        guard deployment.status?.observedGeneration == generation, let conditions = deployment.status?.conditions else {
          return false
        }
        return switch course {
        case .success: conditions.isTrue(DeploymentCondition.ready) && deployment.status?.current?.version == "2.0.0"
        case .failureHeld: conditions.isTrue(DeploymentCondition.stalled) && deployment.status?.progress == nil
        case .rollback: conditions.isTrue(DeploymentCondition.remediated)
        }
      }
      if let moment {
        await observer.wait(for: moment, orUntil: isOver)
        await agent.kill()
        agent = try await environment.startAgent()
      }
      let final = try await environment.wait(for: "the end of a \(course)", isOver)
      watching.cancel()
      let containers = try await environment.containers()
      var served: [String: String] = [:]
      for (service, state) in containers where state == "running" && course != .failureHeld {
        served[service] = try await environment.servedVersion(of: service)
      }
      let conditions = (final.status?.conditions ?? []).map { ($0.type, $0.status) }
      let state = EndState(
        version: final.status?.current?.version, revision: final.status?.current?.revision,
        failedGeneration: final.status?.failure?.generation, failureReason: final.status?.failure?.reason,
        conditions: Dictionary(conditions) { _, last in last },
        outcomes: (final.status?.history ?? []).map { "\($0.release.version) \($0.outcome.rawValue)" }, served: served,
        containers: course == .failureHeld ? [:] : containers)
      return (state, await observer.seen)
    }
  }
}

/// Follows a record by a watch and keeps the moments its status went through.
private actor MomentObserver {
  private let environment: CustomerEnvironment
  private let resourceVersion: String?
  private(set) var seen: [AgentCrashTests.Moment] = []
  private var latest: DesiredDeployment?
  private var waiting: [CheckedContinuation<Void, Never>] = []

  init(environment: CustomerEnvironment, from resourceVersion: String?) {
    self.environment = environment
    self.resourceVersion = resourceVersion
  }

  func run() async throws {
    let changes = try await environment.client.watch(
      DesiredDeploymentKind.definition.names, namespace: CustomerEnvironment.key.namespace, from: resourceVersion)
    for try await change in changes {
      guard case .modified(let object) = change else { continue }
      let deployment = try object.decoded(as: DesiredDeployment.self)
      latest = deployment
      if let step = deployment.status?.progress?.step {
        let moment = AgentCrashTests.Moment(step: step, isRemediation: deployment.status?.failure != nil)
        if !seen.contains(moment) { seen.append(moment) }
      }
      for continuation in waiting { continuation.resume() }
      waiting = []
    }
  }

  /// Returns at `moment`, or once `isOver` holds.
  func wait(for moment: AgentCrashTests.Moment, orUntil isOver: @Sendable (DesiredDeployment) -> Bool) async {
    while !seen.contains(moment), latest.map(isOver) != true {
      await withCheckedContinuation { waiting.append($0) }
    }
  }
}
