import ArgumentParser
import ReleaseManifest

struct TrustSign: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sign", abstract: "Add signatures to a trust root that somebody else made.",
    discussion: """
      Look at it first: wrktalkctl trust show FILE. The signatures are added in the file itself.

      Example: wrktalkctl trust sign root-2.json --root root.json --key my-root.key
      """)

  @Argument(help: "The trust root to sign.", completion: .file())
  var file: String

  @Option(
    help: "The trust root that it is to follow; needed where the key is one of its keys only.", completion: .file())
  var root: String?

  @OptionGroup var signing: SigningOptions

  func run() async throws {
    let console = TrustCommand.console
    let (unsigned, next) = try TrustFile.root(file)
    var envelope = unsigned
    let present = try self.root.map { (path) throws(CommandFailure) in try TrustFile.signedRoot(path) }
    if let present, present.product != next.product || present.version + 1 != next.version {
      throw CommandFailure(
        """
        \(printable(file)) is version \(next.version) of the trust root of \(printable(next.product)), which does not \
        follow version \(present.version) of that of \(printable(present.product))
        """, hint: "--root names the version before it.")
    }
    // A key that the next one revokes may have to sign it for the present one.
    let before = present.map { [$0] } ?? []
    let signers = try await signing.sign(
      &envelope, as: .root, under: [next] + before, unlessRevokedBy: before, console: console)
    try NewFile.replace(file, with: envelope.text + "\n")
    try console.write(
      "Signed version \(next.version) of the trust root of \(printable(next.product)) with "
        + "\(signers.map(\.short).joined(separator: ", ")).\n")
    for line in RootSignatures(envelope: envelope, root: next, present: present).missing(file: file) {
      console.note(line)
    }
  }
}
