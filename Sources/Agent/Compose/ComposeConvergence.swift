import ComposeBundles
import DeploymentKinds
import DeploymentPlanning
import Files
import FoundationEssentials
import Logging
import Processes
import ReleaseManifest
import Threads
import Timing
import WireFormats

/// A release of a project as Compose is to see it.
struct ComposeRun: Sendable {
  /// Where its files lie: where the bundle was unpacked at first, the project's folder from then on.
  var installation: ProjectDirectory.Installation
  /// All services of the release.
  var services: [ComposeService]
  /// What of its settings must not be reported.
  var mask: SecretMask
}

/// One pass from whatever runs to one release in full health.
///
/// ```
/// read the bundle ─▶ resolve, check against what was signed ─▶ build and pull      nothing was touched so far
/// lay the files into the project's folder ─▶ pin the images ─▶ clear obstacles ─▶ renew what `up` would leave as it is
/// bring up: `up` and wait until everything is ready; the Agent's own service last (see `OwnService`)
/// compare what runs with what was signed ─▶ RunningRelease
/// ```
struct ComposeConvergence: Sendable {
  typealias Progress = DesiredDeploymentStatus.Progress

  let runtime: ComposeRuntime
  let command: ComposeCommand
  let target: RuntimeTarget
  let release: PreparedRelease
  let directory: ProjectDirectory
  var deadline: Deadline
  let progress: @Sendable (Progress) async -> Void
  let bundle: ComposeBundle
  /// What is in the release's `.env`, or in the one that the bundle brings where the release has none.
  let settings: EnvironmentFile

  /// - Parameter lock: held by each Compose process too, as its standard input.
  func run(holding lock: borrowing TargetLock) async throws(RuntimeFailure) -> RunningRelease {
    try await checkOwner()
    let (bundle, environmentFile) = try readBundle()
    try checkSources(bundle)
    let unpacked = directory.unpacked(bundle)
    let resolved = try await resolve(unpacked, holding: lock)
    let signed = try signedImages(of: resolved)
    let services = resolved.services
    let own = try await ownService()
    try own?.check(services)
    var run = ComposeRun(installation: unpacked, services: services, mask: mask(for: services))
    var images = try await build(run, holding: lock)
    images.merge(try await pull(services.filter { images[$0.name] == nil }, signed, run, holding: lock)) { built, _ in
      built
    }
    let contents = try await contentDigests(of: resolved.file, unpacked, holding: lock)
    // Nothing was touched so far.
    let previous = try await runtime.engine.containers(project: target.name)
    let (installation, notes, labels) = try await lay(bundle, settings: environmentFile, resolved.mounts, previous)
    run.installation = installation
    var additions = ReleaseOverride(images: images.mapValues(\.reference))
    for service in services {
      if let owner = target.owner { additions.add(ReleaseOverride.ownerLabel, owner, to: service.name) }
      if let content = contents[service.name] { additions.add(ReleaseOverride.contentLabel, content, to: service.name) }
      if let files = labels[service.name] { additions.add(BundleMounts.label, files, to: service.name) }
    }
    try directory.pin(additions, in: installation)
    try await clearObstacles(for: services)
    let outdated = try directory.servicesWithFormerFiles(
      resolved.mounts, labels: labels, try await runtime.engine.containers(project: target.name))
    let unapplied = try await renew(resolved.file, run, also: outdated, holding: lock)
    let containers =
      if let own {
        try await bringUp(around: own, run, holding: lock)
      } else {
        try await bringUp(services, of: run, holding: lock)
      }
    let mountSources = containers.flatMap { $0.mounts.map(\.source) }
    await onOwnThread { directory.finish(mounts: resolved.mounts, mountSources: mountSources) }
    var running = try await converged(services, images, containers, unapplied)
    try await check(containers, signed)
    running.warnings = resolved.warnings + (signed?.warnings ?? []) + notes.map(text)
    return running
  }

  // MARK: - Steps

  /// How often containers are made that somebody removes, or that the engine was about to remove.
  private static let startLimit = 5

  /// - Parameter services: those of the release to be brought up, perhaps all.
  /// - Returns: the containers of the project, those of `services` ready.
  func bringUp(
    _ services: [ComposeService], of run: ComposeRun, holding lock: borrowing TargetLock
  ) async throws(RuntimeFailure) -> [EngineContainer] {
    let wait = wait(for: services, run.mask)
    var starts = 0
    while true {
      starts += 1
      do throws(RuntimeFailure) {
        try await clearObstacles(for: run.services)
        try await start(services, of: run, holding: lock)
        return try await wait.untilReady(deadline: deadline, progress: progress)
      } catch {
        // Compose itself waits for services that others depend on.
        if error.reason == "Timeout" { throw await wait.timeout(after: target.timeout) ?? error }
        guard Self.isInterference(error), starts < Self.startLimit, deadline.remaining() > .zero else { throw error }
        runtime.logger.notice("Starting once more", metadata: ["reason": .string(error.message)])
        do { try await runtime.clock.sleep(for: .milliseconds(200)) } catch { throw .stopped }
      }
    }
  }

  /// Somebody changes the same containers at the same time.
  private static func isInterference(_ failure: RuntimeFailure) -> Bool {
    failure.reason == WorkloadWait.containerRemoved || failure.reason == ComposeFault.engineBusy
  }

  func wait(
    for services: [ComposeService], _ mask: SecretMask, isAwaited: (@Sendable (EngineContainer) -> Bool)? = nil
  ) -> WorkloadWait {
    WorkloadWait(
      engine: runtime.engine, clock: runtime.clock, project: target.name, services: services,
      settleTime: runtime.configuration.settleTime, restartLimit: runtime.configuration.restartLimit, mask: mask,
      isAwaited: isAwaited)
  }

