import ArgumentParser

struct AuditCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "audit", abstract: "Who did what at a customer's server, and whether nothing of it was changed.",
    subcommands: [AuditVerify.self, AuditExport.self])
}
