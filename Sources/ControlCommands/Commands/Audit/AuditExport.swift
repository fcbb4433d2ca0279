import ArgumentParser
import AuditChain
import Files
import WireFormats

struct AuditExport: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "export", abstract: "Write the audit as JSON lines, one entry a line, the oldest first.",
    discussion: "A whole export can be checked without the server: wrktalkctl audit verify --file FILE.")

  @Option(name: .shortAndLong, help: "A file that is not there yet; - for standard output.")
  var output = DocumentOutput.standardOutput

  @Option(help: "Only what this account or token did; such an export is not whole.")
  var actor: String?

  @Option(help: "Only this action, such as SignedIn.")
  var action: String?

  @Option(help: "Only from this time on, such as 2026-12-15T02:00:00Z.")
  var from: String?

  @Option(help: "Only before this time.")
  var to: String?

  @OptionGroup var connection: ConnectionOptions

  func run() async throws {
    try output.checkIsFree()
    let session = try connection.session()
    var pages = AuditPages(session, filter: [("actor", actor), ("action", action), ("from", from), ("to", to)])
    switch output {
    case .standardOutput:
      while let page = try await pages.next() { try session.console.write(Self.lines(page.records)) }
    case .file(let path):
      do {
        // Its owner's alone: it says from where people work, and when.
        let file = try ReplacementFile(path: path)
        while let page = try await pages.next() { try file.write(Array(Self.lines(page.records).utf8)) }
        try file.commitNew()
      } catch let error as FileFault {
        throw CommandFailure("\(printable(path)) cannot be written: \(error.text)")
      }
    }
  }

  static func lines(_ records: [AuditRecord]) -> String {
    records.map { $0.json.text + "\n" }.joined()
  }
}
