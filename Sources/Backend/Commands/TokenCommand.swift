import ArgumentParser
import Cryptography
import Database
import Observability
import ResourceModel
import ResourceServer
import Timing
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
    help: "admin (everything), viewer (reads), agent (one namespace: reads records; reports status, Events, a Lease).",
    transform: TokenCreateCommand.role)
  var role: Role

  @Option(help: "Whose token it is; appears in logs and messages.")
  var name: String

  @Option(help: "The namespace whose records an Agent's token is for: the Agent's WRKTALK_AGENT_KUBE_NAMESPACE.")
  var namespace: String?

  @Option(help: "The Lease that an Agent's token may hold; \(AgentBinding.standardLease) where it is not given.")
  var lease: String?

  @Option(
    parsing: .unconditional, help: "How long it is valid, such as 90d or 720h; without it, until it is revoked.",
    transform: TokenCreateCommand.lifetime)
  var expires: Duration?

  @OptionGroup var data: DataOptions

  func validate() throws {
    guard !name.isEmpty, name.utf8.count <= 100, name.unicodeScalars.allSatisfy({ $0.value > 0x20 && $0.value != 0x7F })
    else { throw ValidationError("--name must have 1 to 100 characters, without white space") }
    if role == .agent {
      guard let namespace else {
        throw ValidationError("an Agent's token is bound to the namespace of its records: add --namespace NAMESPACE")
      }
      try Self.check(namespace, NameRules.labelProblems, "--namespace")
      try Self.check(lease ?? AgentBinding.standardLease, NameRules.subdomainProblems, "--lease")
    } else if namespace != nil || lease != nil {
      throw ValidationError("--namespace and --lease are for --role agent")
    }
  }

  func run() async throws {
    let token = TokenFormat.make()
    let now = SystemTime.now()
    let record = TokenRecord(
      name: name, role: role, digest: SHA256.digest(of: token).bytes, createdAt: now,
      expiresAt: expires.map { now + $0 },
      binding: namespace.map { AgentBinding(namespace: $0, lease: lease ?? AgentBinding.standardLease) })
    let isForEver = expires == nil
    try await data.withDatabase { database in
      let tokens = TokenStore(database: database)
      do {
        try await tokens.insert(record)
      } catch let error as DatabaseError where error.code == .uniqueViolation {
        throw ConfigurationError(
          message: "there is a token named \"\(record.name)\" already: choose another name, or revoke it first "
            + "(wrktalk-backend token revoke \(record.name))")
      }
      if isForEver {
        StandardError.write(
          line: "note: this token is valid until it is revoked; with --expires (such as 90d) it ends by itself")
      }
      guard StandardOutput.writes(line: token) else {
        // Nobody has it, and nobody would miss it.
        _ = try await tokens.remove(name: record.name)
        throw ConfigurationError(
          message:
            "the token could not be written to standard output, and was revoked: see to its disk or pipe, and make it "
            + "anew")
      }
    }
  }
}

/// `wrktalk-backend token list`.
struct TokenListCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(commandName: "list", abstract: "Show who has a token.")

  @OptionGroup var data: DataOptions

  func run() async throws {
    let tokens = try await data.withDatabase(creates: false) { try await TokenStore(database: $0).all() }
    for line in Self.lines(tokens, now: SystemTime.now()) { StandardOutput.write(line: line) }
    if let warning = Self.warning(tokens) { StandardError.write(line: warning) }
  }

  /// What an administrator should do about tokens of earlier versions.
  static func warning(_ tokens: [TokenRecord]) -> String? {
    let names = tokens.filter(\.isUnbound).map(\.name)
    if names.isEmpty { return nil }
    return
      "warning: with \(names.joined(separator: ", ")) an Agent may read everything, and report and hold Leases in every "
      + "namespace. Make a token that is bound to one (wrktalk-backend token create --role agent --namespace NAMESPACE), give "
      + "it to the Agent and revoke the old one"
  }

  static func lines(_ tokens: [TokenRecord], now: Timestamp) -> [String] {
    let header = [["NAME", "ROLE", "NAMESPACE", "CREATED", "LAST USED", "EXPIRES"]]
    let rows =
      header
      + tokens.map { token in
        let expiry = token.expiresAt.map { "\($0.wholeSeconds)\(token.isValid(at: now) ? "" : " (expired)")" }
        return [
          token.name, token.role.rawValue, token.binding?.namespace ?? "all", "\(token.createdAt.wholeSeconds)",
          token.lastUsedAt.map { "\($0.wholeSeconds)" } ?? "never", expiry ?? "never",
        ]
      }
    let widths = (0..<5).map { column in rows.map { $0[column].count }.max() ?? 0 }
    return rows.map { row in
      zip(row, widths).map { $0 + String(repeating: " ", count: $1 - $0.count + 3) }.joined() + row[5]
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
    let wasThere = try await data.withDatabase(creates: false) { database in
      try await TokenStore(database: database).remove(name: name)
    }
    guard wasThere else {
      throw ConfigurationError(message: "there is no token named \"\(name)\"")
    }
    StandardOutput.write(line: "revoked \(name)")
  }
}

extension TokenCreateCommand {
  private static func check(_ name: String, _ problems: (String) -> [String], _ option: String) throws {
    guard let problem = problems(name).first else { return }
    throw ValidationError("\(option) \"\(name)\": \(problem)")
  }

  private static func role(_ text: String) throws -> Role {
    guard let role = Role(rawValue: text) else {
      throw ValidationError("must be one of \(Role.allCases.map(\.rawValue).joined(separator: ", "))")
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
