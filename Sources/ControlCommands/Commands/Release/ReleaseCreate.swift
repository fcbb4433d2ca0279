import ArgumentParser
import ReleaseManifest
import ResourceClient
import WireFormats

struct ReleaseCreate: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "create", abstract: "Upload a release's chart and bundle, and create the release as a draft.",
    discussion: """
      Nobody gets a draft: release publish and a rollout come after it. While it is a draft, the same command replaces it; \
      what was published never changes. With a signed manifest, tags, settings and rules are taken from it.

      Examples of a CI step:
        wrktalkctl release create --version $VERSION --helm wrktalk-$VERSION.tgz --compose wrktalk-$VERSION-compose.tar.gz \
      --manifest wrktalk-$VERSION.manifest.json --notes-file NOTES.md
        wrktalkctl release create --version 2.3.0 --helm wrktalk-2.3.0.tgz --backend-tag sha-abc --media-tag sha-def \
      --control-tower-tag sha-ghi --agent-tag sha-jkl --setting NEW_FEATURE=false
      """)

  @Option(help: "The release's version by Semantic Versioning, such as 2.3.0.")
  var version: String

  @Option(name: [.long, .customLong("chart")], help: "The packed Helm chart.", completion: .file())
  var helm: String?

  @Option(name: [.long, .customLong("bundle")], help: "The packed Compose bundle.", completion: .file())
  var compose: String?

  @Option(help: "The signed release manifest, as release sign wrote it.", completion: .file())
  var manifest: String?

  @Option(help: "The image tag of the backend.")
  var backendTag: String?

  @Option(help: "The image tag of the media service.")
  var mediaTag: String?

  @Option(help: "The image tag of the Control Tower.")
  var controlTowerTag: String?

  @Option(help: "The image tag of the Agent.")
  var agentTag: String?

  @Option(help: "A file with the release notes; - is standard input.", completion: .file())
  var notesFile: String?

  @Flag(help: "Customers must take the release.")
  var forced = false

  @Flag(help: "The release changes data in a way that the version before cannot read.")
  var migration = false

  @Option(help: "The oldest version that may be upgraded directly.")
  var minVersion: String?

  @Option(help: "How long customers should expect to be interrupted, in words for them, such as \"10 minutes\".")
  var estimatedDowntime: String?

  @Option(parsing: .singleValue, help: "KEY=DEFAULT: a setting that the release brings. May be given several times.")
  var setting: [Assignment] = []

  @Option(name: .shortAndLong, help: "The form: text, yaml, json.")
  var output = DocumentFormat.text

  @OptionGroup var connection: ConnectionOptions

  /// Once the command line is read whole: an option that is misspelt is to be named before what is missing without it.
  private func check() throws {
    if helm == nil, compose == nil {
      throw ValidationError("a release has an artifact: give --helm, --compose or both")
    }
    if version.contains("+") {
      throw ValidationError(
        "--version must have no build metadata (+…): two versions that differ in it alone have no order")
    }
    guard SemanticVersion(version) != nil else {
      throw ValidationError("--version must be a semantic version such as 2.3.0")
    }
    if let minVersion {
      guard let minimum = SemanticVersion(minVersion) else {
        throw ValidationError("--min-version must be a semantic version such as 2.1.0")
      }
      if let own = SemanticVersion(version), minimum >= own {
        throw ValidationError("--min-version must be below the release itself, \(version), or nobody could take it")
      }
    }
    if let twice = Dictionary(grouping: setting, by: \.name).first(where: { $0.value.count > 1 }) {
      throw ValidationError("--setting names \(twice.key) twice")
    }
    if notesFile == "-", manifest == "-" { throw ValidationError("only one file can be standard input") }
  }

  func run() async throws {
    try check()
    let session = try connection.session()
    var request = ReleaseRequest(
      version: version.first == "v" ? String(version.dropFirst()) : version,
      tags: .init(backend: backendTag, media: mediaTag, controlTower: controlTowerTag, agent: agentTag),
      isForced: forced, isMigrationRequired: migration, estimatedDowntime: estimatedDowntime,
      minCurrentVersion: minVersion, releaseNotes: try notesFile.map(Self.text),
      settings: setting.map { .init(key: $0.name, value: $0.value) })

    // All that can be known to be wrong is said before anything is sent.
    let signed = try manifest.map(Self.signed)
    if let signed { try request.adopt(signed.manifest, text: signed.text, file: manifest ?? "") }
    try request.checkTags()
    var files: [(path: String, artifact: ReleaseManifest.Manifest.Artifact)] = []
    if let helm { files.append((helm, try ReleaseDraft.artifact(helm, .helm))) }
    if let compose { files.append((compose, try ReleaseDraft.artifact(compose, .compose))) }
    if let signed {
      for file in files {
        try ReleaseRequest.check(file.artifact, path: file.path, against: signed.manifest, file: manifest ?? "")
      }
    }

    var stored: [ArtifactUpload.Stored] = []
    for (path, artifact) in files {
      let upload = ArtifactUpload(
        path: path, runtime: artifact.runtime, version: request.version, manifest: request.manifest)
      stored.append(try await upload.run(artifact, session))
      session.console.note(
        "Uploaded \(printable(path)): \(ByteCount.text(artifact.size)), sha256 \(artifact.sha256)")
    }
    let client = session.client
    let answer = try await session.request { () async throws(ResourceClientError) in
      try await client.post(path: InternalPath.releases, body: request.json)
    }
    switch output {
    case .text:
      try session.console.write("\(ReleaseReference.text(answer, request.version))\n")
      session.console.note("Nobody gets it yet: wrktalkctl release publish \(printable(request.version))")
    case .yaml, .json:
      try session.console.write(["release": answer, "artifacts": .array(stored.map(\.json))], as: output)
    }
  }

  private static func text(_ path: String) throws(CommandFailure) -> String {
    let bytes = path == "-" ? try FileText.readStandardInput() : try FileText.read(path)
    guard let text = String(validating: bytes, as: UTF8.self), !bytes.contains(0) else {
      throw CommandFailure("\(printable(path)) is not a text in UTF-8")
    }
    return text
  }

  /// - Throws: where it is not a manifest that somebody has signed.
  private static func signed(
    _ path: String
  ) throws(CommandFailure) -> (manifest: ReleaseManifest.Manifest, text: String) {
    let bytes = path == "-" ? try FileText.readStandardInput() : try FileText.read(path)
    let (envelope, isSigned) = try ReleaseSign.envelope(bytes, file: path)
    guard isSigned else {
      throw CommandFailure(
        "\(printable(path)) is a manifest that nobody has signed", hint: "Sign it first: wrktalkctl release sign.")
    }
    let manifest = try TrustFile.reading(path) { () throws(TrustError) in
      try ReleaseManifest.Manifest(payload: envelope.payload)
    }
    // As it came, but for the end of its last line.
    var text = String(decoding: bytes, as: UTF8.self)
    while text.last?.isNewline == true { text.removeLast() }
    return (manifest, text)
  }
}

/// The answer about a release as one line.
enum ReleaseReference {
  /// `release.deploy.wrktalk.com/2.3.0 draft`.
  static func text(_ answer: JSONValue, _ version: String) -> String {
    let version = answer["version"]?.string ?? version
    return "release.deploy.wrktalk.com/\(printable(version)) \(printable(answer["status"]?.string ?? "accepted"))"
  }
}
