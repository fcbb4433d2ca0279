import ArgumentParser
import FleetKinds
import ResourceModel

struct OrgCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "org", abstract: "Make customers known, and give them their keys.",
    discussion: """
      Changing, listing and deleting them is done as with every object: wrktalkctl get organizations, wrktalkctl apply -f, \
      wrktalkctl delete organization NAME.

      A new customer:
        wrktalkctl org create acme --webhook https://acme.example.com/api/deployment/webhook --label tier=gold
        wrktalkctl org key create acme > acme.key
        wrktalkctl org webhook-secret acme > acme.secret
      """,
    subcommands: [OrgCreate.self, OrgKeyCommand.self, OrgLicenseCommand.self, OrgWebhookSecret.self, OrgHistory.self])
}

/// Organizations as a command line names them.
enum OrganizationName {
  /// `acme`, `organization/acme`, `org/acme`.
  static func read(_ word: String) throws(CommandFailure) -> String {
    var name = word
    if word.contains("/") {
      let arguments = try ResourceArguments([word])
      guard arguments.resource.kind == OrganizationKind.names.kind, let first = arguments.names.first else {
        throw CommandFailure("\"\(printable(word))\" is not an organization", exitCode: CommandFailure.usageExitCode)
      }
      name = first
    }
    guard !name.isEmpty else { throw CommandFailure("name an organization", exitCode: CommandFailure.usageExitCode) }
    return name
  }
}
