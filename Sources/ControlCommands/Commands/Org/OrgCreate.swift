import ArgumentParser
import FleetKinds
import ResourceClient
import ResourceModel
import WireFormats

struct OrgCreate: AsyncParsableCommand {
  /// What a customer deploys with.
  enum DeploymentType: String, CaseIterable, ExpressibleByArgument {
    case kubernetes
    case docker

    var word: String {
      switch self {
      case .kubernetes: "Kubernetes"
      case .docker: "Docker"
      }
    }
  }

  static let configuration = CommandConfiguration(
    commandName: "create", abstract: "Make a customer known, or change one that is: what is not given stays as it is.",
    discussion: """
      Example: wrktalkctl org create acme --type docker --webhook https://acme.example.com/api/deployment/webhook \
      --label tier=gold --label region=eu --spoc-name "Ada Lovelace" --spoc-email ada@acme.example.com
      """)

  @Argument(help: "The organization's name: lower-case letters, digits, - and .")
  var name: String

  @Option(help: "What it deploys with: kubernetes (the default of a new one) or docker.")
  var type: DeploymentType?

  @Option(help: "The URL that gets the webhooks; without one the customer only asks for updates.")
  var webhook: String?

  @Option(parsing: .singleValue, help: "KEY=VALUE: a label, by which stages select. May be given several times.")
  var label: [Assignment] = []

  @Option(help: "The customer's single point of contact.")
  var spocName: String?

  @Option(help: "Their address for mail.")
  var spocEmail: String?

  @Option(help: "Their telephone number.")
  var spocPhone: String?

  @Option(help: "The vendor's account manager.")
  var accountManager: String?

  @Option(help: "Until when the licence is valid, such as 2027-12-31T23:59:59Z; without end by default.")
  var licenseExpires: String?

  @Option(name: .shortAndLong, help: "Print the object in this form: yaml, json or name.")
  var output: OutputFormat?

  @OptionGroup var connection: ConnectionOptions

  func validate() throws {
    if let licenseExpires, Timestamp(licenseExpires) == nil {
      throw ValidationError("--license-expires must be a time such as 2027-12-31T23:59:59Z")
    }
    if let webhook, !["http://", "https://"].contains(where: webhook.lowercased().hasPrefix) {
      throw ValidationError("--webhook must be a URL such as https://acme.example.com/api/deployment/webhook")
    }
    if let twice = Dictionary(grouping: label, by: \.name).first(where: { $0.value.count > 1 }) {
      throw ValidationError("--label names \(twice.key) twice")
    }
    if let problem = NameRules.subdomainProblems(name).first {
      throw ValidationError("\"\(printable(name))\" cannot be the name of an organization: \(problem)")
    }
  }

  func run() async throws {
    let session = try connection.session()
    let present = try await session.find(OrganizationKind.names, ObjectKey(namespace: "", name: name))
    // As a file would declare it, so that what is wrong is said in the same way.
    var reading = ManifestReader.Reading()
    ManifestReader(namespace: "", isNamespaceExplicit: false).parse(
      object(over: present).serialized(indented: true), file: "the command line", into: &reading)
    if let failure = reading.failures.first { throw failure }
    guard let manifest = reading.manifests.first else { return }
    let writer = ManifestWriter(
      client: session.client, server: session.server, method: .clientSide(manager: ManifestWriter.clientSideManager))
    let written = try await writer.apply(manifest, isDryRun: false)
    switch output {
    case .none, .table, .wide: try session.console.write("\(manifest.reference) \(written.outcome.rawValue)\n")
    case .name: try session.console.write("\(manifest.reference)\n")
    case .yaml: try session.console.write(YAMLText.render(LiveObject.withoutManagers(written.after)))
    case .json: try session.console.write(JSONText.render(LiveObject.withoutManagers(written.after)))
    }
    guard written.outcome == .created else { return }
    session.console.note("Its key for the API: wrktalkctl org key create \(name)")
    if webhook != nil { session.console.note("The secret of its webhook: wrktalkctl org webhook-secret \(name)") }
  }

  /// - Parameter present: the customer as it is.
  func object(over present: JSONValue? = nil) -> JSONValue {
    let names = OrganizationKind.names
    var metadata: JSONValue = ["name": .string(name)]
    let labels = (present?["metadata"]?["labels"]?.object ?? [:]).merging(
      label.map { ($0.name, .string($0.value)) }, uniquingKeysWith: { _, given in given })
    if !labels.isEmpty { metadata["labels"] = .object(labels) }
    var spec = present?["spec"] ?? [:]
    if let word = type?.word ?? (present == nil ? DeploymentType.kubernetes.word : nil) {
      spec["deploymentType"] = .string(word)
    }
    if let webhook { spec["webhookEndpoint"] = .string(webhook) }
    var contacts = spec["contacts"]?.object ?? [:]
    for (field, given) in [
      ("spocName", spocName), ("spocEmail", spocEmail), ("spocPhone", spocPhone), ("accountManager", accountManager),
    ] {
      if let given { contacts[field] = .string(given) }
    }
    if !contacts.isEmpty { spec["contacts"] = .object(contacts) }
    if let licenseExpires {
      var license = spec["license"] ?? [:]
      license["expiresAt"] = .string(licenseExpires)
      spec["license"] = license
    }
    return [
      "apiVersion": .string(names.apiVersion), "kind": .string(names.kind), "metadata": metadata, "spec": spec,
    ]
  }
}