  private func start(
    _ services: [ComposeService], of run: ComposeRun, holding lock: borrowing TargetLock
  ) async throws(RuntimeFailure) {
    await progress(
      Progress(step: .starting, done: 0, total: services.count, message: "starting \(services.count) services"))
    let idle = run.services.filter { $0.replicas == 0 }
    // Compose starts all where none is named.
    let names = services.count == run.services.count ? [] : services.map(\.name)
    let outcome = try await compose(
      command.upArguments + ComposeCommand.scaleArguments(idle)
        + names.filter { name in !idle.contains { $0.name == name } },
      in: run.installation, holding: lock, waitingFor: "Compose to start the services")
    if outcome.status.isSuccess { return }
    let fault = fault(.up, services, run.mask)
    var failure = fault.failure(outcome.standardError.text)
    let containers = (try? await runtime.engine.containers(project: target.name)) ?? []
    if let container = fault.failedDependency(outcome.standardError.text, containers: containers) {
      let report = ContainerReport(engine: runtime.engine, mask: run.mask)
      failure.message = await report.text(of: container)
    }
    throw failure
  }

  private func converged(
    _ services: [ComposeService], _ images: [String: ResolvedImage], _ containers: [EngineContainer],
    _ unapplied: [String]
  ) async throws(RuntimeFailure) -> RunningRelease {
    let byService = Dictionary(grouping: containers.filter { !$0.isOneOff }, by: \.service)
    var digests: [String: String] = [:]
    var started: [DesiredDeploymentStatus.Service] = []
    for service in services {
      let own = byService[service.name] ?? []
      let reference = images[service.name]?.reference ?? own.first?.image ?? ""
      let imageID = images[service.name]?.id ?? own.first?.imageID ?? ""
      digests[service.name] = ImageReference(reference).digest ?? imageID
      if target.finishedJobs.contains(service.name),
        let recorded = target.recorded.first(where: { $0.name == service.name })
      {
        started.append(recorded)
        continue
      }
      let hasCompleted = !own.isEmpty && own.allSatisfy { $0.state == .exited(code: 0) }
      let isDone = service.isAwaitedToComplete || hasCompleted
      // What answers requests is not there to end.
      let isServer = service.publishesPorts || own.contains { $0.health != .none }
      var settings: [String: String]?
      if let running = own.first(where: { $0.state == .running }) {
        settings = try await runtime.engine.detail(container: running.id)?.settings
      }
      started.append(
        DesiredDeploymentStatus.Service(
          name: service.name, image: reference, imageID: imageID, configHash: own.first?.configHash ?? "",
          replicas: own.count, runsToCompletion: isDone,
          mayComplete: !isDone && service.mayComplete && !isServer ? true : nil, settings: settings))
    }
    return RunningRelease(imageDigests: digests, services: started, unapplied: unapplied)
  }

  // MARK: - Compose

  /// Runs Compose over a release's files.
  /// - Parameters:
  ///   - files: the Compose files; nil for those of the release and the pins over them.
  ///   - subject: what the Agent waits for, in words.
  func compose(
    _ subcommand: [String], in installation: ProjectDirectory.Installation, files: [String]? = nil,
    holding lock: borrowing TargetLock, waitingFor subject: String, onLine: (@Sendable (OutputLine) -> Void)? = nil
  ) async throws(RuntimeFailure) -> ProcessResult {
    let environment = ComposeEnvironment.variables(
      agent: runtime.configuration.environment, settings: settings, imageTags: release.release.imageTags ?? [:],
      endpoint: runtime.configuration.endpoint.description, folder: installation.folder)
    let arguments = command.arguments(
      project: target.name, folder: installation.folder,
      files: files ?? installation.composeFiles + [installation.pinFile],
      environmentFile: release.configFile, subcommand)
    let result: ProcessResult
    do {
      result = try await ChildProcess.run(
        executable: command.executable, arguments: arguments, environment: environment,
        workingDirectory: installation.folder, standardInput: lock.file,
        timeout: max(deadline.remaining(), .milliseconds(1)),
        terminationGrace: runtime.configuration.terminationGrace, outputLimit: 8 << 20, onOutputLine: onLine)
    } catch {
      throw failure(error, waitingFor: subject)
    }
    if case .killed(let signal) = result.status {
      throw RuntimeFailure(
        kind: .transient, reason: "ComposeInterrupted",
        message: "Compose was killed by signal \(signal) while the Agent waited for \(subject)")
    }
    return result
  }

  private func failure(_ error: ProcessError, waitingFor subject: String) -> RuntimeFailure {
    switch error {
    case .cancelled: .stopped
    case .timedOut:
      RuntimeFailure(
        kind: .permanent, reason: "Timeout",
        message: "After \(DurationText(target.timeout)) the Agent still waited for \(subject)")
    case .executableNotFound, .workingDirectoryUnusable, .cannotStart, .outputUnreadable:
      RuntimeFailure(
        kind: .transient, reason: "ComposeUnusable", message: "\(command.executable) could not be run: \(error)")
    }
  }

  func fault(_ phase: ComposeFault.Phase, _ services: [ComposeService], _ mask: SecretMask) -> ComposeFault {
    ComposeFault(
      phase: phase, project: target.name, services: services, endpoint: runtime.configuration.endpoint, mask: mask,
      settingsFile: release.configFile, settingsName: release.release.configPath ?? ".env")
  }

  func mask(for services: [ComposeService]) -> SecretMask {
    SecretMask(values: settings.secrets, publicTexts: services.compactMap(\.image))
  }
}
