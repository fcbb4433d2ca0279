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
        let log = try await stack.text("log", inVolume: "store")
        #expect(log == "app\ndb\n")
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
      // It reaches no registry: it is given the images, which are named by their ids.
      let images = try await engine.images(["v1", "v2", "v3"].map { "\(stack.images)/backend:\($0)" })
      func release(_ number: Int) throws -> PreparedRelease {
        let service = "{image: backend, stop_grace_period: 1s, network_mode: none, restart: unless-stopped}"
        return try stack.release(
          "\(number)", compose: "services: {one: \(service), two: \(service)}",
          pinned: ["one": images[number - 1], "two": images[number - 1]])
      }
      do {
        try await engine.start()
        try await engine.load(["v1", "v2", "v3"].map { "\(stack.images)/backend:\($0)" })
        try await stack.converge(try release(1))
        // In the midst of an upgrade, as a package upgrade would.
        let second = try await stack.converge(
          try release(2), meeting: { $0.step == .starting },
          by: {
            await engine.stop()
            try await engine.start()
          })
        #expect(second.services.map(\.imageID) == [images[1], images[1]])
        // Away before an upgrade begins.
        await engine.stop()
        let third = try await stack.converge(
          try release(3), meeting: { $0.message.contains("for the Docker engine") }, by: { try await engine.start() })
        #expect(third.services.map(\.imageID) == [images[2], images[2]])
        try await stack.runtime.uninstall(stack.target()) { _ in }
        await engine.stop()
      } catch {
        await engine.stop()
        throw error
      }
    }
  }
}

extension ComposeStack {
  /// Deploys a release, and does something else at the moment of it that is met first. Where that fails, nothing more is
  /// waited for.
  fileprivate func converge(
    _ release: PreparedRelease, meeting moment: @escaping @Sendable (DesiredDeploymentStatus.Progress) -> Bool,
    by action: @escaping @Sendable () async throws -> Void
  ) async throws -> RunningRelease {
    let (moments, bell) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingOldest(1))
    onProgress.withLock {
      $0 = { progress in
        if moment(progress) { bell.yield() }
      }
    }
    return try await withThrowingTaskGroup(of: RunningRelease?.self) { group in
      group.addTask {
        for await _ in moments {
          try await action()
          return nil
        }
        throw ProgramError(description: "the deployment never came to the moment that the test waits for")
      }
      group.addTask {
        defer { bell.finish() }
        return try await self.converge(release)
      }
      var running: RunningRelease?
      for try await result in group { running = result ?? running }
      return try #require(running)
    }
  }
}

/// A Docker engine beside the testbed's, which a test may stop and start. It lives in a network namespace of its own: an
/// engine without a bridge removes the one that it finds.
actor OwnEngine {
  private let folder: TemporaryFolder
  private let runtime: String
  private var process: Task<Void, Never>?
  nonisolated let endpoint: DockerEndpoint

  static var isPossible: Bool {
    let path = Testbed.variable("PATH") ?? ""
    return geteuid() == 0 && ["dockerd", "unshare"].allSatisfy { ExecutableSearch.find($0, path: path) != nil }
  }

  init() async throws {
    folder = try TemporaryFolder()
    endpoint = DockerEndpoint(socketPath: folder.file("docker.sock"))
    // The testbed's engine may start containers through a wrapper that suits this machine.
    let found = try await Self.shell("docker info -f '{{with index .Runtimes .DefaultRuntime}}{{.Path}}{{end}}'")
    runtime = found.isEmpty ? "runc" : found
  }

  /// The ids of images, which the testbed's engine pulls.
  func images(_ references: [String]) async throws -> [String] {
    var ids: [String] = []
    for reference in references {
      ids.append(
        try await Self.shell("docker pull -q \(reference) >/dev/null && docker image inspect -f '{{.Id}}' \(reference)")
      )
    }
    return ids
  }

  func load(_ references: [String]) async throws {
    _ = try await Self.shell(
      "docker save \(references.joined(separator: " ")) | docker --host \(endpoint.description) load")
  }

  /// Returns once the engine answers. A busy machine may be too slow for the limits that dockerd sets to its parts, which
  /// then ends: it is started again.
  func start() async throws {
    var attempts = 3
    while true {
      attempts -= 1
      do { return try await startOnce() } catch {
        await stop()
        if attempts == 0 || Task.isCancelled { throw error }
      }
    }
  }

  private func startOnce() async throws {
    let arguments = [
      "--net", "dockerd", "--host", endpoint.description, "--data-root", folder.file("data"), "--exec-root",
      folder.file("exec"), "--pidfile", folder.file("pid"), "--bridge", "none", "--iptables=false", "--ip-masq=false",
      "--storage-driver", "vfs", "--containerd-namespace", "wrktalk-tests", "--add-runtime", "own=\(runtime)",
      "--default-runtime", "own",
    ]
    let environment = ["PATH": Testbed.variable("PATH") ?? "", "HOME": "/"]
    // Of an engine that was killed: the number may be another process's by now, for which dockerd and containerd wait in vain.
    for stale in ["pid", "exec/containerd/containerd.pid", "docker.sock"] {
      try? FileManager.default.removeItem(atPath: folder.file(stale))
    }
    let (endings, bell) = AsyncStream.makeStream(of: String.self)
    let said = Mutex<[String]>([])
    process = Task {
      let outcome: String
      do {
        let result = try await ChildProcess.run(
          executable: "unshare", arguments: arguments, environment: environment, terminationGrace: .seconds(60)
        ) { line in
          said.withLock { $0 = $0.suffix(19) + [line.text] }
        }
        outcome = "\(result.status)"
      } catch { outcome = "\(error)" }
      bell.yield(outcome)
      bell.finish()
    }
    let answering = "until docker --host \(endpoint.description) version >/dev/null 2>&1; do sleep 0.1; done"
    do {
      try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask {
          for await outcome in endings { throw ProgramError(description: "dockerd ended (\(outcome))") }
        }
        group.addTask { _ = try await Self.shell(answering) }
        try await group.next()
        group.cancelAll()
      }
    } catch {
      let lines = said.withLock { $0.joined(separator: "\n") }
      throw ProgramError(description: "the test's own engine does not answer: \(error). It said:\n\(lines)")
    }
  }

  /// In order: containers are stopped first.
  func stop() async {
    process?.cancel()
    await process?.value
    process = nil
  }

  private static func shell(_ script: String) async throws -> String {
    let outcome = try await ChildProcess.run(
      executable: "sh", arguments: ["-c", script],
      environment: [
        "PATH": Testbed.variable("PATH") ?? "", "HOME": "/", "DOCKER_HOST": try Testbed.location(of: .docker),
      ], timeout: .seconds(60))
    try #require(outcome.status.isSuccess, "\(outcome.standardError.text)")
    return String(outcome.standardOutput.text.reversed().drop { $0.isWhitespace }.reversed())
  }
}
