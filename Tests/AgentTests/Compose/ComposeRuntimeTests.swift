import Agent
import DeploymentKinds
import DeploymentPlanning
import FoundationEssentials
import HTTPTransport
import Logging
import Synchronization
import TestSupport
import Testing

extension ComposeOnARealEngine {
  /// The runtime against a real engine, with each Compose there is.
  @Suite(.needs(.docker), .needs(.images)) struct ComposeRuntimeTests {
    static let health = """
          stop_grace_period: 1s
          healthcheck:
            test: ["CMD", "/bin/busybox", "wget", "-q", "-O", "-", "http://127.0.0.1:8080/healthz"]
            interval: 1s
            timeout: 10s
            retries: 2
      """

    static let two = """
      services:
        backend:
          image: ${REGISTRY}/backend:${BACKEND_IMAGE_TAG}
      \(health)
        media:
          image: ${REGISTRY}/media:${MEDIA_IMAGE_TAG}
      \(health)
      """

    @Test(arguments: ComposeEdition.offered)
    func realisticStackIsUpgradedAndRestored(edition: ComposeEdition) async throws {
      try await ComposeStack.with(edition) { stack in
        let settings = [
          "BACKEND_PORT": String(try ComposeStack.freePort()),
          "CONTROL_TOWER_PORT": String(try ComposeStack.freePort()),
          "DATABASE_PASSWORD": "correct-horse", "LOG_LEVEL": "debug",
        ]
        let bundle = "\(Testbed.repository)/Tests/Fixtures/compose"
        func release(_ tag: String, pinned: [String: String] = [:]) throws -> PreparedRelease {
          let tags = ["backend": tag, "media": tag, "controlTower": tag, "agent": tag]
          return try stack.prepared(tag, folder: bundle, settings: settings, tags: tags, pinned: pinned)
        }
        let first = try await stack.converge(try release("v1"))
        #expect(first.services.map(\.name) == ["agent", "backend", "control-tower", "media"])
        for service in first.services {
          #expect(service.replicas == 1)
          #expect(!service.configHash.isEmpty)
          #expect(!service.runsToCompletion)
          #expect(service.image.hasPrefix("\(stack.images)/\(service.name):v1@sha256:"))
          #expect(service.image.hasSuffix(first.imageDigests[service.name] ?? "none"))
        }
        let steps = stack.progress.map(\.step)
        #expect(steps.contains(.pulling) && steps.contains(.starting) && steps.contains(.waitingForWorkloads))

        let before = try await stack.containers()
        #expect(try await stack.converge(try release("v1")) == first)
        #expect(try await stack.containers() == before, "the same release again recreates nothing")

        let second = try await stack.converge(try release("v2"))
        #expect(second.imageDigests != first.imageDigests)
        let after = try await stack.containers()
        #expect(Set(after.keys) == Set(before.keys))
        #expect(Set(after.values).isDisjoint(with: before.values))

        let pins = Dictionary(uniqueKeysWithValues: first.services.map { ($0.name, $0.image) })
        let restored = try await stack.converge(try release("v1", pinned: pins))
        #expect(restored == first, "restored by digest, the release is what it was, hash for hash")
        let restoredContainers = try await stack.containers()
        try await stack.converge(try release("v1"))
        #expect(try await stack.containers() == restoredContainers)
      }
    }

    @Test(arguments: ComposeEdition.offered.sharedOut(0))
    func observationTellsStateHealthAndImage(edition: ComposeEdition) async throws {
      try await ComposeStack.with(edition) { stack in
        #expect(try await stack.runtime.observe(stack.target()).containers.isEmpty)
        let converged = try await stack.converge(
          try stack.release(compose: Self.two, tags: ["backend": "v1", "media": "v1"]))
        let running = try await stack.runtime.observe(stack.target()).containers.sorted { $0.service < $1.service }
        #expect(running.map(\.service) == ["backend", "media"])
        for (container, service) in zip(running, converged.services) {
          #expect(container.state == .running)
          #expect(container.health == .healthy)
          #expect(container.imageID == service.imageID)
          #expect(container.configHash == service.configHash)
          #expect(container.image == service.image)
          #expect(!container.isOneOff)
        }
        try await stack.docker("kill", running[0].id)
        try await stack.docker("rm", "-f", running[1].id)
        let left = try await stack.runtime.observe(stack.target()).containers
        #expect(left.map(\.state) == [.exited(code: 137)])
        try await stack.converge(try stack.release(compose: Self.two, tags: ["backend": "v1", "media": "v1"]))
        #expect(try await stack.runtime.observe(stack.target()).containers.allSatisfy { $0.health == .healthy })
      }
    }

    @Test(arguments: ComposeEdition.offered.sharedOut(1))
    func missingImageFailsForGoodAndStartsNothing(edition: ComposeEdition) async throws {
      try await ComposeStack.with(edition) { stack in
        let failure = try await stack.failure(
          try stack.release(compose: Self.two, tags: ["backend": "nosuch", "media": "v1"]))
        #expect(failure.kind == .permanent)
        #expect(failure.reason == "ImagePullFailed")
        #expect(failure.message.contains("\(stack.images)/backend:nosuch of service backend"))
        #expect(try await stack.containers().isEmpty)
      }
    }

    @Test(arguments: ComposeEdition.offered.sharedOut(2))
    func unreachableRegistryIsTriedAgainUnlessTheImagesAreHere(edition: ComposeEdition) async throws {
      try await ComposeStack.with(edition) { stack in
        let compose = Self.two.replacing("${REGISTRY}", with: "127.0.0.1:1/wrktalk")
        let failure = try await stack.failure(
          try stack.release(compose: compose, tags: ["backend": "v1", "media": "v1"]))
        #expect(failure.kind == .transient)
        #expect(failure.reason == "RegistryUnreachable", "\(failure)")

        let here = try await stack.converge(
          try stack.release(compose: Self.two, tags: ["backend": "v1", "media": "v1"]))
        let pins = Dictionary(uniqueKeysWithValues: here.services.map { ($0.name, $0.image) })
        try await stack.converge(
          try stack.release(compose: compose, tags: ["backend": "v1", "media": "v1"], pinned: pins))
      }
    }

    @Test(arguments: ComposeEdition.offered.sharedOut(3))
    func crashingServiceFailsWithExitCodeAndLog(edition: ComposeEdition) async throws {
      try await ComposeStack.with(edition, settleTime: .seconds(120)) { stack in
        let compose = """
          services:
            backend:
              image: ${REGISTRY}/backend:v1
              command: ["/bin/sh", "-c", "echo the password is hunter2-secret; exit 7"]
          """
        let failure = try await stack.failure(
          try stack.release(compose: compose, settings: ["DATABASE_PASSWORD": "hunter2-secret"]))
        #expect(failure.kind == .permanent)
        #expect(failure.reason == "WorkloadCrashed")
        #expect(failure.message.contains("Service backend"))
        #expect(failure.message.contains("exit code 7"))
        #expect(failure.message.contains("the password is ***"))
        #expect(!failure.message.contains("hunter2"))
      }
    }

    @Test(arguments: ComposeEdition.offered.sharedOut(4))
    func crashLoopIsRecognized(edition: ComposeEdition) async throws {
      try await ComposeStack.with(edition, settleTime: .seconds(120)) { stack in
        let compose = """
          services:
            media: {image: "${REGISTRY}/media:crash", restart: always}
          """
        let failure = try await stack.failure(try stack.release(compose: compose))
        #expect(failure.kind == .permanent)
        #expect(failure.reason == "WorkloadCrashed")
        #expect(failure.message.contains("crashes again and again (exit code 1"))
      }
    }

    @Test(arguments: ComposeEdition.offered.sharedOut(5))
    func unhealthyServiceFails(edition: ComposeEdition) async throws {
      try await ComposeStack.with(edition) { stack in
        let failure = try await stack.failure(
          try stack.release(compose: Self.two, tags: ["backend": "unhealthy", "media": "v1"]))
        #expect(failure.kind == .permanent)
        #expect(failure.reason == "WorkloadUnhealthy")
        #expect(failure.message.contains("Service backend"))
        #expect(failure.message.contains("404"))
      }
    }

    @Test(arguments: ComposeEdition.offered.sharedOut(6))
    func failedDependencyIsNamedWithItsLog(edition: ComposeEdition) async throws {
      try await ComposeStack.with(edition) { stack in
        let compose = """
          services:
            backend:
              image: ${REGISTRY}/backend:v1
              depends_on: {migration: {condition: service_completed_successfully}}
            migration: {image: "${REGISTRY}/media:v1", command: ["/bin/sh", "-c", "echo no such table; exit 3"]}
          """
        let failure = try await stack.failure(try stack.release(compose: compose))
        #expect(failure.kind == .permanent)
        #expect(failure.reason == "WorkloadCrashed")
        #expect(failure.message.contains("Service migration"))
        #expect(failure.message.contains("exit code 3"))
        #expect(failure.message.contains("no such table"))
      }
    }

    @Test(arguments: ComposeEdition.offered.sharedOut(7))
    func portInUseNamesPortAndService(edition: ComposeEdition) async throws {
      try await ComposeStack.with(edition) { stack in
        let port = try ComposeStack.freePort()
        let compose = """
          services:
            backend: {image: "${REGISTRY}/backend:v1", ports: ["127.0.0.1:\(port):8080"], stop_grace_period: 1s}
          """
        try await ComposeStack.with(edition) { other in
          try await other.converge(try other.release(compose: compose))
          let failure = try await stack.failure(try stack.release(compose: compose))
          #expect(failure.kind == .permanent)
          #expect(failure.reason == "PortInUse")
          #expect(failure.message.contains("Port \(port)"))
          #expect(failure.message.contains("service backend"))
        }
      }
    }

    @Test(arguments: ComposeEdition.offered.sharedOut(8))
    func serviceThatLeftTheBundleIsRemoved(edition: ComposeEdition) async throws {
      try await ComposeStack.with(edition) { stack in
        let tags = ["backend": "v1", "media": "v1"]
        try await stack.converge(try stack.release("1.0.0", compose: Self.two, tags: tags))
        let one = "services:\n" + (Self.two.split(separator: "  media:").first ?? "").dropFirst("services:\n".count)
        let converged = try await stack.converge(try stack.release("2.0.0", compose: one, tags: tags))
        #expect(converged.services.map(\.name) == ["backend"])
        #expect(try await stack.runtime.observe(stack.target()).containers.map(\.service) == ["backend"])
      }
    }

    @Test(arguments: ComposeEdition.offered.sharedOut(9))
    func serviceThatRunsOnceCountsAsDone(edition: ComposeEdition) async throws {
      try await ComposeStack.with(edition) { stack in
        let compose = """
          services:
            backend:
              image: ${REGISTRY}/backend:v1
              stop_grace_period: 1s
              depends_on: {migration: {condition: service_completed_successfully}}
            migration: {image: "${REGISTRY}/media:v1", command: ["/bin/sh", "-c", "sleep 1"], restart: "no"}
            seed: {image: "${REGISTRY}/media:v1", command: ["/bin/sh", "-c", "exit 0"]}
          """
        let converged = try await stack.converge(try stack.release(compose: compose))
        #expect(converged.services.map(\.name) == ["backend", "migration", "seed"])
        #expect(converged.services.map(\.runsToCompletion) == [false, true, true])
      }
    }

    @Test(arguments: ComposeEdition.offered.sharedOut(10))
    func everyReplicaIsCounted(edition: ComposeEdition) async throws {
      try await ComposeStack.with(edition) { stack in
        let compose = """
          services:
            media:
              image: ${REGISTRY}/media:v1
              deploy: {replicas: 2}
          \(Self.health)
          """
        let converged = try await stack.converge(try stack.release(compose: compose))
        #expect(converged.services.map(\.replicas) == [2])
        #expect(stack.progress.contains { $0.step == .waitingForWorkloads && $0.total == 2 })
      }
    }

    @Test(arguments: ComposeEdition.offered.sharedOut(11))
    func brokenComposeFileIsRefusedInItsOwnWords(edition: ComposeEdition) async throws {
      try await ComposeStack.with(edition) { stack in
        let failure = try await stack.failure(
          try stack.release(compose: "services:\n  backend:\n    imagee: x\n"))
        #expect(failure.kind == .permanent)
        #expect(failure.reason == "InvalidComposeFile")
        #expect(failure.message.contains("imagee"))
      }
    }

    @Test(arguments: ComposeEdition.offered.sharedOut(12))
    func whatTakesTooLongIsNamed(edition: ComposeEdition) async throws {
      let clock = SkippingClock()
      try await ComposeStack.with(edition, clock: clock) { stack in
        let compose = """
          services:
            backend:
              image: ${REGISTRY}/backend:unhealthy
              stop_grace_period: 1s
              healthcheck:
                test: ["CMD", "/bin/busybox", "wget", "-q", "-O", "-", "http://127.0.0.1:8080/healthz"]
                interval: 1s
                retries: 1000
          """
        stack.onProgress.withLock {
          $0 = { if $0.step == .waitingForWorkloads { clock.skip(.seconds(300)) } }
        }
        let failure = try await stack.failure(try stack.release(compose: compose))
        #expect(failure.kind == .permanent)
        #expect(failure.reason == "Timeout")
        #expect(failure.message.contains("after 5m: backend 0/1 ready"))
        #expect(failure.message.contains("its health check has not passed yet"))
      }
    }

    @Test(arguments: ComposeEdition.offered.sharedOut(13))
    func cancellationStopsComposeAndFreesTheProject(edition: ComposeEdition) async throws {
      try await ComposeStack.with(edition) { stack in
        // `up` waits for a dependency that takes 20 seconds.
        let compose = """
          services:
            backend: {image: "${REGISTRY}/backend:v1", depends_on: {media: {condition: service_healthy}}}
            media:
              image: ${REGISTRY}/media:slow
              stop_grace_period: 1s
              healthcheck:
                test: ["CMD", "/bin/busybox", "wget", "-q", "-O", "-", "http://127.0.0.1:8080/healthz"]
                interval: 1s
                retries: 100
          """
        let slow = try stack.release(compose: compose)
        let attempt = Task { try await stack.failure(slow) }
        for await _ in stack.runtime.changes(stack.target()) {
          if try await stack.runtime.observe(stack.target()).containers.contains(where: { $0.state == .running }) {
            break
          }
        }
        attempt.cancel()
        #expect(try await attempt.value.kind == .cancelled)
        try await stack.converge(
          try stack.release("2.0.0", compose: Self.two, tags: ["backend": "v1", "media": "v1"]))
      }
    }

    @Test(arguments: ComposeEdition.offered.sharedOut(14))
    func mountedFilesDecideAboutRecreation(edition: ComposeEdition) async throws {
      try await ComposeStack.with(edition) { stack in
        let compose = """
          services:
            backend:
              image: ${REGISTRY}/backend:v1
              stop_grace_period: 1s
              volumes: ["./config/nginx.conf:/nginx.conf:ro"]
          """
        try await stack.converge(try stack.release("1.0.0", compose: compose, files: ["config/nginx.conf": "one"]))
        let first = try await stack.containers()
        // Another release, other Compose file, same files: the service has not changed.
        let longer = compose + "\n  media: {image: \"${REGISTRY}/media:v1\", stop_grace_period: 1s}\n"
        try await stack.converge(try stack.release("1.0.1", compose: longer, files: ["config/nginx.conf": "one"]))
        let second = try await stack.containers()
        #expect(first.allSatisfy { second[$0.key] == $0.value })
        try await stack.converge(try stack.release("1.0.2", compose: compose, files: ["config/nginx.conf": "two"]))
        let third = try await stack.containers()
        #expect(Set(third.values).isDisjoint(with: first.values))
        let name = try #require(third.keys.first)
        #expect(try await stack.docker("exec", name, "/bin/cat", "/nginx.conf") == "two")
        #expect(try FileManager.default.contentsOfDirectory(atPath: "\(stack.projectFolder)/config") == ["nginx.conf"])
      }
    }

    @Test func engineThatIsDownIsNamedWithItsSocket() async throws {
      let folder = try TemporaryFolder()
      let endpoint = DockerEndpoint(socketPath: folder.file("no.sock"))
      let runtime = ComposeStack.runtime(folder: folder, endpoint: endpoint, command: try ComposeEdition.v2.command())
      let failure = await #expect(throws: RuntimeFailure.self) {
        _ = try await runtime.observe(RuntimeTarget(name: "nothing", timeout: .seconds(5)))
      }
      #expect(failure?.kind == .transient)
      #expect(failure?.reason == "EngineUnreachable")
      #expect(failure?.message.contains(endpoint.description) == true)
    }

    @Test func changesRingWhenAContainerIsKilled() async throws {
      try await ComposeStack.with(.v2) { stack in
        try await stack.converge(try stack.release(compose: Self.two, tags: ["backend": "v1", "media": "v1"]))
        let containers = try await stack.runtime.observe(stack.target()).containers
        var rings = stack.runtime.changes(stack.target()).makeAsyncIterator()
        await rings.next()
        try await stack.docker("kill", containers[0].id)
        while try await stack.runtime.observe(stack.target()).containers.allSatisfy({ $0.state == .running }) {
          await rings.next()
        }
      }
    }
  }
}
