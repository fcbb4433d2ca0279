import Agent
import DeploymentKinds
import DeploymentPlanning
import FoundationEssentials
import Processes
import Synchronization
import TestSupport
import Testing

#if canImport(Glibc)
  import Glibc
#endif

extension ComposeOnARealEngine {
  /// What others do to a project, or the engine itself, never leaves it without a way back.
  @Suite(.needs(.docker), .needs(.images)) struct ComposeDeadEndTests {
    /// Ends when it is asked to, and says so in the volume.
    static func graceful(_ name: String, after seconds: Int) -> String {
      """
          image: ${REGISTRY}/media:v1
          stop_grace_period: 60s
          volumes: ["store:/d"]
          command: ["/bin/sh", "-c", "trap 'sleep \(seconds); echo \(name) >>/d/log; exit 0' TERM; while :; do sleep 1 & wait $$!; done"]
      """
    }

    @Test func uninstallingStopsEachServiceInOrderAndNamesTheNetworkThatStays() async throws {
      try await ComposeStack.with(.v2) { stack in
        let compose = """
          services:
            db:
          \(Self.graceful("db", after: 0))
            app:
          \(Self.graceful("app", after: 2))
              depends_on: [db]
          volumes: {store: }
          """
        try await stack.converge(try stack.release(compose: compose))
        let guest = "\(stack.project)-guest"
        try await stack.docker(
          "run", "-d", "--rm", "--name", guest, "--network", "\(stack.project)_default", "\(stack.images)/media:v1")
        let staying = try await stack.runtime.uninstall(stack.target()) { _ in }
        try await stack.docker("rm", "-f", guest)
        #expect(staying == ["The network \(stack.project)_default stays: container \(guest) uses it"])
        #expect(try await stack.containers().isEmpty)
        #expect(try await stack.text("log", inVolume: "store") == "app\ndb\n")
      }
    }

    @Test func containerNamesMayChangeHands() async throws {
      try await ComposeStack.with(.v2) { stack in
        func release(_ version: String, web: String, db: String) throws -> PreparedRelease {
          try stack.release(
            version,
            compose: """
              services:
                web: {image: "${REGISTRY}/backend:v1", stop_grace_period: 1s, container_name: \(stack.project)-\(web)}
                db: {image: "${REGISTRY}/media:v1", stop_grace_period: 1s, container_name: \(stack.project)-\(db)}
              """)
        }
        func names() async throws -> [String: String] {
          let containers = try await stack.runtime.observe(stack.target()).containers
          return Dictionary(uniqueKeysWithValues: containers.map { ($0.service, $0.name) })
        }
        try await stack.converge(try release("1", web: "front", db: "store"))
        for (web, db) in [("store", "front"), ("front", "store")] {
          try await stack.converge(try release("2", web: web, db: db))
          #expect(try await names() == ["web": "\(stack.project)-\(web)", "db": "\(stack.project)-\(db)"])
        }
      }
    }

    /// The first container never becomes healthy; the one that is made in its place does.
    @Test func containerThatVanishesWhileItsHealthIsAwaitedIsMadeAgain() async throws {
      try await ComposeStack.with(.v2) { stack in
        let compose = """
          services:
            db:
              image: ${REGISTRY}/media:v1
              stop_grace_period: 1s
              volumes: ["store:/d"]
              command: ["/bin/sh", "-c", "if [ -f /d/first ]; then exec httpd -f -p 8080 -h /www; fi; echo >/d/first; sleep 1000"]
              healthcheck:
                test: ["CMD", "/bin/busybox", "wget", "-q", "-O", "-", "http://127.0.0.1:8080/healthz"]
                interval: 1s
                retries: 1000
          volumes: {store: }
          """
        let name = "\(stack.project)-db-1"
        let removal = Mutex<Task<Void, any Error>?>(nil)
        stack.onProgress.withLock {
          $0 = { progress in
            guard progress.step == .waitingForWorkloads else { return }
            removal.withLock { task in
              if task == nil { task = Task { try await stack.docker("rm", "-f", name) } }
            }
          }
        }
        let running = try await stack.converge(try stack.release(compose: compose))
        #expect(running.services.map(\.replicas) == [1])
        try await removal.withLock { $0 }?.value
      }
    }

    @Test func projectOfAnotherRecordIsLeftAlone() async throws {
      try await ComposeStack.with(.v2) { stack in
        let release = try stack.release(
          compose: "services: {app: {image: \"${REGISTRY}/backend:v1\", stop_grace_period: 1s}}")
        var own = stack.target()
        own.owner = "one/wrktalk"
        _ = try await stack.runtime.converge(own, to: release) { _ in }
        let before = try await stack.containers()
        var other = stack.target()
        other.owner = "two/wrktalk"
        let refused = await #expect(throws: RuntimeFailure.self) {
          _ = try await stack.runtime.converge(other, to: release) { _ in }
        }
        #expect(refused?.kind == .permanent && refused?.reason == "ProjectInUse")
        #expect(refused?.message.contains("belongs to the DesiredDeployment one/wrktalk") == true)
        let staying = try await stack.runtime.uninstall(other) { _ in }
        #expect(staying.first?.contains("belongs to the DesiredDeployment one/wrktalk") == true)
        #expect(try await stack.containers() == before)
        _ = try await stack.runtime.converge(own, to: release) { _ in }
        #expect(try await stack.containers() == before)
      }
    }

