import DeploymentKinds
import DeploymentPlanning
import FoundationEssentials
import Logging
import Processes
import WireFormats

/// One pass from whatever runs to one release in full health.
struct ComposeConvergence: Sendable {
  typealias Progress = DesiredDeploymentStatus.Progress

  let runtime: ComposeRuntime
  let command: ComposeCommand
  let target: RuntimeTarget
  let release: PreparedRelease
  let directory: ProjectDirectory
  var deadline: Deadline
  let progress: @Sendable (Progress) async -> Void

  /// - Parameter lock: held by each Compose process too, as its standard input.
  func run(holding lock: borrowing TargetLock) async throws(RuntimeFailure) -> RunningRelease {
    try await checkOwner()
    let installation = try directory.install(ComposeBundle(folder: release.folder), configFile: release.configFile)
    let file = try await resolve(installation, lock)
    let services = try services(of: file)
    let own = try await ownService()
    try own?.check(services)
    let mask = mask(for: services)
    let images = try await pull(services, installation, lock, mask)
    var additions = ReleaseOverride(images: images.mapValues(\.reference))
    for service in services {
      if let owner = target.owner { additions.add(ReleaseOverride.ownerLabel, owner, to: service.name) }
    }
    for (service, digest) in try await contentDigests(of: file, installation, lock) {
      additions.add(ReleaseOverride.contentLabel, digest, to: service)
    }
    try directory.pin(additions, in: installation)
    try await clearObstacles(for: services)
    let unapplied = try await renew(file, services, installation, lock, mask)
    let containers =
      if let own {
        try await bringUp(around: own, services, installation, lock, mask)
      } else {
        try await bringUp(services, among: services, installation, lock, mask)
      }
    directory.prune(keeping: installation, mountSources: containers.flatMap(\.mountSources))
    return try await converged(services, images, containers, unapplied)
  }

  // MARK: - Steps

  private func resolve(
    _ installation: ProjectDirectory.Installation, _ lock: borrowing TargetLock
  ) async throws(RuntimeFailure) -> JSONValue {
    await progress(Progress(step: .preparing, done: 0, total: 0, message: "reading the Compose file"))
    let outcome = try await compose(
      command.configArguments, installation.composeFiles, installation, lock, waitingFor: "the Compose file to be read")
    guard outcome.status.isSuccess else { throw fault(.config, [], mask(for: [])).failure(outcome.standardError.text) }
    return try command.resolved(outcome.standardOutput.bytes)
  }

  private func services(of file: JSONValue) throws(RuntimeFailure) -> [ComposeService] {
    var services = ComposeService.services(of: file)
    guard !services.isEmpty else {
      throw RuntimeFailure(
        kind: .permanent, reason: "InvalidComposeFile", message: "The bundle's Compose file names no service")
    }
    // `up` starts every container that has ended, also that of a job that has done its work. Of a service without
    // containers it starts none, and what depends on it does not wait for it.
    for index in services.indices where target.finishedJobs.contains(services[index].name) {
      services[index].replicas = 0
    }
    return services
  }

  private struct ResolvedImage {
    /// Fixed to a digest or to an image id.
    var reference: String
    var id: String
  }

  /// Brings the images here and fixes each service to what its reference means now.
  private func pull(
    _ services: [ComposeService], _ installation: ProjectDirectory.Installation, _ lock: borrowing TargetLock,
    _ mask: SecretMask
  ) async throws(RuntimeFailure) -> [String: ResolvedImage] {
    var services = services.filter { $0.image != nil }
    for index in services.indices {
      services[index].image = release.pinnedImages[services[index].name] ?? services[index].image
    }
    let references = Dictionary(services.map { ($0.name, $0.image ?? "") }) { first, _ in first }
    await progress(
      Progress(step: .pulling, done: 0, total: services.count, message: "pulling \(services.count) images"))
    // What is fixed to a digest means the same everywhere; a tag may have moved in the registry.
    let areFixed = references.values.allSatisfy { ImageReference($0).digest != nil || $0.hasPrefix("sha256:") }
    if areFixed, let images = try await inspect(references) { return images }
    try directory.pin(ReleaseOverride(images: references), in: installation)
    let counter = PullCounter(total: services.count)
    let (pulled, source) = AsyncStream.makeStream(of: Progress.self, bufferingPolicy: .bufferingNewest(1))
    async let telling: Void = tell(pulled)
    defer { source.finish() }
    let outcome = try await compose(
      ["pull"], installation.composeFiles + [installation.pinFile], installation, lock,
      waitingFor: "images to be pulled"
    ) { line in
      if let progress = counter.read(line.text) { source.yield(progress) }
    }
    source.finish()
    await telling
    guard outcome.status.isSuccess else { throw fault(.pull, services, mask).failure(outcome.standardError.text) }
    guard let images = try await inspect(references) else {
      let missing = try await firstMissing(references)
      throw RuntimeFailure(
        kind: .permanent, reason: "ImagePullFailed",
        message: "The image \(references[missing] ?? "") of service \(missing) is not on this host and was not pulled")
    }
    return images
  }

