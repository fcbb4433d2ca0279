import ArgumentParser

struct DeploymentCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "deployment",
    abstract: "See which releases there are for this environment, and decide when they are deployed.",
    discussion: """
      For a Backend that a vendor's server offers releases to:
        wrktalkctl deployment list
        wrktalkctl deployment schedule 2.3.0 --at 2026-12-15T02:00:00Z
        wrktalkctl deployment rollback --to-version 2.2.0
      """,
    subcommands: [
      DeploymentList.self, DeploymentSchedule.self, DeploymentCancel.self, DeploymentDecline.self,
      DeploymentRollback.self,
    ])
}
