import ComposeBundles
public import DeploymentKinds
import FoundationEssentials
import ReleaseManifest
import Threads
import Timing
import WireFormats

extension ComposeRuntime {
  public func preflight(
    _ target: RuntimeTarget, of release: PreparedRelease
  ) async throws(RuntimeFailure) -> [DesiredDeploymentStatus.Preflight.Check] {
    try Self.check(project: target.name)
    let deadline = Deadline(min(target.timeout, .seconds(120)), clock: clock)
    var checks: [ComposePreflight.Check] = []
    do throws(RuntimeFailure) {
      let directory = ProjectDirectory(workingDirectory: configuration.workingDirectory, project: target.name)
      try directory.create()
      let lock = try await TargetLock.take(
        directory.lockFile, title: "Compose run of project \(target.name)", deadline: deadline, clock: clock
      ) { _ in }
      let bundle = try await onOwnThread { () throws(RuntimeFailure) in
        try RuntimeFailure.mapping { () throws(BundleFault) in try ComposeBundle(folder: release.folder) }
      }
      let convergence = ComposeConvergence(
        runtime: self, command: try await command(), target: target, release: release, directory: directory,
        deadline: deadline, progress: { _ in }, bundle: bundle,
        settings: EnvironmentFile(at: release.configFile ?? bundle.ownEnvironmentFile))
      return try await ComposePreflight(convergence: convergence).checks(holding: lock)
    } catch {
      checks.append(try .init("Settings", found: error))
    }
    return checks
  }
}

extension DesiredDeploymentStatus.Preflight.Check {
  /// - Throws: the failure itself where it is that the task was cancelled, which says nothing of a release.
  init(_ name: String, found failure: RuntimeFailure) throws(RuntimeFailure) {
    if failure.kind == .cancelled { throw failure }
    self.init(name, .failed, "\(failure.reason): \(failure.message)")
  }
}

/// What can be told of a release before it is deployed to a Docker engine. Compose only reads; nothing is pulled or started.
struct ComposePreflight: Sendable {
  typealias Check = DesiredDeploymentStatus.Preflight.Check

  let convergence: ComposeConvergence

  private var engine: DockerEngine { convergence.runtime.engine }

  func checks(holding lock: borrowing TargetLock) async throws(RuntimeFailure) -> [Check] {
    var checks: [Check] = []
    do throws(RuntimeFailure) {
      try await convergence.checkOwner()
    } catch {
      checks.append(try Check("Project", found: error))
    }
    let resolved: ComposeConvergence.Resolved
    let signed: SignedServices.Selection?
    do throws(RuntimeFailure) {
      let (bundle, _) = try convergence.readBundle()
      try convergence.checkSources(bundle)
      resolved = try await convergence.resolve(convergence.directory.unpacked(bundle), holding: lock)
      signed = try convergence.signedImages(of: resolved)
      checks.append(
        resolved.warnings.isEmpty
          ? Check("Settings", .passed, "The Compose file has all that it needs")
          : Check("Settings", .warning, resolved.warnings.prefix(10).joined(separator: ". ")))
    } catch {
      checks.append(try Check("Settings", found: error))
      checks.append(Check("Images", .skipped, "The Compose file cannot be read, so it is not known which they are"))
      checks.append(try await disk(isPulling: true))
      return checks
    }
    let images = try await images(resolved.services, signed)
    checks.append(images.check)
    checks.append(try await disk(isPulling: images.isPulling))
    checks.append(try await ports(resolved.file))
    return checks
  }

  // MARK: Images

  private func images(
    _ services: [ComposeService], _ signed: SignedServices.Selection?
  ) async throws(RuntimeFailure) -> (check: Check, isPulling: Bool) {
    var (here, found) = (0, 0)
    var faults: [String] = []
    var unknown: [String] = []
    let logins = RegistryLogins(environment: convergence.runtime.configuration.environment)
    do throws(RuntimeFailure) {
      for service in services where service.image != nil && !service.isBuilt {
        let reference = signed?.references[service.name] ?? service.image ?? ""
        let names = [reference] + (signed?.choices[service.name]?.localNames ?? [])
        if try await isHere(names) {
          here += 1
          continue
        }
        switch try await engine.distribution(of: reference, login: logins.header(for: reference)) {
        case .found(let digest):
          let wanted = ImageReference(reference).digest
          if let wanted, let digest, digest != wanted {
            faults.append("\(service.name): the registry has \(digest) for \(reference)")
          } else {
            found += 1
          }
        case .refused(let message) where logins.isHelped(reference):
          unknown.append("\(service.name): the login for its registry is in a credential helper (\(message))")
        case .refused(let message): faults.append("\(service.name): \(message)")
        }
      }
    } catch {
      return (try Check("Images", found: error), true)
    }
    let built = services.count { $0.isBuilt }
    var counts = ["\(here) on this host", "\(found) in the registry"]
    if built > 0 { counts.append("\(built) to be built") }
    let summary = counts.joined(separator: ", ")
    let isPulling = found + unknown.count + built > 0
    if !faults.isEmpty {
      return (Check("Images", .failed, Self.listed(faults) + ". The others: \(summary)"), isPulling)
    }
    if !unknown.isEmpty {
      return (Check("Images", .skipped, Self.listed(unknown) + ". The others: \(summary)"), isPulling)
    }
    return (Check("Images", .passed, summary), isPulling)
  }

