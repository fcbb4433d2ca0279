import ArgumentParser
import ReleaseManifest
import Timing
import WireFormats

struct ReleaseSign: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sign", abstract: "Sign a release manifest, or add a signature to one.",
    discussion: """
      The trust roots that lie beside the key are used where none is named: root.json, root-2.json and so on. In a rotation a \
      release is signed with the old and the new release key, so that Agents with the old and with the new root believe it. \
      What it writes goes as text into spec.manifest of a DesiredDeployment.

      Examples:
        wrktalkctl release sign release.json --key trust/release.key -o wrktalk-2.3.0.manifest.json
        wrktalkctl release sign release.json --root root.json --sign-with ./sign-with-hsm.sh -o wrktalk-2.3.0.manifest.json
        wrktalkctl release sign release.json --root trust/root.json --root trust/root-2.json --key trust/release.key \
      --key trust/release-2.key -o wrktalk-2.3.0.manifest.json
      """)

  @Argument(
    help: "The manifest, or the envelope of one that others have signed; - is standard input.", completion: .file())
  var file: String

  @Option(
    parsing: .singleValue,
    help:
      "The newest trust root; in a rotation also the older ones that Agents still have. May be given several times.",
    completion: .file())
  var root: [String] = []

  @Option(
    name: .shortAndLong,
    help:
      "The file to write; standard output by default, as -. Only an envelope that gets more signatures may be its own.",
    completion: .file())
  var output = DocumentOutput.standardOutput

  @OptionGroup var signing: SigningOptions

  func run() async throws {
    let console = TrustCommand.console
    let roots = try SigningRoots.read(root, beside: signing.keyFiles, console: console)
    let bytes = file == "-" ? try FileText.readStandardInput() : try FileText.read(file)
    let (given, isSigned) = try Self.envelope(bytes, file: file)
    var envelope = given
    let replaces = isSigned && output == .file(file)
    if !replaces { try output.checkIsFree() }
    let manifest = try TrustFile.reading(file) { () throws(TrustError) in
      try ReleaseManifest.Manifest(payload: envelope.payload)
    }
    try ManifestFields.check(envelope.payload, file: file)
    guard SemanticVersion(manifest.version) != nil else {
      throw CommandFailure(
        "the version \"\(printable(manifest.version))\" of the manifest is not a semantic version such as 2.3.0: no deployment could name it",
        hint: "Write it anew with release manifest.")
    }
    let now = SystemTime.now()
    guard manifest.product == roots.newest.product else {
      throw CommandFailure(
        """
        the manifest is for the product \(printable(manifest.product)), and the trust root for \
        \(printable(roots.newest.product))
        """)
    }
    guard manifest.expires > now else {
      throw CommandFailure(
        "the manifest has expired on \(manifest.expires)", hint: "Write it anew with release manifest.")
    }
    let signers = try await signing.sign(
      &envelope, as: .release, under: roots.roots, unlessRevokedBy: roots.roots, console: console)
    let text = envelope.text + "\n"
    guard text.utf8.count <= Envelope.maximumByteCount else {
      throw CommandFailure(
        "the envelope has \(text.utf8.count) bytes, and Agents read at most \(Envelope.maximumByteCount)")
    }
    if replaces { try NewFile.replace(file, with: text) } else { try output.write(text, console: console) }
    let names = signers.map(\.short).joined(separator: ", ")
    console.note(
      "Signed \(printable(manifest.product)) \(printable(manifest.version)), sequence \(manifest.sequence), with \(names)."
    )
    for line in roots.missing(envelope) { console.note(line) }
  }

  /// A manifest's envelope, also of one that nobody has signed yet.
  static func envelope(_ bytes: [UInt8], file: String) throws(CommandFailure) -> (Envelope, isSigned: Bool) {
    var bytes = bytes[...]
    while let last = bytes.last, [0x0A, 0x0D].contains(last) { bytes.removeLast() }
    let value: JSONValue
    do {
      value = try JSONValue(parsing: bytes, maximumDepth: 8, maximumNodeCount: 50_000)
    } catch {
      throw CommandFailure("\(printable(file)) is not valid JSON: \(printable("\(error)"))")
    }
    if value["payloadType"] != nil {
      return (
        try TrustFile.reading(file) { () throws(TrustError) in try Envelope(parsing: bytes, expecting: .release) }, true
      )
    }
    return (Envelope(payloadType: .release, payload: Array(bytes)), false)
  }
}
