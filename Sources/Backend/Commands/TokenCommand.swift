import ArgumentParser
import Cryptography
import Database
import Observability
import ResourceServer
import WireFormats

/// `wrktalk-backend token`.
struct TokenCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "token", abstract: "Who may use the API.",
    subcommands: [TokenCreateCommand.self, TokenListCommand.self, TokenRevokeCommand.self])
}

/// `wrktalk-backend token create`.
struct TokenCreateCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "create", abstract: "Make a token and print it, once: only its digest is kept.")

  @Option(
    help: "admin (everything), viewer (reads), agent (reads; reports status, Events, leases).",
    transform: TokenCreateCommand.role)
  var role: Role

  @Option(help: "Whose token it is; appears in logs and messages.")
  var name: String

  @Option(
    help: "How long it is valid, such as 720h; without it, until it is revoked.",
    transform: TokenCreateCommand.duration)
  var expires: DurationText?

  @OptionGroup var data: DataOptions

  func validate() throws {
    guard !name.isEmpty, name.utf8.count <= 100, name.unicodeScalars.allSatisfy({ $0.value > 0x20 && $0.value != 0x7F })
    else { throw ValidationError("--name must have 1 to 100 characters, without white space") }
    if let expires, expires.duration <= .zero { throw ValidationError("--expires must be longer than 0") }
  }

  func run() async throws {
    let token = TokenFormat.make()
    let now = SystemTime().now()
    let record = TokenRecord(
      name: name, role: role, digest: SHA256.digest(of: token).bytes, createdAt: now,
      expiresAt: expires.map { now + $0.duration })
    try await data.withDatabase { database in
      do {
        try await TokenStore(database: database).insert(record)
      } catch let error as DatabaseError where error.code == .uniqueViolation {
        throw ConfigurationError(
          message: "there is a token named \"\(record.name)\" already: choose another name, or revoke it first "
            + "(wrktalk-backend token revoke \(record.name))")
      }
    }
    if expires == nil {
      StandardError.write(
        line: "note: this token is valid until it is revoked; with --expires (such as 2160h) it ends by itself")
    }
    StandardOutput.write(line: token)
  }
}

/// `wrktalk-backend token list`.
struct TokenListCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(commandName: "list", abstract: "Show who has a token.")

  @OptionGroup var data: DataOptions

  func run() async throws {
    let tokens = try await data.withDatabase { try await TokenStore(database: $0).all() }
    for line in Self.lines(tokens, now: SystemTime().now()) { StandardOutput.write(line: line) }
  }

  static func lines(_ tokens: [TokenRecord], now: Timestamp) -> [String] {
    let header = [["NAME", "ROLE", "CREATED", "LAST USED", "EXPIRES"]]
    let rows =
      header
      + tokens.map { token in
        let expiry = token.expiresAt.map { "\($0.wholeSeconds)\(token.isValid(at: now) ? "" : " (expired)")" }
        return [
          token.name, token.role.rawValue, "\(token.createdAt.wholeSeconds)",
          token.lastUsedAt.map { "\($0.wholeSeconds)" } ?? "never", expiry ?? "never",
        ]
      }
    let widths = (0..<4).map { column in rows.map { $0[column].count }.max() ?? 0 }
    return rows.map { row in
      zip(row, widths).map { $0 + String(repeating: " ", count: $1 - $0.count + 3) }.joined() + row[4]
    }
  }
}

/// `wrktalk-backend token revoke`.
struct TokenRevokeCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "revoke", abstract: "Make a token worthless; a running server notices within seconds.")

  @Argument(help: "The name it was created with.")
  var name: String

  @OptionGroup var data: DataOptions

  func run() async throws {
    let name = name
    guard try await data.withDatabase({ try await TokenStore(database: $0).remove(name: name) }) else {
      throw ConfigurationError(message: "there is no token named \"\(name)\"")
    }
    StandardOutput.write(line: "revoked \(name)")
  }
}

extension TokenCreateCommand {
  private static func role(_ text: String) throws -> Role {
    guard let role = Role(rawValue: text) else {
      throw ValidationError("must be one of \(Role.allCases.map(\.rawValue).joined(separator: ", "))")
    }
    return role
  }

  private static func duration(_ text: String) throws -> DurationText {
    guard let duration = DurationText(text) else { throw ValidationError("must be a span of time such as 30m or 720h") }
    return duration
  }
}
