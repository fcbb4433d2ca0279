import Archives
import ComposeBundles
import DeploymentPlanning
import FoundationEssentials
import Processes
import WireFormats
import YAMLDocuments

/// The images that a bundle's Compose files run, in whatever profile.
struct BundleImages {
  var bundle: String
  /// The settings that the variables of its files are read from.
  var environmentFile: String?
  var imageTags: [String: String]
  /// The Docker CLI; nil reads the files without it.
  var docker: String?
  var environment: [String: String]

  /// - Returns: the images, what whoever signs should know of the bundle besides, and whose tags it takes.
  /// - Throws: also where Agents would refuse the bundle, by the same rules.
  func read() async throws(CommandFailure) -> (images: [RenderedImage], notes: [String], tags: TagUse) {
    let folder = FileManager.default.temporaryDirectory.appending(path: "wrktalkctl-\(UInt64.random(in: 0 ... .max))")
      .path
    defer { try? FileManager.default.removeItem(atPath: folder) }
    do throws(ArchiveError) {
      _ = try await ArchiveUnpacker.unpack(bundle, into: folder)
    } catch {
      throw CommandFailure("the bundle \(printable(bundle)) cannot be read: \(printable(error.description))")
    }
    var unpacked = try accepted { () throws(BundleFault) in try ComposeBundle(folder: folder) }
    let text = try settings(of: unpacked)
    let settings = EnvironmentFile(text)
    let files = try accepted { () throws(BundleFault) in
      try unpacked.select(settings)
      return try ComposeReferences(unpacked).check(unpacked.composeFiles)
    }
    let services =
      if let docker {
        try await composed(docker, unpacked, settings)
      } else {
        try read(unpacked, ComposeVariables(settings: settings, imageTags: imageTags))
      }
    var notes: [String] = []
    var variables = CustomersCommands.variables(in: .string(String(decoding: text, as: UTF8.self)))
    for file in files {
      // What cannot be read as it stands was refused by now.
      guard let bytes = try? FileText.read("\(unpacked.root)/\(file)"),
        let documents = try? YAMLStream.parse(bytes, file: file, keys: .untagged)
      else { continue }
      notes += documents.flatMap { CustomersCommands.notes(in: $0.value, file: file) }
      variables += documents.flatMap { CustomersCommands.variables(in: $0.value) }
    }
    let used = imageTags.keys.filter { service in
      ImageTagVariables.variables(for: [service: ""]).keys.contains(where: variables.contains)
    }
    return (try images(of: services), notes, TagUse(used: Set(used)))
  }

  /// The settings that were given, or the bundle's own; they lie beside its Compose file then, as on a customer's machine.
  private func settings(of unpacked: ComposeBundle) throws(CommandFailure) -> [UInt8] {
    let own = unpacked.ownEnvironmentFile
    guard let path = environmentFile ?? own else {
      // Services may name it as their env_file, and Compose demands it then.
      try write([], beside: unpacked)
      return []
    }
    let bytes = try FileText.read(path)
    let settings = EnvironmentFile(bytes)
    let title = environmentFile ?? "the bundle's \(ComposeBundle.environmentFile)"
    if let problem = settings.problem { throw CommandFailure("\(printable(title)) \(problem)") }
    // The bundle's own are signed with it.
    guard environmentFile != nil else { return bytes }
    if let refusal = UnsignedSettings.refusal(of: settings, named: title) { throw failure(refusal) }
    try write(bytes, beside: unpacked)
    return bytes
  }

  private func write(_ settings: [UInt8], beside unpacked: ComposeBundle) throws(CommandFailure) {
    let path = "\(unpacked.root)/\(ComposeBundle.environmentFile)"
    guard FileManager.default.createFile(atPath: path, contents: Data(settings)) else {
      throw CommandFailure("\(path) cannot be written")
    }
  }

  private func accepted<Value>(_ body: () throws(BundleFault) -> Value) throws(CommandFailure) -> Value {
    do throws(BundleFault) {
      return try body()
    } catch {
      throw failure(error)
    }
  }

