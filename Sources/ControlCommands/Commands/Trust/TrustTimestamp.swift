import ArgumentParser
import ReleaseManifest
import Timing
import WireFormats

struct TrustTimestamp: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "timestamp", abstract: "Sign a statement that the news is fresh.",
    discussion: """
      Where the trust root names timestamp keys, Agents deploy nothing new without a statement that is still valid, so that nobody \
      can hide a release or a revocation for longer. It travels in the annotation deploy.wrktalk.com/timestamp.

      Example: wrktalkctl trust timestamp --root trust/root.json --sequence 42 --key trust/timestamp.key -o timestamp.json
      """)

  @Option(
    parsing: .singleValue,
    help: "The newest trust root; those that lie beside the key where none is named. May be given several times.",
    completion: .file())
  var root: [String] = []

  @Option(help: "The newest release's sequence.")
  var sequence: Int64

  @Option(help: "Withdraws every release with a lower sequence.")
  var minimumSequence: Int64 = 0

  @Option(
    parsing: .unconditional, help: "How long the statement is valid, such as 7d (the default), or until when.",
    transform: Expiry.parse)
  var expires = Expiry.days(7)

  @Option(name: .shortAndLong, help: "The file to write; standard output by default, as -.", completion: .file())
  var output = DocumentOutput.standardOutput

  @OptionGroup var signing: SigningOptions

  func run() async throws {
    let console = TrustCommand.console
    let roots = try SigningRoots.read(root, beside: signing.keyFiles, console: console)
    let newest = roots.newest
    try output.checkIsFree()
    let now = SystemTime.now().wholeSeconds
    let statement = TimestampStatement(
      product: newest.product, issuedAt: now, expires: try expires.moment(from: now), rootVersion: newest.version,
      sequence: sequence, minimumSequence: minimumSequence)
    _ = try TrustFile.reading("the statement") { () throws(TrustError) in
      try TimestampStatement(payload: statement.payload)
    }
    var envelope = Envelope(payloadType: .timestamp, payload: statement.payload)
    _ = try await signing.sign(
      &envelope, as: .timestamp, under: roots.roots, unlessRevokedBy: roots.roots, console: console)
    // Agents with an older root wait for this one in any case, as the statement says.
    _ = try TrustFile.reading("the statement") { () throws(TrustError) in
      try newest.checkSignatures(of: envelope, as: .timestamp)
    }
    try output.write(envelope.text + "\n", console: console)
    if case .file(let path) = output { console.note("Wrote \(printable(path)), valid until \(statement.expires).") }
  }
}
