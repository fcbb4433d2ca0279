import ArgumentParser
import FoundationEssentials
import ReleaseManifest
import WireFormats

struct ReleaseSign: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sign", abstract: "Sign a release manifest, or add a signature to one.",
    discussion: """
      The trust root that lies beside the key is used where none is named. What it writes goes as text into spec.manifest of a \
      DesiredDeployment.

      Examples:
        wrktalkctl release sign release.json --key trust/release.key -o wrktalk-2.3.0.manifest.json
        wrktalkctl release sign release.json --root root.json --sign-with ./sign-with-hsm.sh -o wrktalk-2.3.0.manifest.json
      """)

  @Argument(
    help: "The manifest, or the envelope of one that others have signed; - is standard input.", completion: .file())
  var file: String

  @Option(help: "The newest trust root.", completion: .file())
  var root: String?

  @Option(
    name: .shortAndLong,
    help: "The file to write; standard output by default. Only an envelope that gets more signatures may be its own.",
    completion: .file())
  var output: String?

  @OptionGroup var signing: SigningOptions

  func run() async throws {
    let console = TrustCommand.console
    let root = try TrustFile.signedRoot(try rootPath())
    let bytes = file == "-" ? try FileText.readStandardInput() : try FileText.read(file)
    let (given, isSigned) = try Self.envelope(bytes, file: file)
    var envelope = given
    let replaces = isSigned && output == file
    if let output, !replaces { try NewFile.checkIsFree(output) }
    let manifest = try TrustFile.reading(file) { () throws(TrustError) in
      try ReleaseManifest.Manifest(payload: envelope.payload)
    }
    let now = SystemTime.now()
    guard manifest.product == root.product else {
      throw CommandFailure(
        "the manifest is for the product \(printable(manifest.product)), and the trust root for \(printable(root.product))"
      )
    }
    guard manifest.expires > now else {
      throw CommandFailure(
        "the manifest has expired on \(manifest.expires)", hint: "Write it anew with release manifest.")
    }
    let signers = try await signing.sign(&envelope, as: .release, under: [root], console: console)
    let text = envelope.text + "\n"
    guard text.utf8.count <= Envelope.maximumByteCount else {
      throw CommandFailure(
        "the envelope has \(text.utf8.count) bytes, and Agents read at most \(Envelope.maximumByteCount)")
    }
    if let output {
      if replaces { try NewFile.replace(output, with: text) } else { try NewFile.create(text, at: output) }
    } else {
      try console.write(text)
    }
    let names = signers.map(\.short).joined(separator: ", ")
    console.note(
      "Signed \(printable(manifest.product)) \(printable(manifest.version)), sequence \(manifest.sequence), with \(names)."
    )
    if let authority = root.roles[.release] {
      let count = authority.threshold - envelope.signers(among: root.keys(of: .release)).count
      if count > 0 {
        console.note(
          "It needs \(count) more release \(count == 1 ? "key" : "keys"): whoever has one runs release sign on the result."
        )
      }
    }
  }

  private func rootPath() throws(CommandFailure) -> String {
    if let root { return root }
    for key in signing.keyFiles {
      let path = "\(key.lastIndex(of: "/").map { key[...$0] } ?? "")root.json"
      if FileManager.default.fileExists(atPath: path) { return path }
    }
    throw CommandFailure(
      "no trust root is named, and none lies beside the key: without it nobody knows whether the signature will count",
      hint: "Use --root FILE.", exitCode: CommandFailure.usageExitCode)
  }

  /// A manifest's envelope, also of one that nobody has signed yet.
  static func envelope(_ bytes: [UInt8], file: String) throws(CommandFailure) -> (Envelope, isSigned: Bool) {
    var bytes = bytes[...]
    while let last = bytes.last, [0x0A, 0x0D].contains(last) { bytes.removeLast() }
    let value = try? JSONValue(parsing: bytes, maximumDepth: 8, maximumNodeCount: 50_000)
    if value?["payloadType"] != nil {
      return (
        try TrustFile.reading(file) { () throws(TrustError) in try Envelope(parsing: bytes, expecting: .release) }, true
      )
    }
    return (Envelope(payloadType: .release, payload: Array(bytes)), false)
  }
}
