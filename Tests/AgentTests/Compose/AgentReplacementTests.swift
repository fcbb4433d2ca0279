import DeploymentKinds
import DeploymentPlanning
import FoundationEssentials
import ReleaseManifest
import TestSupport
import Testing

@testable import Agent

extension ComposeOnARealEngine {
  /// A runtime that takes a container of the project for the one it runs in, with each Compose there is.
  @Suite(.needs(.docker), .needs(.images)) struct AgentReplacementTests {
    static let compose = """
      services:
        media:
          image: ${REGISTRY}/media:${MEDIA_IMAGE_TAG}
      \(ComposeRuntimeTests.health)
        agent:
          image: ${REGISTRY}/agent:${AGENT_IMAGE_TAG}
          depends_on: [media]
          restart: unless-stopped
      \(ComposeRuntimeTests.health)
      """

    /// The Agent that runs in `container`.
    struct Agent {
      let stack: ComposeStack
      let edition: ComposeEdition
      let container: String
      let handover = Handover()

      func runtime() throws -> ComposeRuntime {
        ComposeStack.runtime(
          folder: stack.folder, endpoint: stack.endpoint, command: try edition.command(), container: container,
          handover: handover)
      }

      func converge(_ tag: String, agent: String, pinned: [String: String] = [:]) async throws -> RunningRelease {
        try await runtime().converge(
          stack.target(timeout: .seconds(60)),
          to: stack.release(tag, compose: compose, tags: ["media": tag, "agent": agent], pinned: pinned)
        ) { _ in }
      }

      func failure(_ tag: String, agent: String) async throws -> RuntimeFailure {
        try await failure(tag, compose: compose, tags: ["media": tag, "agent": agent])
      }

      func failure(_ version: String, compose: String, tags: [String: String]) async throws -> RuntimeFailure {
        let release = try stack.release(version, compose: compose, tags: tags)
        do {
          let running = try await runtime().converge(stack.target(timeout: .seconds(60)), to: release) { _ in }
          throw UnexpectedOutcome(description: "converged to \(running)")
        } catch let failure as RuntimeFailure {
          return failure
        }
      }
    }

    /// The containers of a service: identifier to the tag of its image.
    static func containers(_ service: String, _ stack: ComposeStack) async throws -> [String: String] {
      let found = try await stack.runtime.observe(stack.target()).containers.filter { $0.service == service }
      return Dictionary(
        uniqueKeysWithValues: found.map { ($0.id, ImageReference($0.image).tag ?? $0.image) })
    }

    @Test(arguments: ComposeEdition.offered.sharedOut(0))
    func itIsReplacedLastAndItsSuccessorConfirms(edition: ComposeEdition) async throws {
      try await ComposeStack.with(edition) { stack in
        try await stack.converge(
          try stack.release("v1", compose: Self.compose, tags: ["media": "v1", "agent": "v1"]))
        let first = try #require(try await Self.containers("agent", stack).keys.first)
        let old = Agent(stack: stack, edition: edition, container: first)
        let unchanged = try await old.converge("v2", agent: "v1")
        #expect(unchanged.services.map(\.replicas) == [1, 1])
        #expect(try await Self.containers("agent", stack) == [first: "v1"], "what is as wanted is let alone")
        #expect(old.handover.end() == false)

        let yielded = try await old.failure("v3", agent: "v2")
        #expect(yielded.kind == .cancelled)
        #expect(old.handover.end())
        #expect(try await Self.containers("media", stack).values.sorted() == ["v3"])
        let both = try await Self.containers("agent", stack)
        #expect(both.values.sorted() == ["v1", "v2"])
        #expect(both[first] == "v1", "the old one is still there")

        // Asked again, as when the new one lost its lease, it offers the work to the same.
        let again = try await old.failure("v3", agent: "v2")
        #expect(again.kind == .cancelled)
        #expect(try await Self.containers("agent", stack) == both)

        let second = try #require(both.keys.first { $0 != first })
        let new = Agent(stack: stack, edition: edition, container: second)
        let confirmed = try await new.converge("v3", agent: "v2")
        #expect(confirmed.services.map(\.replicas) == [1, 1])
        #expect(try await Self.containers("agent", stack) == [second: "v2"])
        #expect(new.handover.end() == false)
        let inSync = try await stack.containers()
        #expect(try await new.converge("v3", agent: "v2") == confirmed)
        #expect(try await stack.containers() == inSync)
      }
    }

    @Test(arguments: ComposeEdition.offered.sharedOut(1))
    func aSuccessorThatDoesNotComeUpIsRemoved(edition: ComposeEdition) async throws {
      try await ComposeStack.with(edition) { stack in
        let running = try await stack.converge(
          try stack.release("v1", compose: Self.compose, tags: ["media": "v1", "agent": "v1"]))
        let own = try #require(try await Self.containers("agent", stack).keys.first)
        let agent = Agent(stack: stack, edition: edition, container: own)

        let failure = try await agent.failure("v2", agent: "crash")
        #expect(failure.kind == .permanent)
        #expect(failure.reason == "WorkloadCrashed")
        #expect(failure.message.hasPrefix("Service agent (container "), "\(failure.message)")
        #expect(failure.message.contains("Its log ends: "), "\(failure.message)")
        #expect(agent.handover.end() == false)
        #expect(try await Self.containers("agent", stack) == [own: "v1"])
        #expect(try await Self.containers("media", stack).values.sorted() == ["v2"])

        let pins = Dictionary(uniqueKeysWithValues: running.services.map { ($0.name, $0.image) })
        let restored = try await agent.converge("v1", agent: "v1", pinned: pins)
        #expect(restored == running)
        #expect(try await Self.containers("agent", stack) == [own: "v1"])
      }
    }

    @Test(arguments: ComposeEdition.offered.sharedOut(2))
    func aFailureElsewhereLeavesNoSuccessorBehind(edition: ComposeEdition) async throws {
      try await ComposeStack.with(edition) { stack in
        try await stack.converge(
          try stack.release("v1", compose: Self.compose, tags: ["media": "v1", "agent": "v1"]))
        let own = try #require(try await Self.containers("agent", stack).keys.first)
        let agent = Agent(stack: stack, edition: edition, container: own)
        // What an Agent left that was killed between the creation of its successor and its start.
        let file = try stack.folder.write(
          Self.compose.replacing("unless-stopped", with: "always"), to: "by-hand/docker-compose.yaml")
        let command = try edition.command()
        let words = edition == .v2 ? ["docker", "compose"] : [command.executable]
        let variables = ["REGISTRY=\(stack.images)", "MEDIA_IMAGE_TAG=v1", "AGENT_IMAGE_TAG=v3"]
        try await stack.run(
          ["env"] + variables + words + ["-p", stack.project, "-f", file]
            + command.besideArguments("agent", count: 1))
        #expect(try await Self.containers("agent", stack).values.sorted() == ["v1", "v3"])

        let failure = try await agent.failure("crash", agent: "v2")
        #expect(failure.reason == "WorkloadCrashed")
        #expect(failure.message.hasPrefix("Service media "), "\(failure.message)")
        #expect(try await Self.containers("agent", stack) == [own: "v1"])

        #expect(try await agent.failure("crash", agent: "v1").reason == "WorkloadCrashed")
        #expect(try await Self.containers("agent", stack) == [own: "v1"])
      }
    }

    @Test(arguments: ComposeEdition.offered.sharedOut(3))
    func aSuccessorThatDoesNotDoTheWorkIsGivenUp(edition: ComposeEdition) async throws {
      try await ComposeStack.with(edition) { stack in
        try await stack.converge(
          try stack.release("v1", compose: Self.compose, tags: ["media": "v1", "agent": "v1"]))
        let own = try #require(try await Self.containers("agent", stack).keys.first)
        let agent = Agent(stack: stack, edition: edition, container: own)
        for _ in 1...3 { #expect(try await agent.failure("v1", agent: "v2").kind == .cancelled) }
        let failure = try await agent.failure("v1", agent: "v2")
        #expect(failure.kind == .permanent)
        #expect(failure.reason == "AgentDidNotTakeOver")
        #expect(try await Self.containers("agent", stack) == [own: "v1"])
      }
    }

    @Test(arguments: ComposeEdition.offered.sharedOut(4))
    func aReleaseWithoutItTouchesNothingAndAnUninstallationLeavesIt(edition: ComposeEdition) async throws {
      try await ComposeStack.with(edition) { stack in
        try await stack.converge(
          try stack.release("v1", compose: Self.compose, tags: ["media": "v1", "agent": "v1"]))
        let before = try await stack.containers()
        let own = try #require(try await Self.containers("agent", stack).keys.first)
        let agent = Agent(stack: stack, edition: edition, container: own)
        let failure = try await agent.failure(
          "v2", compose: ComposeRuntimeTests.two, tags: ["backend": "v2", "media": "v2"])
        #expect(failure.reason == "AgentNotReplaceable")
        #expect(failure.kind == .permanent)
        #expect(try await stack.containers() == before)

        try await agent.runtime().uninstall(stack.target()) { _ in }
        #expect(try await stack.containers().map(\.value) == [own])
      }
    }
  }
}
