import Access
public import ArgumentParser
import Audit
import Cryptography
import Database
import FoundationEssentials
import ProgramConfiguration
import ResourceModel
import ServerPrograms
import Timing
import WireFormats

/// `admin` of a server program: the first account, and the way back in.
public struct AdminCommand<Program: AccountProgram>: AsyncParsableCommand {
  public static var configuration: CommandConfiguration {
    CommandConfiguration(
      commandName: "admin", abstract: "Who may sign in at \(Program.pageName).",
      subcommands: [
        AdminCreateCommand<Program>.self, AdminListCommand<Program>.self, AdminDisableCommand<Program>.self,
        AdminResetPasswordCommand<Program>.self,
      ])
  }

  public init() {}
}

/// `admin create`.
public struct AdminCreateCommand<Program: AccountProgram>: AsyncParsableCommand {
  public static var configuration: CommandConfiguration {
    CommandConfiguration(
      commandName: "create", abstract: "Make an account, and print its password, once: only its digest is kept.")
  }

  @Option(help: "The person's mail address, by which they sign in.", transform: AccountOptions.email)
  var email: String

  @Option(help: ArgumentHelp(AdminCreateCommand<Program>.roleHelp), transform: AdminCreateCommand<Program>.role)
  var role: Role

  @Option(help: "The person's name.")
  var name = ""

  @Flag(help: "Take the password from standard input, its first line, instead of making one.")
  var passwordStdin = false

  @Flag(help: "Make no password: the person signs in by the identity provider.")
  var oidc = false

  @OptionGroup var data: DataOptions<Program>

  public init() {}

  public func validate() throws {
    if passwordStdin, oidc { throw ValidationError("--password-stdin and --oidc exclude each other") }
  }

  public func run() async throws {
    let request = AccountRequest(email: email, name: name, role: role, hasPassword: !oidc)
    let password = passwordStdin ? try AccountOptions.passwordFromStandardInput() : nil
    let made = try await data.withDatabase { database in
      try await AccountOptions.carryOut {
        try await AccountOptions.ledger(database).create(request, password: password, by: CommandActor.current)
      }
    }
    try AccountOptions.show(made.password, of: made.account)
  }

  private static var roleHelp: String {
    let words = Program.accountRules.roles.map { role in
      Program.policy.definition(role).map { "\(role) (\($0.summary))" } ?? "\(role)"
    }
    return words.joined(separator: ", ") + "."
  }

  private static func role(_ text: String) throws -> Role {
    guard let role = Program.accountRules.role(text) else {
      throw ValidationError("must be one of \(Program.accountRules.roleNames)")
    }
    return role
  }
}

/// `admin list`.
public struct AdminListCommand<Program: AccountProgram>: AsyncParsableCommand {
  public static var configuration: CommandConfiguration {
    CommandConfiguration(commandName: "list", abstract: "Show who may sign in.")
  }

  @OptionGroup var data: DataOptions<Program>

  public init() {}

  public func run() async throws {
    let accounts = try await data.withDatabase(creates: false) { database in
      try await AccountOptions.ledger(database).list(limit: Int(AccountLedger.maximumCount), after: nil)
    }
    for line in AccountTable.lines(accounts) { StandardOutput.write(line: line) }
  }
}

/// `admin disable`.
public struct AdminDisableCommand<Program: AccountProgram>: AsyncParsableCommand {
  public static var configuration: CommandConfiguration {
    CommandConfiguration(
      commandName: "disable",
      abstract: "Let a person in no longer; a running server ends their sessions within seconds.")
  }

  @Argument(help: "The account's mail address.", transform: AccountOptions.email)
  var email: String

  @OptionGroup var data: DataOptions<Program>

  public init() {}

  public func run() async throws {
    var change = AccountChange()
    change.state = .disabled
    let (email, wanted) = (email, change)
    try await data.withDatabase(creates: false) { database in
      _ = try await AccountOptions.carryOut {
        try await AccountOptions.ledger(database).change(.email(email), wanted, by: CommandActor.current)
      }
    }
    StandardOutput.write(line: "disabled \(email)")
  }
}