  /// How often containers are made that somebody removes, or that the engine was about to remove.
  private static let startLimit = 5

  /// - Parameter all: the services of the release, to which those to be brought up belong.
  /// - Returns: the containers of the project, those of `services` ready.
  func bringUp(
    _ services: [ComposeService], among all: [ComposeService], _ installation: ProjectDirectory.Installation,
    _ lock: borrowing TargetLock, _ mask: SecretMask
  ) async throws(RuntimeFailure) -> [EngineContainer] {
    let wait = wait(for: services, mask)
    let names = services.count == all.count ? [] : services.map(\.name)
    var starts = 0
    while true {
      starts += 1
      do throws(RuntimeFailure) {
        try await clearObstacles(for: all)
        try await start(services, names, among: all, installation, lock, mask)
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
    _ services: [ComposeService], _ names: [String], among all: [ComposeService],
    _ installation: ProjectDirectory.Installation, _ lock: borrowing TargetLock, _ mask: SecretMask
  ) async throws(RuntimeFailure) {
    await progress(
      Progress(step: .starting, done: 0, total: services.count, message: "starting \(services.count) services"))
    let idle = all.filter { $0.replicas == 0 }
    let outcome = try await compose(
      command.upArguments + ComposeCommand.scaleArguments(idle)
        + names.filter { name in !idle.contains { $0.name == name } },
      installation.composeFiles + [installation.pinFile], installation, lock,
      waitingFor: "Compose to start the services")
    if outcome.status.isSuccess { return }
    let fault = fault(.up, services, mask)
    var failure = fault.failure(outcome.standardError.text)
    let containers = (try? await runtime.engine.containers(project: target.name)) ?? []
    if let container = fault.failedDependency(outcome.standardError.text, containers: containers) {
      let report = ContainerReport(engine: runtime.engine, mask: mask)
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

  // MARK: - Images

  /// Nil where the engine lacks one of them.
  private func inspect(_ references: [String: String]) async throws(RuntimeFailure) -> [String: ResolvedImage]? {
    var resolved: [String: ResolvedImage] = [:]
    for (service, reference) in references {
      guard let image = try await runtime.engine.image(reference) else { return nil }
      let pinned = reference.hasPrefix("sha256:") ? reference : ImageReference(reference).pinned(to: image)
      resolved[service] = ResolvedImage(reference: pinned, id: image.id)
    }
    return resolved
  }

  private func firstMissing(_ references: [String: String]) async throws(RuntimeFailure) -> String {
    for (service, reference) in references.sorted(by: { $0.key < $1.key }) {
      if try await runtime.engine.image(reference) == nil { return service }
    }
    return references.keys.min() ?? ""
  }

  // MARK: - Compose

  private func tell(_ pulled: AsyncStream<Progress>) async {
    for await message in pulled { await progress(message) }
  }

  func compose(
    _ subcommand: [String], _ files: [String], _ installation: ProjectDirectory.Installation,
    _ lock: borrowing TargetLock, waitingFor subject: String,
    onLine: (@Sendable (OutputLine) -> Void)? = nil
  ) async throws(RuntimeFailure) -> ProcessResult {
    var environment = runtime.configuration.environment
    for (name, value) in ImageTagVariables.variables(for: release.release.imageTags ?? [:]) {
      environment[name] = value
    }
    environment["DOCKER_HOST"] = runtime.configuration.endpoint.description
    let arguments = command.arguments(
      project: target.name, folder: installation.folder, files: files, environmentFile: release.configFile, subcommand)
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
      phase: phase, project: target.name, services: services, endpoint: runtime.configuration.endpoint, mask: mask)
  }

  func mask(for services: [ComposeService]) -> SecretMask {
    let text = release.configFile.flatMap { try? Data(contentsOf: URL(filePath: $0)) } ?? Data()
    return SecretMask(
      values: EnvironmentFile.values(in: String(decoding: text, as: UTF8.self)),
      publicTexts: services.compactMap(\.image))
  }
}
