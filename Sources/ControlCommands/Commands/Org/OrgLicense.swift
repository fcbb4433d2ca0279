import ArgumentParser
import ResourceClient
import ResourceModel
import Timing
import WireFormats

struct OrgLicenseCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "license", abstract: "Issue, list and revoke a customer's licences.",
    discussion: """
      To issue one the server needs the private key (GCC_LICENSE_KEY_FILE). Where that lies elsewhere, wrktalk-gcc license issue \
      signs there. What is issued reaches the customer with the answer to its next heartbeat.
      """,
    subcommands: [OrgLicenseIssue.self, OrgLicenseList.self, OrgLicenseRevoke.self])
}

struct OrgLicenseIssue: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "issue", abstract: "Have a licence signed, and print its token.")

  @Argument(help: "The organization.")
  var name: String

  @Option(
    parsing: .unconditional,
    help: "How long it is valid, such as 365d, until when, such as 2027-12-31T23:59:59Z, or never.")
  var expires: String

  @Option(help: "From when on it is valid, such as 2027-01-01T00:00:00Z; at once by default.")
  var notBefore: String?

  @Option(help: "The installation that it is for; by default it is for each of the organization's.")
  var installation: String?

  @Option(help: "The edition, for people.")
  var edition: String?

  @Option(parsing: .singleValue, help: "NAME=VALUE: a limit, for people; may be given several times.")
  var limit: [Assignment] = []

  @Option(name: .shortAndLong, help: "The form: text (the token alone), yaml, json.")
  var output = DocumentFormat.text

  @OptionGroup var connection: ConnectionOptions

  func run() async throws {
    let name = try OrganizationName.read(name)
    let body = try body(now: SystemTime.now())
    let session = try connection.session()
    let client = session.client
    let answer = try await session.request { () async throws(ResourceClientError) in
      try await client.post(path: InternalPath.licenses(name), body: body)
    }
    guard let token = answer["token"]?.string else { throw CommandFailure("\(session.server) answered no licence") }
    switch output {
    case .text:
      try session.console.write(printable(token) + "\n")
      session.console.note("Licence \(printable(answer["id"]?.string ?? "")) of \(printable(name)).")
    case .yaml, .json: try session.console.write(answer, as: output)
    }
  }

  func body(now: Timestamp) throws -> JSONValue {
    var body: JSONValue = [:]
    if expires == "never" {
      body["expiresAt"] = .null
    } else {
      let start = notBefore.flatMap { Timestamp($0) } ?? now
      body["expiresAt"] = .string(try Expiry.parse(expires).moment(from: start).description)
    }
    body["notBefore"] = notBefore.map { .string($0) }
    body["installation"] = installation.map { .string($0) }
    body["edition"] = edition.map { .string($0) }
    for limit in limit {
      var limits = body["limits"] ?? [:]
      limits[limit.name] = Int64(limit.value).map { .integer($0) } ?? .string(limit.value)
      body["limits"] = limits
    }
    return body
  }
}

struct OrgLicenseList: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list", abstract: "List a customer's licences, the newest first, without their tokens.")

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
      try await client.get(path: InternalPath.licenses(name))
    }
    guard output == .text else { return try session.console.write(answer, as: output) }
    let licenses = answer["licenses"]?.array ?? []
    guard !licenses.isEmpty else {
      session.console.note(
        "\(printable(name)) has no licence. wrktalkctl org license issue \(printable(name)) makes one.")
      return
    }
    try session.console.write(Self.table(licenses))
  }

  static func table(_ licenses: [JSONValue]) -> String {
    TextTable.render(
      header: ["ID", "ISSUED", "EXPIRES", "INSTALLATION", "EDITION", "REVOKED"],
      rows: licenses.map { license in
        func text(_ name: String, _ absent: String) -> String { license[name]?.string ?? absent }
        return [
          text("id", ""), text("issuedAt", ""), text("expiresAt", "never"), text("installation", "any"),
          text("edition", ""), text("revokedAt", ""),
        ]
      })
  }
}

struct OrgLicenseRevoke: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "revoke", abstract: "Send a licence to nobody any more, and offer nothing by it.",
    discussion:
      "A customer that has the token can go on using it until it expires: it is checked without asking anybody.")

  @Argument(help: "The organization.")
  var name: String

  @Argument(help: "The licence's ID, as org license list shows it.")
  var id: String

  @OptionGroup var connection: ConnectionOptions

  func run() async throws {
    let name = try OrganizationName.read(name)
    let session = try connection.session()
    let (client, id) = (session.client, id)
    try await session.request { () async throws(ResourceClientError) in
      _ = try await client.delete(path: InternalPath.license(id, of: name))
    }
    try session.console.write("licence \(printable(id)) of \(printable(name)) revoked\n")
  }
}
