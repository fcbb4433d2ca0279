import DeploymentKinds
import DeploymentPlanning
import FoundationEssentials
import HTTPTransport
import Processes
import SystemPackage
import TestSupport
import Testing

@testable import Agent

#if canImport(Glibc)
  import Glibc
#endif

extension ComposeOnARealEngine {
  /// Nothing is lost when the Agent or Compose is killed in the middle.
  @Suite struct ComposeCrashTests {
    @Test func lockLastsUntilTheLastComposeProcessHasEnded() async throws {
      let folder = try TemporaryFolder()
      let path = folder.file("lock")
      let child: Task<ProcessResult, any Error>
      do {
        guard let lock = try TargetLock.take(path) else {
          throw UnexpectedOutcome(description: "a new lock is taken already")
        }
        #expect(try !isFree(path), "one holder at a time")
        let file = try lock.file.duplicate()
        let (lines, source) = AsyncStream.makeStream(of: Void.self)
        child = Task {
          defer { try? file.close() }
          return try await ChildProcess.run(
            executable: "sh", arguments: ["-c", "echo started; exec sleep 600"], environment: ["PATH": "/usr/bin:/bin"],
            standardInput: file, onOutputLine: { _ in source.yield() })
        }
        for await _ in lines { break }
      }
      // Here the Agent's own hold is gone but for the duplicate, which goes with the child.
      #expect(try !isFree(path))
      child.cancel()
      _ = await child.result
      #expect(try isFree(path))
    }

    private func isFree(_ path: String) throws -> Bool {
      if let lock = try TargetLock.take(path) { return lock.file.rawValue >= 0 }
      return false
    }

    /// Kills Compose (SIGKILL) after the first, second, … event of an upgrade, then converges once more.
    @Test(.needs(.docker), .needs(.images), arguments: ComposeEdition.offered.sharedOut(0), [1, 2, 4, 7])
    func upgradeKilledAnywhereIsFinishedByTheNextPass(edition: ComposeEdition, eventCount: Int) async throws {
      try await ComposeStack.with(edition) { stack in
        try await stack.converge(
          try stack.release("1", compose: ComposeRuntimeTests.two, tags: ["backend": "v1", "media": "v1"]))
        let upgrade = try stack.release("2", compose: ComposeRuntimeTests.two, tags: ["backend": "v2", "media": "v2"])
        let engine = DockerEngine(endpoint: stack.endpoint, http: .init(userAgent: "wrktalk-tests"))
        let events = try await engine.events(project: stack.project)
        let attempt = Task { try await stack.converge(upgrade) }
        var seen = 0
        for try await bytes in events.body {
          seen += bytes.count { $0 == UInt8(ascii: "\n") }
          if seen >= eventCount { break }
        }
        try Self.killProcesses(reading: stack.folder.file("work/\(stack.project)/lock"))
        _ = await attempt.result

        let converged = try await stack.converge(upgrade)
        let containers = try await stack.runtime.observe(stack.target()).containers
        #expect(containers.map(\.service).sorted() == ["backend", "media"])
        for service in converged.services {
          #expect(service.replicas == 1)
          #expect(service.image.contains(":v2@"))
          let container = containers.first { $0.service == service.name }
          #expect(container?.health == .healthy)
          #expect(container?.name.wholeMatch(of: /[0-9a-f]{12}_.*/) == nil)
          #expect(container?.configHash == service.configHash)
          #expect(container?.imageID == service.imageID)
        }
      }
    }

    /// Ends each process that has the file as its standard input, as a crash would.
    private static func killProcesses(reading path: String) throws {
      for name in try FileManager.default.contentsOfDirectory(atPath: "/proc") {
        guard let process = pid_t(name),
          (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(name)/fd/0")) == path
        else { continue }
        kill(process, SIGKILL)
      }
    }
  }
}