    @Test func projectThatNoAgentMadeIsNotTakenOver() async throws {
      try await ComposeStack.with(.v2) { stack in
        let release = try stack.release(
          compose: "services: {app: {image: \"${REGISTRY}/backend:v1\", stop_grace_period: 1s}}")
        try await stack.converge(release)
        let before = try await stack.containers()
        var target = stack.target()
        target.owner = "one/wrktalk"
        let refused = await #expect(throws: RuntimeFailure.self) {
          _ = try await stack.runtime.converge(target, to: release) { _ in }
        }
        #expect(refused?.reason == "ProjectNotOwned")
        #expect(try await stack.containers() == before)
        // The record of an Agent that did not label yet.
        target.isRecorded = true
        _ = try await stack.runtime.converge(target, to: release) { _ in }
      }
    }

    /// On an engine of the test's own.
    @Test(.enabled(if: OwnEngine.isPossible, "needs root and dockerd"))
    func engineThatGoesAndComesBackIsWaitedFor() async throws {
      let engine = try await OwnEngine()
      let stack = try ComposeStack(.v2, endpoint: engine.endpoint)
      func release(_ tag: String) throws -> PreparedRelease {
        try stack.release(
          tag,
          compose: """
            services:
              one: {image: "${REGISTRY}/backend:\(tag)", stop_grace_period: 1s, network_mode: none, restart: unless-stopped}
              two: {image: "${REGISTRY}/media:\(tag)", stop_grace_period: 1s, network_mode: none, restart: unless-stopped}
            """)
      }
      do {
        try await engine.start()
        try await stack.converge(try release("v1"))
        // In the midst of an upgrade, as a package upgrade would.
        let restart = Mutex<Task<Void, any Error>?>(nil)
        stack.onProgress.withLock {
          $0 = { progress in
            guard progress.step == .starting else { return }
            restart.withLock { task in
              if task == nil {
                task = Task {
                  await engine.stop()
                  try await engine.start()
                }
              }
            }
          }
        }
        let second = try await stack.converge(try release("v2"))
        try await restart.withLock { $0 }?.value
        #expect(second.services.allSatisfy { $0.image.contains(":v2@") })
        // Away before an upgrade begins.
        await engine.stop()
        restart.withLock { $0 = nil }
        stack.onProgress.withLock {
          $0 = { progress in
            guard progress.message.contains("waiting for the Docker engine") else { return }
            restart.withLock { task in
              if task == nil { task = Task { try await engine.start() } }
            }
          }
        }
        let third = try await stack.converge(try release("v3"))
        #expect(third.services.allSatisfy { $0.image.contains(":v3@") })
        try await restart.withLock { $0 }?.value
        try await stack.runtime.uninstall(stack.target()) { _ in }
        await engine.stop()
      } catch {
        await engine.stop()
        throw error
      }
    }
  }
}

/// A Docker engine beside the testbed's, which a test may stop and start. It makes no networks of its own.
actor OwnEngine {
  private let folder: TemporaryFolder
  private let runtime: String
  private var process: Task<ProcessResult, any Error>?
  nonisolated let endpoint: DockerEndpoint

  static var isPossible: Bool {
    geteuid() == 0 && ExecutableSearch.find("dockerd", path: Testbed.variable("PATH") ?? "") != nil
  }

  init() async throws {
    folder = try TemporaryFolder()
    endpoint = DockerEndpoint(socketPath: folder.file("docker.sock"))
    // The testbed's engine may start containers through a wrapper that suits this machine.
    let path = Testbed.variable("PATH") ?? ""
    let info = try await ChildProcess.run(
      executable: "docker",
      arguments: ["info", "-f", "{{with index .Runtimes .DefaultRuntime}}{{.Path}}{{end}}"],
      environment: ["PATH": path, "HOME": "/", "DOCKER_HOST": try Testbed.location(of: .docker)])
    let found = info.standardOutput.text.trimmingPrefix { $0.isWhitespace }.prefix { !$0.isWhitespace }
    runtime = found.isEmpty ? "runc" : String(found)
  }

  func start() async throws {
    let arguments = [
      "--host", endpoint.description, "--data-root", folder.file("data"), "--exec-root", folder.file("exec"),
      "--pidfile", folder.file("pid"), "--bridge", "none", "--iptables=false", "--ip-masq=false", "--storage-driver",
      "vfs", "--containerd-namespace", "wrktalk-tests", "--add-runtime", "own=\(runtime)", "--default-runtime", "own",
    ]
    let environment = ["PATH": Testbed.variable("PATH") ?? "", "HOME": "/"]
    let process = Task {
      try await ChildProcess.run(
        executable: "dockerd", arguments: arguments, environment: environment, terminationGrace: .seconds(60))
    }
    self.process = process
    while !(await isAnswering()) {
      if process.isCancelled { throw CancellationError() }
      try await Task.sleep(for: .milliseconds(100))
    }
  }

  /// In order: containers are stopped first.
  func stop() async {
    process?.cancel()
    _ = await process?.result
    process = nil
  }

  private func isAnswering() async -> Bool {
    let outcome = try? await ChildProcess.run(
      executable: "docker", arguments: ["version"],
      environment: ["PATH": Testbed.variable("PATH") ?? "", "HOME": "/", "DOCKER_HOST": endpoint.description],
      timeout: .seconds(20))
    return outcome?.status.isSuccess == true
  }
}
