import Archives
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

  private static let names = ["compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml"]

  /// - Returns: the images, what whoever signs should know of the bundle besides, and whose tags it takes.
  func read() async throws(CommandFailure) -> (images: [RenderedImage], notes: [String], tags: TagUse) {
    let folder = FileManager.default.temporaryDirectory.appending(path: "wrktalkctl-\(UInt64.random(in: 0 ... .max))")
      .path
    defer { try? FileManager.default.removeItem(atPath: folder) }
    do throws(ArchiveError) {
      _ = try await ArchiveUnpacker.unpack(bundle, into: folder)
    } catch {
      throw CommandFailure("the bundle \(printable(bundle)) cannot be read: \(printable(error.description))")
    }
    let root = try self.root(in: folder)
    let settings = try environmentFile.map { (path) throws(CommandFailure) in try FileText.read(path) } ?? []
    // Services may name it as their env_file, and Compose demands it then.
    let file = "\(root)/.env"
    if environmentFile != nil || !FileManager.default.fileExists(atPath: file) {
      guard FileManager.default.createFile(atPath: file, contents: Data(settings)) else {
        throw CommandFailure("\(file) cannot be written")
      }
    }
    let entries = Set((try? FileManager.default.contentsOfDirectory(atPath: root)) ?? [])
    guard let name = Self.names.first(where: entries.contains) else {
      throw CommandFailure("the bundle \(printable(bundle)) holds no docker-compose.yaml")
    }
    let base = name.prefix { $0 != "." }
    let files = [name] + ["yaml", "yml"].map { "\(base).override.\($0)" }.filter(entries.contains).prefix(1)
    let services =
      if let docker {
        try await composed(docker, root, files, file)
      } else {
        try read(root, files, ComposeVariables(settings: try FileText.read(file), imageTags: imageTags))
      }
    var notes: [String] = []
    var variables = CustomersCommands.variables(in: .string(String(decoding: try FileText.read(file), as: UTF8.self)))
    for file in files {
      // What cannot be read as it stands Compose has refused by now.
      guard let bytes = try? FileText.read("\(root)/\(file)"), let documents = try? YAMLStream.parse(bytes, file: file)
      else { continue }
      notes += documents.flatMap { CustomersCommands.notes(in: $0.value, file: file) }
      variables += documents.flatMap { CustomersCommands.variables(in: $0.value) }
    }
    let used = imageTags.keys.filter { service in
      ImageTagVariables.variables(for: [service: ""]).keys.contains(where: variables.contains)
    }
    return (try images(of: services), notes, TagUse(used: Set(used)))
  }

  /// The folder that holds the Compose file: the archive's own, or the one in it.
  private func root(in folder: String) throws(CommandFailure) -> String {
    let entries = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    if entries.contains(where: Self.names.contains) { return folder }
    let folders = entries.filter { !$0.hasPrefix(".") && !$0.hasPrefix("__") }
    guard folders.count == 1 else {
      throw CommandFailure("the bundle \(printable(bundle)) holds no docker-compose.yaml, in one folder or at its top")
    }
    return "\(folder)/\(folders[0])"
  }

  func images(of services: JSONValue?) throws(CommandFailure) -> [RenderedImage] {
    guard let services = services?.object, !services.isEmpty else {
      throw CommandFailure("the Compose files of \(printable(bundle)) have no services")
    }
    var images: [RenderedImage] = []
    for (name, service) in services.sorted(by: { $0.key < $1.key }) {
      guard service["build"] == nil else {
        throw CommandFailure(
          "the service \(printable(name)) is built on the customer's machine (build:), so that nobody can sign what it runs",
          hint: "Build and push its image, and name that instead.")
      }
      guard let image = service["image"]?.string else {
        throw CommandFailure("the service \(printable(name)) names no image")
      }
      images.append(RenderedImage(service: name, reference: image, digestValue: nil))
    }
    return images
  }

  // MARK: With Compose

  private func composed(
    _ docker: String, _ root: String, _ files: [String], _ environmentFile: String
  ) async throws(CommandFailure) -> JSONValue? {
    var arguments = [
      "compose", "--project-name", "release", "--project-directory", root, "--env-file", environmentFile,
    ]
    for file in files { arguments += ["--file", "\(root)/\(file)"] }
    let profiles = try await run(docker, arguments + ["config", "--profiles"])
    for profile in String(decoding: profiles, as: UTF8.self).split(whereSeparator: \.isNewline) {
      arguments += ["--profile", String(profile)]
    }
    let output = try await run(docker, arguments + ["config", "--format", "json"])
    guard let value = try? JSONValue(parsing: output) else {
      throw CommandFailure("docker compose config answered something that is not JSON")
    }
    return value["services"]
  }

  private func run(_ docker: String, _ arguments: [String]) async throws(CommandFailure) -> [UInt8] {
    let variables = environment.merging(ImageTagVariables.variables(for: imageTags)) { _, tag in tag }
    let result = try await ForegroundProcess.run(
      "docker compose", executable: docker, arguments: arguments, environment: variables, timeout: .seconds(120),
      outputLimit: 16 << 20)
    guard result.status.isSuccess else {
      throw CommandFailure(
        "Compose does not take the bundle \(printable(bundle)): \(printable(result.standardError.text))",
        hint: "Give the settings that it needs with --env FILE.")
    }
    return result.standardOutput.bytes
  }

  // MARK: Without

  func read(_ root: String, _ files: [String], _ variables: ComposeVariables) throws(CommandFailure) -> JSONValue? {
    var services: JSONValue = .object([:])
    for file in files {
      let bytes = try FileText.read("\(root)/\(file)")
      let document: JSONValue
      do throws(YAMLError) {
        document = try YAMLStream.parse(bytes, file: file).first?.value ?? .null
      } catch {
        throw CommandFailure("\(error)")
      }
      guard document["include"] == nil else { throw needsCompose("\(file) includes other files") }
      for (name, service) in document["services"]?.object ?? [:] {
        guard service["extends"] == nil else { throw needsCompose("the service \(printable(name)) extends another") }
        if let image = service["image"]?.string {
          services[name] = services[name] ?? .object([:])
          services[name]?["image"] = .string(try variables.interpolated(image, service: name))
        }
        if let build = service["build"] {
          services[name] = services[name] ?? .object([:])
          services[name]?["build"] = build
        }
        if services[name] == nil { services[name] = .object([:]) }
      }
    }
    return services
  }

  private func needsCompose(_ what: String) -> CommandFailure {
    CommandFailure("\(what), which only Compose can read", hint: "Install docker compose on this machine.")
  }
}
