import DeploymentKinds
import DeploymentPlanning
import Processes
import ReleaseManifest

/// The part of a convergence that sees to images: they are here, and fixed, before anything that runs is touched.
extension ComposeConvergence {
  struct ResolvedImage {
    /// Fixed to a digest or to an image id.
    var reference: String
    var id: String
  }

  /// Builds what the bundle brings the source of. Where that was built before, the engine has the result at hand.
  /// - Returns: what was built, by service; of a release that is restored, what was built when it was deployed.
  func build(
    _ run: ComposeRun, holding lock: borrowing TargetLock
  ) async throws(RuntimeFailure) -> [String: ResolvedImage] {
    var images: [String: ResolvedImage] = [:]
    var missing: [ComposeService] = []
    for service in run.services where service.isBuilt {
      if let pinned = release.pinnedImages[service.name], pinned.hasPrefix("sha256:"),
        let image = try await runtime.engine.image(pinned)
      {
        images[service.name] = ResolvedImage(reference: pinned, id: image.id)
      } else {
        missing.append(service)
      }
    }
    if missing.isEmpty { return images }
    await progress(
      Progress(step: .pulling, done: 0, total: missing.count, message: "building \(missing.count) images"))
    let outcome = try await compose(
      ["build"] + missing.map(\.name), in: run.installation, files: run.installation.composeFiles, holding: lock,
      waitingFor: "images to be built")
    guard outcome.status.isSuccess else {
      throw fault(.build, run.services, run.mask).failure(outcome.standardError.text)
    }
    for service in missing {
      let name = service.image ?? command.builtImage(of: service.name, project: target.name)
      guard let image = try await runtime.engine.image(name) else {
        throw RuntimeFailure(
          kind: .permanent, reason: "ImageBuildFailed",
          message: "Compose built no image \(name) of service \(service.name)")
      }
      images[service.name] = ResolvedImage(reference: image.id, id: image.id)
    }
    return images
  }

  /// Brings the images here and fixes each service to what its reference means now.
  /// - Parameter signed: what the manifest says of them; nil where there is none.
  func pull(
    _ services: [ComposeService], _ signed: SignedServices.Selection?, _ run: ComposeRun,
    holding lock: borrowing TargetLock
  ) async throws(RuntimeFailure) -> [String: ResolvedImage] {
    var services = services.filter { $0.image != nil }
    if services.isEmpty { return [:] }
    for index in services.indices {
      let name = services[index].name
      services[index].image = signed?.references[name] ?? release.pinnedImages[name] ?? services[index].image
      if let choice = signed?.choices[name], let image = services[index].image {
        services[index].image = try await localName(of: choice, unless: image)
      }
    }
    let references = Dictionary(services.map { ($0.name, $0.image ?? "") }) { first, _ in first }
    await progress(
      Progress(step: .pulling, done: 0, total: services.count, message: "pulling \(services.count) images"))
    // What is fixed to a digest means the same everywhere; a tag may have moved in the registry.
    let areFixed = references.values.allSatisfy { ImageReference($0).digest != nil || $0.hasPrefix("sha256:") }
    if areFixed, let images = try await inspect(references, signed) { return images }
    try directory.pin(ReleaseOverride(images: references), in: run.installation)
    let counter = PullCounter(total: services.count)
    let (pulled, source) = AsyncStream.makeStream(of: Progress.self, bufferingPolicy: .bufferingNewest(1))
    async let reporting: Void = report(pulled)
    defer { source.finish() }
    let outcome = try await compose(
      ["pull"] + services.map(\.name), in: run.installation, holding: lock, waitingFor: "images to be pulled"
    ) { line in
      if let progress = counter.read(line.text) { source.yield(progress) }
    }
    source.finish()
    await reporting
    guard outcome.status.isSuccess else {
      throw try await hinting(
        fault(.pull, services, run.mask).failure(outcome.standardError.text), signed == nil ? references : [:])
    }
    guard let images = try await inspect(references, signed) else {
      let missing = try await firstMissing(references)
      throw RuntimeFailure(
        kind: .permanent, reason: "ImagePullFailed",
        message: "The image \(references[missing] ?? "") of service \(missing) is not on this host and was not pulled")
    }
    return images
  }

  private func report(_ pulled: AsyncStream<Progress>) async {
    for await message in pulled { await progress(message) }
  }

  /// Nil where the engine lacks one of them.
  private func inspect(
    _ references: [String: String], _ signed: SignedServices.Selection?
  ) async throws(RuntimeFailure) -> [String: ResolvedImage]? {
    var resolved: [String: ResolvedImage] = [:]
    for (service, reference) in references {
      guard let image = try await runtime.engine.image(reference) else { return nil }
      if let choice = signed?.choices[service] { try SignedServices.check(image, as: choice, of: service) }
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

  /// A host without a way to the registry may have the images nevertheless.
  private func hinting(
    _ failure: RuntimeFailure, _ references: [String: String]
  ) async throws(RuntimeFailure) -> RuntimeFailure {
    guard failure.reason == "RegistryUnreachable", !references.isEmpty, try await inspect(references, nil) != nil else {
      return failure
    }
    var failure = failure
    failure.message +=
      ". All images are on this host already: with pull_policy: missing at a service, its image is used without asking "
      + "the registry"
    return failure
  }
}
