import Access
public import ArgumentParser
import Cryptography
import Database
import HTTPService
import Observability
import ProgramConfiguration
import Timing
import WireFormats

/// `token` of a server program.
public struct TokenCommand<Program: ServerProgram>: AsyncParsableCommand {
  public static var configuration: CommandConfiguration {
    CommandConfiguration(
      commandName: "token", abstract: "Who may use the API.",
      subcommands: [
        TokenCreateCommand<Program>.self, TokenListCommand<Program>.self, TokenRevokeCommand<Program>.self,
      ])
  }

  public init() {}
}

/// `token create`.
public struct TokenCreateCommand<Program: ServerProgram>: AsyncParsableCommand {
  public static var configuration: CommandConfiguration {
    CommandConfiguration(
      commandName: "create", abstract: "Make a token and print it, once: only its digest is kept.")
  }

  @Option(help: ArgumentHelp(TokenCreateCommand<Program>.roleHelp), transform: TokenCreateCommand<Program>.role)
  var role: Role

  @Option(help: "Whose token it is; appears in logs and messages.")
  var name: String

  @OptionGroup var scope: Program.Scope

  @Option(
    parsing: .unconditional, help: "How long it is valid, such as 90d or 720h; without it, until it is revoked.",
    transform: TokenCreateCommand<Program>.lifetime)
  var expires: Duration?

  @OptionGroup var data: DataOptions<Program>

  public init() {}

  public func validate() throws {
    guard !name.isEmpty, name.utf8.count <= 100, name.unicodeScalars.allSatisfy({ $0.value > 0x20 && $0.value != 0x7F })
    else { throw ValidationError("--name must have 1 to 100 characters, without white space") }
    try scope.validate(for: role)
  }

  public func run() async throws {
    let token = TokenFormat.make()
    let now = SystemTime.now()
    let record = TokenRecord(
      name: name, roles: [role], digest: SHA256.digest(of: token).bytes, createdAt: now,
      expiresAt: expires.map { now + $0 }, tenant: scope.tenant, bindings: scope.bindings)
    let isForEver = expires == nil
    try await data.withDatabase { database in
      let tokens = TokenStore(database: database)
      do {
        try await tokens.insert(record) { try Program.audit(.created(record), in: $0) }
      } catch let error as DatabaseError where error.code == .uniqueViolation {
        throw ConfigurationError(
          "there is a token named \"\(record.name)\" already: choose another name, or revoke it first "
            + "(\(Program.commandName) token revoke \(record.name))")
      }
      if isForEver {
        StandardError.write(
          line: "note: this token is valid until it is revoked; with --expires (such as 90d) it ends by itself")
      }
      guard StandardOutput.writes(line: token) else {
        // Nobody has it, and nobody would miss it.
        _ = try await tokens.remove(name: record.name) { try Program.audit(.revoked(name: record.name), in: $0) }
        throw ConfigurationError(
          "the token could not be written to standard output, and was revoked: see to its disk or pipe, and make it "
            + "anew")
      }
    }
  }

  private static var roleHelp: String {
    Program.tokenRoles.map { "\($0.role) (\($0.summary))" }.joined(separator: ", ") + "."
  }

  private static func role(_ text: String) throws -> Role {
    guard let role = Program.policy.definition(Role(rawValue: text))?.role else {
      throw ValidationError("must be one of \(Program.tokenRoles.map(\.role.rawValue).joined(separator: ", "))")
    }
    return role
  }

  private static func lifetime(_ text: String) throws -> Duration {
    guard let lifetime = Duration(lifetime: text) else {
      throw ValidationError("must be a span of time: \(Duration.lifetimeForms)")
    }
    return lifetime
  }
}

/// `token list`.
public struct TokenListCommand<Program: ServerProgram>: AsyncParsableCommand {
  public static var configuration: CommandConfiguration {
    CommandConfiguration(
      commandName: "list", abstract: "Show who has a token.",
      discussion: "LAST USED is noted once an hour, so that a token may have been used up to an hour later.")
  }

  @OptionGroup var data: DataOptions<Program>

  public init() {}

  public func run() async throws {
    let tokens = try await data.withDatabase(creates: false) { try await TokenStore(database: $0).all() }
    for line in TokenTable.lines(tokens, tenantTitle: Program.Scope.tenantTitle, now: SystemTime.now()) {
      StandardOutput.write(line: line)
    }
    if let warning = Program.Scope.warning(tokens) { StandardError.write(line: warning) }
  }
}

/// `token revoke`.
public struct TokenRevokeCommand<Program: ServerProgram>: AsyncParsableCommand {
  public static var configuration: CommandConfiguration {
    CommandConfiguration(
      commandName: "revoke", abstract: "Make a token worthless; a running server notices within seconds.")
  }

  @Argument(help: "The name it was created with.")
  var name: String

  @OptionGroup var data: DataOptions<Program>

  public init() {}

  public func run() async throws {
    let name = name
    let wasThere = try await data.withDatabase(creates: false) { database in
      try await TokenStore(database: database).remove(name: name) {
        try Program.audit(.revoked(name: name), in: $0)
      }
    }
    guard wasThere else {
      throw ConfigurationError("there is no token named \"\(name)\"")
    }
    StandardOutput.write(line: "revoked \(name)")
  }
}

/// Tokens as people read them.
enum TokenTable {
  static func lines(_ tokens: [TokenRecord], tenantTitle: String, now: Timestamp) -> [String] {
    let header = [["NAME", "ROLE", tenantTitle, "CREATED", "LAST USED", "EXPIRES"]]
    let rows =
      header
      + tokens.map { token in
        let expiry = token.expiresAt.map { "\($0.wholeSeconds)\(token.isValid(at: now) ? "" : " (expired)")" }
        return [
          token.name, token.identity.roleText, token.tenant ?? "all", "\(token.createdAt.wholeSeconds)",
          token.lastUsedAt.map { "\($0.wholeSeconds)" } ?? "never", expiry ?? "never",
        ]
      }
    let widths = (0..<5).map { column in rows.map { $0[column].count }.max() ?? 0 }
    return rows.map { row in
      zip(row, widths).map { $0 + String(repeating: " ", count: $1 - $0.count + 3) }.joined() + row[5]
    }
  }
}
