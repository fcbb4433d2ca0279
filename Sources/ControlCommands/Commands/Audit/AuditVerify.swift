import ArgumentParser
import AuditChain

struct AuditVerify: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify", abstract: "Check that no entry of the audit was changed, removed, inserted or moved.",
    discussion: """
      Every entry holds the digest of the one before. Whoever can write the server's database could write all entries anew, or remove \
      the last ones: keep the digest that this command prints somewhere else, and give it with --head the next time.

      Exit codes: 0 the audit is whole, 1 it is not (the message says where), or it could not be read.
      """)

  @Option(
    help: "A whole export (JSON lines) to check instead of the server's audit; - for standard input.",
    completion: .file())
  var file: String?

  @Option(help: "The digest that an earlier verification printed.")
  var head: String?

  @OptionGroup var connection: ConnectionOptions

  func validate() throws {
    if let head, head.utf8.count != 64 || !head.allSatisfy(\.isHexDigit) {
      throw ValidationError("--head must be a digest: 64 hexadecimal digits, as audit verify prints it")
    }
  }

  func run() async throws {
    var verification = AuditVerification(remembered: head)
    let source: String
    if let file {
      source = file == "-" ? "standard input" : file
      try AuditLines.read(file) { records throws(CommandFailure) in
        try Self.carryOut(source) { () throws(AuditFault) in try verification.check(records) }
      }
      guard verification.sequence > 0 else {
        throw CommandFailure(
          "\(printable(source)) holds no entry of an audit: nothing was verified",
          hint:
            "An audit has at least the entry of its server's first token: was the export cut off, or is this another file?"
        )
      }
      try Self.carryOut(source) { () throws(AuditFault) in try verification.finish() }
      try Console.standard(environment: [:]).write(Self.text(verification, source))
    } else {
      let session = try connection.session()
      source = session.server
      var pages = AuditPages(session)
      var end: (sequence: Int64, digest: String)?
      while let page = try await pages.next() {
        try Self.carryOut(source) { () throws(AuditFault) in try verification.check(page.records) }
        end = page.head
      }
      try Self.carryOut(source) { () throws(AuditFault) in try verification.finish(head: end) }
      try session.console.write(Self.text(verification, source))
    }
  }

  private static func carryOut(
    _ source: String, _ body: () throws(AuditFault) -> Void
  ) throws(CommandFailure) {
    do throws(AuditFault) { try body() } catch {
      throw CommandFailure(
        "the audit of \(printable(source)) is not whole: \(printable(error.description))",
        hint: "Compare it with an export that you kept, and look into who can write the server's database.")
    }
  }

  static func text(_ verification: AuditVerification, _ source: String) -> String {
    let count = verification.sequence
    return """
      The audit of \(printable(source)) is whole: \(count) \(count == 1 ? "entry" : "entries").
      Head: \(verification.digest)

      """
  }
}
