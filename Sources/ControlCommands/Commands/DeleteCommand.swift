import ArgumentParser
import DeploymentKinds
import FleetKinds
import ResourceClient
import ResourceModel
import WireFormats

struct DeleteCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "delete", abstract: "Delete objects.",
    discussion: """
      With spec.deletionPolicy Orphan, deleting a deployment leaves what runs as it is: the Agent only stops looking after \
      it. With Uninstall the deployment stays until the Agent has removed what runs; a Compose project's volumes stay.

      With an organization go its keys, its licences and its history, which the command counts; --dry-run server counts them first.
      """)

  @Argument(help: "A kind and names, or KIND/NAME.")
  var objects: [String] = []

  @Option(
    name: [.customShort("f"), .customLong("filename")], parsing: .singleValue,
    help: "Delete what this file, folder or standard input (-) declares.", completion: .file())
  var paths: [String] = []

  @Flag(name: [.customShort("R"), .long], help: "Read the folders inside a folder too.")
  var recursive = false

  @OptionGroup var connection: ConnectionOptions

  @Flag(inversion: .prefixedNo, help: "Wait until the objects are gone.")
  var wait = true

  @Option(help: "How long to wait for each object.")
  var timeout = "1m"

  @Flag(help: "An object that is not there is no failure.")
  var ignoreNotFound = false

  @Option(help: "server: check everything there, but delete nothing.")
  var dryRun = DryRun.none

  func run() async throws {
    let timeout = try WaitOptions.duration(timeout)
    guard objects.isEmpty != paths.isEmpty else {
      throw CommandFailure("name objects or give files with -f", exitCode: CommandFailure.usageExitCode)
    }
    let session = try connection.session()
    var failures = FailureCount()
    for (names, key) in try targets(session, &failures) {
      do {
        try await delete(names, key, session, timeout)
      } catch let failure as CommandFailure {
        failures.add(failure, session.console)
      }
    }
    try failures.end()
  }

  private func targets(
    _ session: Session, _ failures: inout FailureCount
  ) throws(CommandFailure) -> [(ResourceNames, ObjectKey)] {
    if !paths.isEmpty {
      let reader = ManifestReader(namespace: session.namespace, isNamespaceExplicit: session.isNamespaceExplicit)
      let reading = reader.read(paths, isRecursive: recursive)
      for failure in reading.failures { failures.add(failure, session.console) }
      return reading.manifests.map { ($0.definition.names, $0.key) }
    }
    let arguments = try ResourceArguments(objects)
    guard !arguments.names.isEmpty else {
      throw CommandFailure(
        "name the objects to delete, such as \(arguments.resource.singular)/NAME",
        exitCode: CommandFailure.usageExitCode)
    }
    return arguments.names.map { (arguments.resource, session.key($0, of: arguments.definition)) }
  }

  private func delete(_ names: ResourceNames, _ key: ObjectKey, _ session: Session, _ timeout: Duration) async throws {
    let client = session.client
    let options = DeleteOptions(isDryRun: dryRun == .server)
    let belongings = names == OrganizationKind.names ? await OrganizationBelongings(of: key.name, session) : nil
    let answer: JSONValue
    do throws(ResourceClientError) {
      answer = try await client.delete(names, key, options: options)
    } catch {
      if error.isNotFound, ignoreNotFound { return }
      throw ClientFailureText.failure(error, server: session.server)
    }
    if let text = belongings?.text(wouldGo: dryRun == .server) { session.console.note(text) }
    if dryRun == .server {
      try session.console.write("\(names.reference(key.name)) deleted (server dry run)\n")
      return
    }
    if wait {
      try await Waiting(session: session, names: names, key: key, goal: .deletion, timeout: timeout).run()
    } else if answer["metadata"]?["deletionTimestamp"] != nil {
      try session.console.write(
        "\(names.reference(key.name)) is being deleted; \(printable(DeletionText.waiting(answer)))\n")
      return
    }
    try session.console.write("\(names.reference(key.name)) deleted\n")
  }
}
