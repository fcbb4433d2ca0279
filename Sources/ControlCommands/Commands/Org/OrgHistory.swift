import ArgumentParser
import ResourceClient
import ResourceModel
import Timing
import WireFormats

struct OrgHistory: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "history", abstract: "Print which versions a customer has deployed, newest first, and how it went.")

  @Argument(help: "The organization.")
  var name: String

  @Option(name: .shortAndLong, help: "The form: text, yaml, json.")
  var output = DocumentFormat.text

  @OptionGroup var connection: ConnectionOptions

  func run() async throws {
    let name = try OrganizationName.read(name)
    let session = try connection.session()
    let client = session.client
    let answer = try await session.request { () async throws(ResourceClientError) in
      try await client.get(path: InternalPath.history(name))
    }
    guard output == .text else { return try session.console.write(answer, as: output) }
    let entries = answer["history"]?.array ?? []
    guard !entries.isEmpty else {
      session.console.note("\(printable(name)) has reported no deployment yet.")
      return
    }
    try session.console.write(Self.table(entries, now: SystemTime.now()))
  }

  static func table(_ entries: [JSONValue], now: Timestamp) -> String {
    TextTable.render(
      header: ["VERSION", "DEPLOYED", "STATUS", "REVISION"],
      rows: entries.map { entry in
        let deployed = entry["deployedAt"]?.string.flatMap { Timestamp($0) }
        return [
          entry["version"]?.string ?? "", deployed.map { HumanDuration.text(now - $0) + " ago" } ?? "-",
          entry["status"]?.string ?? "", entry["helmRevision"]?.integer.map(String.init) ?? "-",
        ]
      })
  }
}
