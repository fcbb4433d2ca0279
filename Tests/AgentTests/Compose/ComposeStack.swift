import Agent
import DeploymentKinds
import DeploymentPlanning
import FoundationEssentials
import HTTPTransport
import Logging
import Processes
import Synchronization
import TestSupport
import Testing
import WireFormats

#if canImport(Glibc)
  import Glibc
#endif

/// Which Compose a test runs with.
enum ComposeEdition: String, Sendable, CaseIterable, CustomTestStringConvertible {
  case v2
  case v1

  var testDescription: String { rawValue }

  /// Those that the machine offers; all of them where every suite is demanded.
  static var offered: [ComposeEdition] {
    allCases.filter { $0 == .v2 || Testbed.offers(.composeV1) || Testbed.demandsEverySuite }
  }

  func command() throws -> ComposeCommand {
    let path = Testbed.variable("PATH") ?? ""
    switch self {
    case .v2: return .plugin(docker: try #require(ExecutableSearch.find("docker", path: path)))
    case .v1: return .legacy(path: try #require(ExecutableSearch.find("docker-compose", path: path)))
    }
  }
}

/// A Compose project of its own on the testbed's engine, and the runtime under test.
final class ComposeStack: Sendable {
  let folder: TemporaryFolder
  let project: String
  let runtime: ComposeRuntime
  let endpoint: DockerEndpoint
  let images: String
  /// Told each progress as it comes.
  let onProgress = Mutex<(@Sendable (DesiredDeploymentStatus.Progress) -> Void)?>(nil)
  private let told = Mutex<[DesiredDeploymentStatus.Progress]>([])

  /// Runs `body` on a new stack and removes its containers afterwards.
  static func with<Result>(
    _ edition: ComposeEdition, settleTime: Duration = .seconds(1), clock: any Clock<Duration> = ContinuousClock(),
    _ body: (ComposeStack) async throws -> Result
  ) async throws -> Result {
    let stack = try ComposeStack(edition, settleTime: settleTime, clock: clock)
    do {
      let result = try await body(stack)
      await stack.remove()
      return result
    } catch {
      await stack.remove()
      throw error
    }
  }

  /// - Parameter endpoint: nil for the testbed's engine.
  init(
    _ edition: ComposeEdition, settleTime: Duration = .seconds(1), clock: any Clock<Duration> = ContinuousClock(),
    endpoint: DockerEndpoint? = nil
  ) throws {
    folder = try TemporaryFolder()
    project = "wt\(String(UInt64.random(in: 0...UInt64.max), radix: 36))"
    self.endpoint = try endpoint ?? #require(DockerEndpoint(host: try Testbed.location(of: .docker)))
    images = try Testbed.location(of: .images)
    runtime = ComposeStack.runtime(
      folder: folder, endpoint: self.endpoint, command: try edition.command(), settleTime: settleTime, clock: clock)
  }

  /// Another runtime on the same folder, as after a restart of the Agent.
  /// - Parameter container: which container of the project it takes for its own.
  static func runtime(
    folder: TemporaryFolder, endpoint: DockerEndpoint, command: ComposeCommand, settleTime: Duration = .seconds(1),
    container: String? = nil, handover: Handover = Handover(), clock: any Clock<Duration> = ContinuousClock()
  ) -> ComposeRuntime {
    ComposeRuntime(
      configuration: .init(
        workingDirectory: folder.file("work"), endpoint: endpoint,
        environment: ["PATH": Testbed.variable("PATH") ?? "", "HOME": Testbed.variable("HOME") ?? "/"],
        command: command, settleTime: settleTime,
        ownContainer: container.flatMap { OwnContainer(mountInfo: "", cgroup: "/docker/\($0)", hostName: "") }),
      http: HTTPClient(userAgent: "wrktalk-tests"), handover: handover, clock: clock, logger: Logger(label: "test"))
  }

  func target(timeout: Duration = .seconds(300)) -> RuntimeTarget { RuntimeTarget(name: project, timeout: timeout) }

  var progress: [DesiredDeploymentStatus.Progress] { told.withLock { $0 } }

  /// A bundle with this Compose file, as the Agent would have unpacked it.
  func release(
    _ version: String = "1.0.0", compose: String, settings: [String: String] = [:], tags: [String: String] = [:],
    files: [String: String] = [:], pinned: [String: String] = [:]
  ) throws -> PreparedRelease {
    let name = "unpacked-\(version)"
    try folder.write(compose, to: "\(name)/wrktalk/docker-compose.yaml")
    for (path, text) in files { try folder.write(text, to: "\(name)/wrktalk/\(path)") }
    return try prepared(version, folder: folder.file(name), settings: settings, tags: tags, pinned: pinned)
  }

  func prepared(
    _ version: String, folder bundle: String, settings: [String: String], tags: [String: String],
    pinned: [String: String] = [:]
  ) throws -> PreparedRelease {
    var settings = settings
    settings["REGISTRY"] = images
    let lines = settings.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)\n" }
    let config = try folder.write(lines.joined(), to: "config-\(version)/.env")
    return PreparedRelease(
      release: .init(
        version: version, artifact: .init(path: "artifacts/compose/\(version).tar.gz", sha256: version),
        imageTags: tags),
      folder: bundle, configFile: config, pinnedImages: pinned)
  }

  @discardableResult
  func converge(
    _ release: PreparedRelease, timeout: Duration = .seconds(300), over recorded: RunningRelease? = nil,
    finishedJobs: Set<String> = []
  ) async throws(RuntimeFailure) -> RunningRelease {
    var target = target(timeout: timeout)
    target.recorded = recorded?.services ?? []
    target.finishedJobs = finishedJobs
    return try await runtime.converge(target, to: release) { progress in
      self.told.withLock { $0.append(progress) }
      self.onProgress.withLock { $0 }?(progress)
    }
  }

  /// What `converge` fails with.
  func failure(_ release: PreparedRelease) async throws -> RuntimeFailure {
    do {
      let converged = try await converge(release)
      throw UnexpectedOutcome(description: "converged to \(converged)")
    } catch let failure as RuntimeFailure {
      return failure
    }
  }

  /// Container name to id of all that exist.
  func containers() async throws -> [String: String] {
    let observation = try await runtime.observe(target())
    return Dictionary(observation.containers.map { ($0.name, $0.id) }) { first, _ in first }
  }

  /// Runs `docker` and returns what it prints.
  @discardableResult
  func docker(_ arguments: String...) async throws -> String { try await Self.docker(arguments, endpoint) }

  private static func docker(_ arguments: [String], _ endpoint: DockerEndpoint) async throws -> String {
    try await run(["docker"] + arguments, endpoint)
  }

  /// Runs a program of the search path.
  func run(_ words: [String]) async throws { _ = try await Self.run(words, endpoint) }

  private static func run(_ words: [String], _ endpoint: DockerEndpoint) async throws -> String {
    let path = Testbed.variable("PATH") ?? ""
    let outcome = try await ChildProcess.run(
      executable: try #require(ExecutableSearch.find(words[0], path: path)), arguments: Array(words.dropFirst()),
      environment: ["PATH": path, "HOME": Testbed.variable("HOME") ?? "/", "DOCKER_HOST": endpoint.description],
      timeout: .seconds(60))
    return outcome.standardOutput.text
  }

  /// The differences that the next look at the project would find.
  func drifts(from running: RunningRelease) async throws -> String {
    let current = DesiredDeploymentStatus.Current(
      version: "1", revision: 1, artifactSha256: "",
      release: .init(version: "1", artifact: .init(path: "", sha256: "")),
      imageDigests: [:], services: running.services, since: Timestamp(seconds: 0))
    return EnvironmentComparison(current, observed: try await runtime.observe(target())).driftText
  }

  /// What a file in one of the project's volumes holds.
  func text(_ file: String, inVolume volume: String) async throws -> String {
    try await docker(
      "run", "--rm", "-v", "\(project)_\(volume):/volume", "\(images)/media:v1", "/bin/cat", "/volume/\(file)")
  }

  private func remove() async {
    // Cleaning up goes on where the test was cancelled.
    await Task.detached { [project, endpoint] in
      func list(_ words: String...) async -> [String] {
        let filter = ["--filter", "label=com.docker.compose.project=\(project)"]
        return ((try? await Self.docker(words + filter, endpoint)) ?? "").split(whereSeparator: \.isNewline)
          .map(String.init)
      }
      let containers = await list("ps", "-aq")
      if !containers.isEmpty { _ = try? await Self.docker(["rm", "-f", "-v"] + containers, endpoint) }
      for network in await list("network", "ls", "-q") {
        _ = try? await Self.docker(["network", "rm", network], endpoint)
      }
      for volume in await list("volume", "ls", "-q") { _ = try? await Self.docker(["volume", "rm", volume], endpoint) }
    }.value
  }

  /// A TCP port on which nothing listens now.
  static func freePort() throws -> Int {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(descriptor) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let isBound = unsafe withUnsafeMutablePointer(to: &address) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
        unsafe bind(descriptor, generic, size) == 0 && getsockname(descriptor, generic, &size) == 0
      }
    }
    try #require(isBound)
    return Int(UInt16(bigEndian: address.sin_port))
  }
}

/// The tests that start containers run one after the other: several at once would only slow each other down.
@Suite(.serialized) enum ComposeOnARealEngine {}

/// Real time, which a test can let pass at once.
final class SkippingClock: Clock {
  typealias Instant = ContinuousClock.Instant

  private let skipped = Mutex(Duration.zero)

  func skip(_ duration: Duration) { skipped.withLock { $0 += duration } }

  var now: Instant { ContinuousClock.now.advanced(by: skipped.withLock { $0 }) }
  var minimumResolution: Duration { ContinuousClock().minimumResolution }

  func sleep(until deadline: Instant, tolerance: Duration?) async throws {
    try await ContinuousClock().sleep(
      until: deadline.advanced(by: .zero - skipped.withLock { $0 }), tolerance: tolerance)
  }
}

struct UnexpectedOutcome: Error, CustomStringConvertible { var description: String }

extension EnvironmentObservation {
  /// The containers of a Compose project; none of anything else.
  var containers: [Container] {
    if case .compose(let containers) = self { containers } else { [] }
  }
}
