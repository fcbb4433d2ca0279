import Accounts
public import ArgumentParser
import DeploymentKinds
import ServerPrograms

/// `wrktalk-gcc`.
public struct ControlCenterCommand: AsyncParsableCommand {
  public static let configuration = CommandConfiguration(
    commandName: "wrktalk-gcc",
    abstract: "The vendor's server: releases, their artifacts, and their way to every customer.",
    discussion: """
      Environment: WRKTALK_DATABASE_URL or DATABASE_URL (postgresql://… or sqlite:PATH; default: gcc.db in the data folder), CI_TOKEN, \
      GCC_BUCKET_NAME with GCC_BUCKET_PROVIDER, GCC_BUCKET_REGION, GCC_BUCKET_ENDPOINT and AWS_ACCESS_KEY_ID, \
      AWS_SECRET_ACCESS_KEY and AWS_REGION, or AZURE_CONNECTION_STRING, or GCS_CREDENTIALS_FILE (default: a folder in \
      the data folder), GCC_SECRET_KEY_FILE, \
      GCC_TRUST_ROOT_FILE, GCC_LICENSE_KEY_FILE, GCC_WEBHOOK_ALLOWED_ADDRESSES, SMTP_HOST with SMTP_PORT, SMTP_SECURITY, SMTP_USER, \
      SMTP_PASSWORD_FILE and SMTP_FROM, GCC_ADMIN_EMAIL, GCC_EXTERNAL_URL, GCC_OIDC_ISSUER with GCC_OIDC_CLIENT_ID, GCC_OIDC_CLIENT_SECRET_FILE, \
      GCC_OIDC_ROLE_CLAIM and GCC_OIDC_ROLE_MAP, WRKTALK_TLS_CERT_FILE and WRKTALK_TLS_KEY_FILE, \
      WRKTALK_LOG_LEVEL (default info), WRKTALK_LOG_FORMAT (json or text).

      The README's table under "For vendors" says what each means, and what counts without it.
      """,
    version: ProgramVersion.current,
    subcommands: [
      ServeCommand.self, MigrateCommand<ControlCenterProgram>.self, AdminCommand<ControlCenterProgram>.self,
      TokenCommand<ControlCenterProgram>.self,
      KeyCommand.self, LicenseCommand.self,
    ])

  public init() {}
}