  private func failure(_ fault: BundleFault) -> CommandFailure {
    CommandFailure("no Agent would deploy the bundle \(printable(bundle)): \(printable(fault.message))")
  }

  func images(of services: JSONValue?) throws(CommandFailure) -> [RenderedImage] {
    guard let services = services?.object, !services.isEmpty else {
      throw CommandFailure("the Compose files of \(printable(bundle)) have no services")
    }
    var images: [RenderedImage] = []
    for (name, service) in services.sorted(by: { $0.key < $1.key }) {
      guard let image = service["image"]?.string else {
        throw CommandFailure("the service \(printable(name)) names no image")
      }
      images.append(RenderedImage(service: name, reference: image, digestValue: nil))
    }
    return images
  }

  // MARK: With Compose

  private func composed(
    _ docker: String, _ unpacked: ComposeBundle, _ settings: EnvironmentFile
  ) async throws(CommandFailure) -> JSONValue? {
    let root = unpacked.root
    var arguments = [
      "compose", "--project-name", "release", "--project-directory", root, "--env-file",
      "\(root)/\(ComposeBundle.environmentFile)",
    ]
    for file in unpacked.composeFiles { arguments += ["--file", "\(root)/\(file)"] }
    let variables = ComposeEnvironment.variables(
      agent: environment, settings: settings, imageTags: imageTags,
      endpoint: environment["DOCKER_HOST"] ?? "unix:///var/run/docker.sock", folder: root)
    let profiles = try await run(docker, arguments + ["config", "--profiles"], variables, root)
    for profile in String(decoding: profiles, as: UTF8.self).split(whereSeparator: \.isNewline) {
      arguments += ["--profile", String(profile)]
    }
    let output = try await run(docker, arguments + ["config", "--format", "json"], variables, root)
    guard let value = try? JSONValue(parsing: output) else {
      throw CommandFailure("docker compose config answered something that is not JSON")
    }
    if let refusal = UnsignedCode.refusal(of: value) { throw failure(refusal) }
    return value["services"]
  }

  private func run(
    _ docker: String, _ arguments: [String], _ variables: [String: String], _ folder: String
  ) async throws(CommandFailure) -> [UInt8] {
    let result = try await ForegroundProcess.run(
      "docker compose", executable: docker, arguments: arguments, environment: variables, workingDirectory: folder,
      timeout: .seconds(120), outputLimit: 16 << 20)
    guard result.status.isSuccess else {
      throw CommandFailure(
        "Compose does not take the bundle \(printable(bundle)): \(printable(result.standardError.text))",
        hint: "Give the settings that it needs with --env FILE.")
    }
    return result.standardOutput.bytes
  }

  // MARK: Without

  private func read(
    _ unpacked: ComposeBundle, _ variables: ComposeVariables
  ) throws(CommandFailure) -> JSONValue? {
    var services: JSONValue = .object([:])
    for file in unpacked.composeFiles {
      let bytes = try FileText.read("\(unpacked.root)/\(file)")
      let document: JSONValue
      do throws(YAMLError) {
        document = try YAMLStream.parse(bytes, file: file).first?.value ?? .null
      } catch {
        throw CommandFailure("\(error)")
      }
      if let refusal = UnsignedCode.refusal(of: document) { throw failure(refusal) }
      guard document["include"] == nil else { throw needsCompose("\(file) includes other files") }
      for (name, service) in document["services"]?.object ?? [:] {
        guard service["extends"] == nil else { throw needsCompose("the service \(printable(name)) extends another") }
        services[name] = services[name] ?? .object([:])
        if let image = service["image"]?.string {
          services[name]?["image"] = .string(try variables.interpolated(image, service: name))
        }
      }
    }
    return services
  }

  private func needsCompose(_ what: String) -> CommandFailure {
    CommandFailure("\(what), which only Compose can read", hint: "Install docker compose on this machine.")
  }
}
