import Accounts
import ArgumentParser
import Audit
import Database
import FoundationEssentials
import ResourceModel
import ServerPrograms
import Timing
import WireFormats

/// `wrktalk-gcc key`.
struct KeyCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "key", abstract: "The API keys of customers' Backends.",
    subcommands: [KeyCreateCommand.self, KeyListCommand.self, KeyRevokeCommand.self])
}

extension OrganizationKeys {
  fileprivate init(_ database: any Database) {
    self.init(database: database, makeID: { UUID().uuidString.lowercased() }, now: SystemTime.now)
  }
}

extension AuditNote {
  /// Of who runs a command on the server's machine.
  fileprivate init(_ action: String, _ organization: String, _ detail: JSONValue = [:]) {
    self.init(CommandActor.current.entry(action, organization, detail), in: AuditLedger(now: SystemTime.now))
  }
}

struct KeyCreateCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "create", abstract: "Make a key and print it, once: only its digest is kept.")

  @Argument(help: "The organization; it has two keys at most, so that one can take the other's place.")
  var organization: String

  @OptionGroup var data: DataOptions<ControlCenterProgram>

  func run() async throws {
    let organization = organization
    try await data.withDatabase(creates: false) { database in
      let keys = OrganizationKeys(database)
      let (key, record) = try await keys.create(
        for: organization, note: AuditNote("OrganizationKeyCreated", organization))
      guard StandardOutput.writes(line: key) else {
        // Nobody has it, and nobody would miss it.
        try await keys.revoke(
          record.id, of: organization,
          note: AuditNote("OrganizationKeyRevoked", organization, ["id": .string(record.id)]))
        throw ValidationError("the key could not be written to standard output, and was revoked; make it anew")
      }
      StandardError.write(line: "the key \(record.id) of \(organization)")
    }
  }
}

struct KeyListCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(commandName: "list", abstract: "Show which keys an organization has.")

  @Argument(help: "The organization.")
  var organization: String

  @OptionGroup var data: DataOptions<ControlCenterProgram>

  func run() async throws {
    let organization = organization
    let keys = try await data.withDatabase(creates: false) { try await OrganizationKeys($0).list(organization) }
    StandardOutput.write(line: "ID                                     CREATED                LAST USED")
    for key in keys {
      StandardOutput.write(
        line: "\(key.id)   \(key.createdAt.wholeSeconds)   \(key.lastUsedAt.map { "\($0.wholeSeconds)" } ?? "never")")
    }
  }
}

struct KeyRevokeCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "revoke", abstract: "Make a key worthless; running servers notice within seconds.")

  @Argument(help: "The organization.")
  var organization: String

  @Argument(help: "The key's id, as list shows it.")
  var id: String

  @OptionGroup var data: DataOptions<ControlCenterProgram>

  func run() async throws {
    let (organization, id) = (organization, id)
    try await data.withDatabase(creates: false) {
      try await OrganizationKeys($0).revoke(
        id, of: organization, note: AuditNote("OrganizationKeyRevoked", organization, ["id": .string(id)]))
    }
    StandardOutput.write(line: "revoked \(id)")
  }
}