  private func isHere(_ names: [String]) async throws(RuntimeFailure) -> Bool {
    for name in names where try await engine.image(name) != nil { return true }
    return false
  }

  static func listed(_ faults: [String]) -> String {
    faults.prefix(5).joined(separator: "; ") + (faults.count > 5 ? "; and \(faults.count - 5) more" : "")
  }

  // MARK: Disk

  private func disk(isPulling: Bool) async throws(RuntimeFailure) -> Check {
    let root: String?
    do throws(RuntimeFailure) {
      root = try await engine.json("/info", limit: 4 << 20)?["DockerRootDir"]?.string
    } catch {
      return try Check("DiskSpace", found: error)
    }
    // From a container, the engine's folder is not to be seen; the Agent's is on the same host.
    let own = convergence.runtime.configuration.workingDirectory
    let isInContainer = convergence.runtime.configuration.ownContainer != nil
    for folder in [isInContainer ? nil : root, own].compactMap({ $0 }) {
      let attributes = try? FileManager.default.attributesOfFileSystem(forPath: folder)
      guard let free = attributes?[.systemFreeSize] as? any BinaryInteger else { continue }
      return Self.disk(free: Int64(clamping: free), folder: folder, isPulling: isPulling)
    }
    return Check("DiskSpace", .skipped, "This Agent cannot see how much room the engine's disk has")
  }

  static func disk(free: Int64, folder: String, isPulling: Bool) -> Check {
    let (least, ample): (Int64, Int64) = isPulling ? (1 << 30, 5 << 30) : (256 << 20, 1 << 30)
    let text = "\(free >> 20) MiB are free in \(folder)"
    if free < least { return Check("DiskSpace", .failed, "\(text): make room for at least \(least >> 20) MiB") }
    return free < ample
      ? Check("DiskSpace", .warning, "\(text), which may be too little for large images")
      : Check("DiskSpace", .passed, text)
  }

  // MARK: Ports

  private func ports(_ file: JSONValue) async throws(RuntimeFailure) -> Check {
    let wanted = HostPort.published(by: file)
    guard !wanted.isEmpty else { return Check("Ports", .passed, "The release takes no fixed port of this host") }
    let project = convergence.target.name
    let rows: JSONValue?
    do throws(RuntimeFailure) {
      rows = try await engine.json("/containers/json", limit: 32 << 20)
    } catch {
      return try Check("Ports", found: error)
    }
    let containers = HostPort.held(byContainers: rows?.array ?? [])
    let own = containers.filter { $0.project == project }.map(\.port)
    var taken = wanted.compactMap { port in
      containers.first { $0.project != project && $0.port.conflicts(with: port) }.map {
        "\(port) is taken by the container \($0.name)"
      }
    }
    let isInContainer = convergence.runtime.configuration.ownContainer != nil
    let listening = isInContainer ? nil : HostPort.listening()
    if let listening {
      let known = containers.map(\.port)
      taken += wanted.filter { port in
        !own.contains { $0.conflicts(with: port) } && !known.contains { $0.conflicts(with: port) }
          && listening.contains { $0.conflicts(with: port) }
      }.map { "\($0) is taken by a program of this host" }
    }
    if !taken.isEmpty { return Check("Ports", .failed, Self.listed(taken)) }
    let list = wanted.prefix(10).map(\.description).joined(separator: ", ")
    if isInContainer {
      return Check(
        "Ports", .passed, "No container has \(list). Programs outside of containers are not to be seen from one")
    }
    return listening == nil
      ? Check(
        "Ports", .warning, "No container has \(list). Other programs are not to be seen: /proc/net/tcp cannot be read")
      : Check("Ports", .passed, "\(list): free, or this project's own")
  }
}