/// `admin reset-password`.
public struct AdminResetPasswordCommand<Program: AccountProgram>: AsyncParsableCommand {
  public static var configuration: CommandConfiguration {
    CommandConfiguration(
      commandName: "reset-password",
      abstract: "Give an account a new password, print it once, and let a disabled account in again with --enable.")
  }

  @Argument(help: "The account's mail address.", transform: AccountOptions.email)
  var email: String

  @Flag(help: "Take the password from standard input, its first line, instead of making one.")
  var passwordStdin = false

  @Flag(help: "Let a disabled account in again.")
  var enable = false

  @OptionGroup var data: DataOptions<Program>

  public init() {}

  public func run() async throws {
    var change = AccountChange()
    change.resetsPassword = true
    if enable { change.state = .active }
    let (email, wanted) = (email, change)
    let password = passwordStdin ? try AccountOptions.passwordFromStandardInput() : nil
    let made = try await data.withDatabase(creates: false) { database in
      try await AccountOptions.carryOut {
        try await AccountOptions.ledger(database)
          .change(.email(email), wanted, password: password, by: CommandActor.current)
      }
    }
    try AccountOptions.show(made.password, of: made.account)
  }
}

/// Accounts as people read them.
enum AccountTable {
  static func lines(_ accounts: [AdminAccount]) -> [String] {
    let rows =
      [["EMAIL", "ROLE", "STATE", "SIGNS IN BY", "LAST SIGN-IN"]]
      + accounts.sorted { $0.email < $1.email }.map { account in
        let ways = [account.password == nil ? nil : "password", account.oidcSubject == nil ? nil : "oidc"]
        let words = ways.compactMap { $0 }.joined(separator: ",")
        return [
          account.email, account.role.rawValue, account.state.rawValue, words.isEmpty ? "-" : words,
          account.lastSignInAt.map { "\($0.wholeSeconds)" } ?? "never",
        ]
      }
    let widths = (0..<4).map { column in rows.map { $0[column].count }.max() ?? 0 }
    return rows.map { row in
      zip(row, widths).map { $0 + String(repeating: " ", count: $1 - $0.count + 3) }.joined() + row[4]
    }
  }
}

/// What the commands about accounts share.
enum AccountOptions {
  static func ledger(_ database: any Database) -> AccountLedger {
    let (now, makeID) = (SystemTime.now, { @Sendable in UUID().uuidString.lowercased() })
    return AccountLedger(
      database: database, sessions: SessionLedger(database: database, now: now, makeID: makeID),
      passwords: PasswordWork(), audit: AuditLedger(now: now), now: now, makeID: makeID)
  }

  static func email(_ text: String) throws -> String {
    do throws(StatusError) { return try AccountRequest.checkedEmail(text) } catch {
      throw ValidationError(error.message)
    }
  }

  /// A refusal is said as that of a command.
  static func carryOut<Value>(_ body: () async throws -> Value) async throws -> Value {
    do { return try await body() } catch let error as StatusError { throw ConfigurationError(error.message) }
  }

  static func passwordFromStandardInput() throws -> String {
    guard let line = readLine(strippingNewline: true), !line.isEmpty else {
      throw ConfigurationError("standard input holds no password")
    }
    return line
  }

  /// Alone on standard output, so that it can be kept without being seen.
  static func show(_ password: String?, of account: AdminAccount) throws {
    StandardError.write(line: "account \(account.email) (\(account.role.rawValue))")
    guard let password else { return }
    guard StandardOutput.writes(line: password) else {
      throw ConfigurationError(
        "the password could not be written to standard output: make another with admin reset-password")
    }
    StandardError.write(line: "This is the password. It cannot be shown again; the person changes it after signing in.")
  }
}
