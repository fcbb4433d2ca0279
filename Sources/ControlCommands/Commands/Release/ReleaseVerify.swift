import ArgumentParser
import Cryptography
import FoundationEssentials
import ReleaseManifest
import Timing
import WireFormats

struct ReleaseVerify: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify", abstract: "Check a signed release manifest as an Agent does, and say what is in it.",
    discussion: """
      Needs no network. Exit code 1: an Agent with this trust root would not deploy it, for the reasons that are printed.

      Examples:
        wrktalkctl release verify wrktalk-2.3.0.manifest.json --root root.json
        wrktalkctl release verify wrktalk-2.3.0.manifest.json --root root.json --root root-2.json --artifact wrktalk-2.3.0.tgz
      """)

  @Argument(help: "The signed manifest; - is standard input.", completion: .file())
  var file: String

  @Option(
    parsing: .singleValue, help: "The trust root that the customer began with, then those that followed it.",
    completion: .file())
  var root: [String]

  @Option(parsing: .singleValue, help: "A chart or bundle to compare with what the manifest says.", completion: .file())
  var artifact: [String] = []

  @Option(help: "A timestamp statement that came with it.", completion: .file())
  var timestamp: String?

  @Option(name: .shortAndLong, help: "The form: text, yaml, json.")
  var output = DocumentFormat.text

  func run() throws {
    let console = TrustCommand.console
    let memory = try self.memory()
    let now = SystemTime.now()
    let verification = try TrustFile.reading("the trust root") { () throws(TrustError) in
      try ReleaseVerification(memory: memory, now: now)
    }
    let bytes = file == "-" ? try FileText.readStandardInput() : try FileText.read(file)
    var problems: [String] = []
    let (envelope, isSigned) = try ReleaseSign.envelope(bytes, file: file)
    if !isSigned { problems.append("ReleaseNotSigned: it is a manifest that nobody has signed") }
    let release: VerifiedManifest?
    do throws(TrustError) {
      release = try isSigned ? verification.verified(envelope.text) : nil
    } catch {
      problems.append(error.description)
      release = nil
    }
    if let release {
      problems += verification.problems(of: release, for: "", .deployment).map(\.description)
      if let staleness = try? verification.staleness() { problems.append("\(staleness.reason): \(staleness.message)") }
      problems += try differences(release.manifest)
      let view = ReleaseView(manifest: release.manifest, digest: release.digest, signers: release.signers)
      switch output {
      case .text: try console.write(view.text(now: now))
      case .yaml: try console.write(YAMLText.render(view.json(problems)))
      case .json: try console.write(JSONText.render(view.json(problems)))
      }
    }
    for problem in problems { console.note("error: \(printable(problem))") }
    if !problems.isEmpty { throw ExitCode(CommandFailure.generalExitCode) }
    if output == .text {
      try console.write("Good: version \(verification.root.version) of the trust root believes it.\n")
    }
  }

  private func memory() throws(CommandFailure) -> TrustMemory {
    guard let first = root.first else {
      throw CommandFailure("--root is needed", exitCode: CommandFailure.usageExitCode)
    }
    let text = try TrustFile.envelope(first, .root).text
    var memory = try TrustFile.reading(first) { () throws(TrustError) in try TrustMemory(firstRoot: text) }
    for path in root.dropFirst() {
      let text = try TrustFile.envelope(path, .root).text
      _ = try TrustFile.reading(path) { () throws(TrustError) in try memory.takeIn(roots: [text]) }
    }
    if let timestamp {
      let text = try TrustFile.envelope(timestamp, .timestamp).text
      _ = try TrustFile.reading(timestamp) { () throws(TrustError) in try memory.takeIn(timestamp: text) }
    }
    return memory
  }

  /// What differs between the files and the manifest.
  private func differences(_ manifest: ReleaseManifest.Manifest) throws(CommandFailure) -> [String] {
    var differences: [String] = []
    for path in artifact {
      let found = try ReleaseDraft.artifact(path, .helm)
      if manifest.artifacts.contains(where: { $0.sha256 == found.sha256 && $0.size == found.size }) { continue }
      let signed = manifest.artifacts.map { "\($0.runtime.rawValue) \($0.sha256), \($0.size) bytes" }.joined(
        separator: "; ")
      differences.append(
        "ManifestMismatch: \(path) has the digest \(found.sha256) and \(found.size) bytes; signed is \(signed)")
    }
    return differences
  }
}

/// A release manifest as a person reads it.
struct ReleaseView {
  var manifest: ReleaseManifest.Manifest
  /// Of its payload; nil where it is not signed yet.
  var digest: String?
  var signers: Set<KeyID>

  func text(now: Timestamp) -> String {
    var text = "\(printable(manifest.product)) \(printable(manifest.version)), sequence \(manifest.sequence)"
    if manifest.minimumSequence > 0 { text += " (withdraws releases below \(manifest.minimumSequence))" }
    text += "\n"
    if let digest { text += "Manifest:  \(digest)\n" }
    if !signers.isEmpty { text += "Signed by: \(signers.sorted().map(\.short).joined(separator: ", "))\n" }
    text +=
      "Issued:    \(manifest.issuedAt)\nExpires:   \(manifest.expires)\(now >= manifest.expires ? " (it has expired)" : "")\n"
    var rules = manifest.ruleset.forced ? ["forced"] : []
    if manifest.ruleset.migration { rules.append("migration") }
    if let version = manifest.ruleset.minimumVersion { rules.append("from \(printable(version)) on") }
    if !rules.isEmpty { text += "Rules:     \(rules.joined(separator: ", "))\n" }
    text += TextTable.render(
      header: ["ARTIFACT", "SHA256", "BYTES"],
      rows: manifest.artifacts.map { [$0.runtime.rawValue, $0.sha256, String($0.size)] })
    if !manifest.images.isEmpty {
      text += TextTable.render(
        header: ["SERVICE", "IMAGE", "DIGEST", "CHART'S VALUE"],
        rows: manifest.images.map { [$0.service, $0.repository, $0.digest, $0.digestValue ?? ""] })
    }
    if !manifest.imageTags.isEmpty {
      text += TextTable.render(
        header: ["SERVICE", "TAG"], rows: manifest.imageTags.sorted { $0.key < $1.key }.map { [$0.key, $0.value] })
    }
    if !manifest.settings.isEmpty {
      text += TextTable.render(header: ["NEW SETTING", "DEFAULT"], rows: manifest.settings.map { [$0.key, $0.value] })
    }
    return text
  }

  func json(_ problems: [String]) -> JSONValue {
    [
      "manifest": (try? JSONValue(parsing: manifest.payload)) ?? .null,
      "digest": digest.map { .string($0) } ?? .null,
      "signedBy": .array(signers.sorted().map { .string($0.text) }),
      "problems": .array(problems.map { .string($0) }),
    ]
  }
}
