import ArgumentParser
import ResourceClient
import ResourceModel
import Timing
import WireFormats

struct OrgKeyCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "key", abstract: "Make, list and revoke the keys with which a customer's Backend calls the server.",
    discussion: """
      Two keys are valid at a time, so that one can be replaced without a gap: create the new one, give it to the customer, \
      then revoke the old one.
      """,
    subcommands: [OrgKeyCreate.self, OrgKeyList.self, OrgKeyRevoke.self])
}

/// What commands about keys need.
struct OrgKeyOptions: ParsableArguments {
  @Argument(help: "The organization.")
  var name: String

  @OptionGroup var connection: ConnectionOptions

  /// Asks the server about the organization's keys.
  func ask<Answer>(
    _ request: (ResourceClient, _ name: String) async throws(ResourceClientError) -> Answer
  ) async throws -> (answer: Answer, name: String, session: Session) {
    let name = try OrganizationName.read(name)
    let session = try connection.session()
    let client = session.client
    let answer = try await session.request { () async throws(ResourceClientError) in try await request(client, name) }
    return (answer, name, session)
  }
}

struct OrgKeyCreate: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "create", abstract: "Make a key, and print it: it is shown this once, and only its digest is kept.")

  @OptionGroup var options: OrgKeyOptions

  @Option(name: .shortAndLong, help: "The form: text (the key alone), yaml, json.")
  var output = DocumentFormat.text

  func run() async throws {
    let (answer, name, session) = try await options.ask { client, name async throws(ResourceClientError) in
      try await client.post(path: InternalPath.keys(name), body: .object([:]))
    }
    guard let key = answer["key"]?.string else { throw CommandFailure("\(session.server) answered no key") }
    switch output {
    case .text:
      try session.console.write(printable(key) + "\n")
      session.console.note(
        "Key \(printable(answer["id"]?.string ?? "")) of \(printable(name)). It cannot be shown again: keep it as a secret."
      )
    case .yaml, .json: try session.console.write(answer, as: output)
    }
  }
}

struct OrgKeyList: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list", abstract: "List a customer's valid keys, without the keys themselves.")

  @OptionGroup var options: OrgKeyOptions

  @Option(name: .shortAndLong, help: "The form: text, yaml, json.")
  var output = DocumentFormat.text

  func run() async throws {
    let (answer, name, session) = try await options.ask { client, name async throws(ResourceClientError) in
      try await client.get(path: InternalPath.keys(name))
    }
    guard output == .text else { return try session.console.write(answer, as: output) }
    let keys = answer["keys"]?.array ?? []
    guard !keys.isEmpty else {
      session.console.note("\(printable(name)) has no key. wrktalkctl org key create \(printable(name)) makes one.")
      return
    }
    try session.console.write(Self.table(keys, now: SystemTime.now()))
  }

  static func table(_ keys: [JSONValue], now: Timestamp) -> String {
    func ago(_ value: JSONValue?) -> String {
      value?.string.flatMap { Timestamp($0) }.map { HumanDuration.text(now - $0) + " ago" } ?? "never"
    }
    return TextTable.render(
      header: ["ID", "CREATED", "LAST USED"],
      rows: keys.map { [$0["id"]?.string ?? "", ago($0["createdAt"]), ago($0["lastUsedAt"])] })
  }
}

struct OrgKeyRevoke: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "revoke", abstract: "Make a key invalid; within a minute no server accepts it any more.")

  @OptionGroup var options: OrgKeyOptions

  @Argument(help: "The key's ID, as org key list shows it.")
  var id: String

  func run() async throws {
    let id = id
    let (_, name, session) = try await options.ask { client, name async throws(ResourceClientError) in
      try await client.delete(path: InternalPath.key(id, of: name))
    }
    try session.console.write("key \(printable(id)) of \(printable(name)) revoked\n")
  }
}
