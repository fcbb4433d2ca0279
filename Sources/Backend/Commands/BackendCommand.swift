import Accounts
public import ArgumentParser
import DeploymentKinds
import ServerPrograms

/// `wrktalk-backend`.
public struct BackendCommand: AsyncParsableCommand {
  public static let configuration = CommandConfiguration(
    commandName: "wrktalk-backend",
    abstract: "The customer's server: desired deployments behind a Kubernetes-style API.",
    discussion: """
      Environment: WRKTALK_DATABASE_URL or DATABASE_URL (postgresql://… or sqlite:PATH; default: wrktalk.db in the data \
      folder), \
      WRKTALK_LICENSE or WRKTALK_LICENSE_FILE, WRKTALK_VENDOR_PUBLIC_KEY or WRKTALK_VENDOR_PUBLIC_KEY_FILE, \
      WRKTALK_TLS_CERT_FILE and WRKTALK_TLS_KEY_FILE, WRKTALK_LOG_LEVEL (default info), WRKTALK_LOG_FORMAT (json or text).

      Those of the vendor's server, the bucket, trust, mail, the identity provider and what is deployed are in the README, under "For \
      customers: from an offer to a deployment", "Buckets" and "People who sign in".
      """,
    version: ProgramVersion.current,
    subcommands: [
      ServeCommand.self, MigrateCommand<BackendProgram>.self, AdminCommand<BackendProgram>.self,
      TokenCommand<BackendProgram>.self,
    ])

  public init() {}
}
