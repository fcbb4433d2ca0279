import DeploymentKinds
import DeploymentPlanning
import FoundationEssentials
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
  let deadline: Deadline
  let progress: @Sendable (Progress) async -> Void

  /// - Parameter lock: held by each Compose process too, as its standard input.
  func run(holding lock: borrowing TargetLock) async throws(RuntimeFailure) -> RunningRelease {
    let installation = try directory.install(ComposeBundle(folder: release.folder), configFile: release.configFile)
    let services = try await resolve(installation, lock)
    let own = try await ownService()
    try own?.check(services)
    let mask = mask(for: services)
    let images = try await pull(services, installation, lock, mask)
    try directory.pin(images.mapValues(\.reference), in: installation)
    let containers =
      if let own {
        try await bringUp(around: own, services, installation, lock, mask)
      } else {
        try await bringUp(services, command.upArguments, installation, lock, mask)
      }
    directory.prune(keeping: installation, mountSources: containers.flatMap(\.mountSources))
    return converged(services, images, containers)
  }

  // MARK: - Steps

  private func resolve(
    _ installation: ProjectDirectory.Installation, _ lock: borrowing TargetLock
  ) async throws(RuntimeFailure) -> [ComposeService] {
    await progress(Progress(step: .preparing, done: 0, total: 0, message: "reading the Compose file"))
    let outcome = try await compose(
      command.configArguments, installation.composeFiles, installation, lock, waitingFor: "the Compose file to be read")
    guard outcome.status.isSuccess else { throw fault(.config, [], mask(for: [])).failure(outcome.standardError.text) }
    let services = ComposeService.services(of: try command.resolved(outcome.standardOutput.bytes))
    guard !services.isEmpty else {
      throw RuntimeFailure(
        kind: .permanent, reason: "InvalidComposeFile", message: "The bundle's Compose file names no service")
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
    try directory.pin(references, in: installation)
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

  /// - Returns: the containers of the project, those of `services` ready.
  func bringUp(
    _ services: [ComposeService], _ arguments: [String], _ installation: ProjectDirectory.Installation,
    _ lock: borrowing TargetLock, _ mask: SecretMask
  ) async throws(RuntimeFailure) -> [EngineContainer] {
    let wait = wait(for: services, mask)
    do {
      try await start(services, arguments, installation, lock, mask)
    } catch  where error.reason == "Timeout" {
      // Compose itself waits for services that others depend on.
      throw await wait.timeout(after: target.timeout) ?? error
    }
    return try await wait.untilReady(deadline: deadline, progress: progress)
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
    _ services: [ComposeService], _ arguments: [String], _ installation: ProjectDirectory.Installation,
    _ lock: borrowing TargetLock,
    _ mask: SecretMask
  ) async throws(RuntimeFailure) {
    await progress(
      Progress(step: .starting, done: 0, total: services.count, message: "starting \(services.count) services"))
    for obstacle in UpObstacle.obstacles(
      among: try await runtime.engine.containers(project: target.name))
    {
      try await runtime.engine.clear(obstacle)
    }
    let outcome = try await compose(
      arguments, installation.composeFiles + [installation.pinFile], installation, lock,
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
    _ services: [ComposeService], _ images: [String: ResolvedImage], _ containers: [EngineContainer]
  ) -> RunningRelease {
    let byService = Dictionary(grouping: containers.filter { !$0.isOneOff }, by: \.service)
    var digests: [String: String] = [:]
    let started = services.map { service in
      let own = byService[service.name] ?? []
      let reference = images[service.name]?.reference ?? own.first?.image ?? ""
      let imageID = images[service.name]?.id ?? own.first?.imageID ?? ""
      digests[service.name] = ImageReference(reference).digest ?? imageID
      let hasCompleted = !own.isEmpty && own.allSatisfy { $0.state == .exited(code: 0) }
      // `restart: "no"`, where it is written out, says of a service without a health check that it is meant to end.
      let isMeantToEnd = service.restart == .never && own.allSatisfy { $0.health == .none }
      return DesiredDeploymentStatus.Service(
        name: service.name, image: reference, imageID: imageID, configHash: own.first?.configHash ?? "",
        replicas: own.count, runsToCompletion: service.isAwaitedToComplete || hasCompleted || isMeantToEnd)
    }
    return RunningRelease(imageDigests: digests, services: started)
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

  private func mask(for services: [ComposeService]) -> SecretMask {
    let text = release.configFile.flatMap { try? Data(contentsOf: URL(filePath: $0)) } ?? Data()
    return SecretMask(
      values: EnvironmentFile.values(in: String(decoding: text, as: UTF8.self)),
      publicTexts: services.compactMap(\.image))
  }
}
