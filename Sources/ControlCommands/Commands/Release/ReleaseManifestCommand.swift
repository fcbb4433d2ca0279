import ArgumentParser
import DeploymentKinds
import FoundationEssentials
import HTTPTransport
import ImageRegistries
import Processes
import ReleaseManifest
import Timing
import WireFormats

struct ReleaseManifestCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "manifest", abstract: "Write a release manifest, for a person to read before it is signed.",
    discussion: """
      Renders the chart with helm and reads the Compose files of the bundle, in every profile, and asks the registries for the \
      digest of each image that they run. Tries which of the chart's values take a digest. Logins are Docker's.

      Examples:
        wrktalkctl release manifest --product wrktalk --version 2.3.0 --sequence 42 --chart wrktalk-2.3.0.tgz \
      --values values.yaml --image-tag backend=v2.3.0 --image-tag media=v2.3.0 -o release.json
        wrktalkctl release manifest --product wrktalk --version 2.3.0 --sequence 42 --bundle wrktalk-2.3.0.tar.gz \
      --env example.env --image-tag backend=v2.3.0 --setting LOG_LEVEL=info --migration -o release.json
      """)

  @Option(help: "The product, as the trust root names it.")
  var product: String

  @Option(help: "The release's version by Semantic Versioning, such as 2.3.0; a chart's has to be the same.")
  var version: String

  @Option(help: "The release's number: higher than that of every release before.")
  var sequence: Int64

  @Option(help: "Withdraws every release with a lower sequence.")
  var minimumSequence: Int64 = 0

  @Option(name: .customLong("chart"), parsing: .singleValue, help: "A packed Helm chart.", completion: .file())
  var charts: [String] = []

  @Option(name: .customLong("bundle"), parsing: .singleValue, help: "A packed Compose bundle.", completion: .file())
  var bundles: [String] = []

  @Option(
    parsing: .singleValue, help: "Values that the chart needs to render; later files count more.", completion: .file())
  var values: [String] = []

  @Option(help: "Settings that the bundle's variables need, like a customer's .env.", completion: .file())
  var env: String?

  @Option(parsing: .singleValue, help: "SERVICE=TAG, as in spec.imageTags. May be given several times.")
  var imageTag: [Assignment] = []

  @Option(
    parsing: .singleValue,
    help:
      "SERVICE=IMAGE: an image that is run besides those that are rendered, such as one that only some customers switch on."
  )
  var image: [Assignment] = []

  @Option(parsing: .singleValue, help: "KEY=DEFAULT: a setting that the release brings. May be given several times.")
  var setting: [Assignment] = []

  @Option(help: "A file of settings that the release brings, KEY=DEFAULT a line.", completion: .file())
  var settings: String?

  @Flag(help: "Customers must take the release.")
  var forced = false

  @Flag(help: "The release changes data in a way that the version before cannot read.")
  var migration = false

  @Option(help: "The oldest version that may be upgraded directly.")
  var minimumVersion: String?

  @Option(
    parsing: .unconditional,
    help: "Until when customers may begin to deploy it: a span such as 90d (the default), or a time.",
    transform: Expiry.parse)
  var expires = Expiry.days(90)

  @Option(name: .shortAndLong, help: "The file to write; standard output by default, as -.", completion: .file())
  var output = DocumentOutput.standardOutput

  @Option(help: "The helm program; helm by default.")
  var helm: String?

  @Option(parsing: .singleValue, help: "HOST[:PORT] of a registry without TLS that is not this machine.")
  var insecureRegistry: [String] = []

  private var chart: String? { charts.first }
  private var bundle: String? { bundles.first }

  /// Once the command line is read whole: an option that is misspelt is to be named before what is missing without it.
  private func check() throws {
    if chart == nil, bundle == nil {
      throw ValidationError("a release has an artifact: give --chart, --bundle or both")
    }
    if charts.count > 1 { throw ValidationError("a release has one chart, and --chart is given \(charts.count) times") }
    if bundles.count > 1 {
      throw ValidationError("a release has one bundle, and --bundle is given \(bundles.count) times")
    }
    for (option, isGiven) in [("--values", !values.isEmpty), ("--helm", helm != nil)] where isGiven && chart == nil {
      throw ValidationError("\(option) is for a chart, and has no effect without --chart")
    }
    if env != nil, bundle == nil { throw ValidationError("--env is for a bundle, and has no effect without --bundle") }
    guard let version = SemanticVersion(version) else {
      throw ValidationError("--version must be a semantic version such as 2.3.0, without build metadata")
    }
    guard let minimumVersion else { return }
    guard let minimum = SemanticVersion(minimumVersion) else {
      throw ValidationError("--minimum-version must be a semantic version such as 2.1.0")
    }
    if minimum > version { throw ValidationError("--minimum-version must not be above --version") }
  }

  func run() async throws {
    try check()
    let environment = ProcessInfo.processInfo.environment
    let console = Console.standard(environment: environment)
    try output.checkIsFree()
    let tags = try Self.dictionary(imageTag, "--image-tag")
    var artifacts: [ReleaseManifest.Manifest.Artifact] = []
    if let chart { artifacts.append(try ReleaseDraft.artifact(chart, .helm)) }
    if let bundle { artifacts.append(try ReleaseDraft.artifact(bundle, .compose)) }
    guard Set(artifacts.map(\.sha256)).count == artifacts.count else {
      throw CommandFailure("the chart and the bundle are the same file", exitCode: CommandFailure.usageExitCode)
    }
    var brought =
      try settings.map { (path) throws(CommandFailure) in
        try ReleaseDraft.settings(FileText.read(path), file: path)
      } ?? []
    brought += setting.map { ReleaseManifest.Manifest.Setting(key: $0.name, value: $0.value) }

    let (rendered, notes) = try await self.rendered(tags, environment)
    let http = HTTPClient(userAgent: "wrktalkctl/\(ProgramVersion.current)")
    let registry = RegistryClient(
      http: http, credentials: try .read(environment: environment), insecureHosts: Set(insecureRegistry))
    let images: [ReleaseManifest.Manifest.Image]
    do throws(CommandFailure) {
      images = try await ReleaseDraft.images(rendered) { (reference) async throws(CommandFailure) in
        console.progress("Asking \(printable(reference.host)) for \(printable(reference.description))")
        do throws(RegistryFailure) {
          return try await registry.resolve(reference)
        } catch {
          throw CommandFailure(error)
        }
      }
    } catch {
      console.endProgress()
      await http.shutdown()
      throw error
    }
    console.endProgress()
    await http.shutdown()
    for note in notes { console.note("Note: \(note)") }

    let now = SystemTime.now().wholeSeconds
    let manifest = ReleaseManifest.Manifest(
      product: product, version: version, sequence: sequence, minimumSequence: minimumSequence, issuedAt: now,
      expires: try expires.moment(from: now), artifacts: artifacts, images: images, imageTags: tags, settings: brought,
      ruleset: .init(forced: forced, migration: migration, minimumVersion: minimumVersion))
    let payload = manifest.payload
    _ = try TrustFile.reading("the manifest cannot be signed") { () throws(TrustError) in
      try ReleaseManifest.Manifest(payload: payload)
    }
    let text = String(decoding: payload, as: UTF8.self) + "\n"
    try output.write(text, console: console)
    if case .file(let path) = output {
      try console.write(ReleaseView(manifest: manifest, digest: nil, signers: []).text(now: now))
      console.note(
        "Wrote \(printable(path)). Read it, then: wrktalkctl release sign \(printable(path)) --key FILE -o FILE")
    }
  }

  private func rendered(
    _ tags: [String: String], _ environment: [String: String]
  ) async throws(CommandFailure) -> (images: [RenderedImage], notes: [String]) {
    var images: [RenderedImage] = []
    var notes: [String] = []
    var use = TagUse()
    if let chart {
      let reader = ChartImages(
        chart: chart, valueFiles: values, imageTags: tags, helm: helm ?? "helm", environment: environment)
      notes += try ReleaseDraft.compare(await reader.title(), of: chart, product: product, version: version)
      let read = try await reader.read()
      images += read.images
      use.formUnion(read.tags)
    }
    if let bundle {
      let read = try await BundleImages(
        bundle: bundle, environmentFile: env, imageTags: tags, docker: await Self.compose(environment),
        environment: environment
      ).read()
      images += read.images
      notes += read.notes
      use.formUnion(read.tags)
    }
    use.services.formUnion(images.map(\.service))
    try use.check(tags.keys)
    images += image.map { RenderedImage(service: $0.name, reference: $0.value, digestValue: nil) }
    return (images, notes)
  }

  /// The Docker CLI where it has Compose.
  private static func compose(_ environment: [String: String]) async -> String? {
    guard let docker = ExecutableSearch.find("docker", path: environment["PATH"] ?? ""),
      let result = try? await ChildProcess.run(
        executable: docker, arguments: ["compose", "version"], environment: environment, timeout: .seconds(30)),
      result.status.isSuccess
    else { return nil }
    return docker
  }

  private static func dictionary(_ assignments: [Assignment], _ option: String) throws(CommandFailure) -> [String:
    String]
  {
    var found: [String: String] = [:]
    for assignment in assignments {
      guard found.updateValue(assignment.value, forKey: assignment.name) == nil else {
        throw CommandFailure(
          "\(option) names \(printable(assignment.name)) twice", exitCode: CommandFailure.usageExitCode)
      }
    }
    return found
  }
}
