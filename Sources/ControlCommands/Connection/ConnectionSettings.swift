import HTTPTransport
import ResourceClient

/// Which server a command talks to, as whom, about which namespace: flags win over the environment, that over the
/// context.
struct ConnectionSettings: Hashable {
  static let defaultServer = "http://127.0.0.1:3000"
  static let defaultNamespace = "wrktalk"

  var server: String
  var namespace: String
  var token: TokenSource
  var certificateAuthority: String?
  /// See `APIEndpoint`.
  var allowsInsecureHTTP = false

  /// What the command line says; nil where it says nothing.
  struct Flags: Hashable {
    var context: String?
    var server: String?
    var namespace: String?
    var tokenFile: String?
    var certificateAuthority: String?
    var insecureHTTP = false
  }

  static func resolve(
    flags: Flags, environment: [String: String], configuration: ClientConfiguration
  ) throws(CommandFailure) -> ConnectionSettings {
    var context: ClientConfiguration.Context?
    if let name = flags.context ?? configuration.currentContext { context = try configuration.context(name) }
    func variable(_ name: String) -> String? {
      guard let value = environment[name], !value.isEmpty else { return nil }
      return value
    }
    let server = flags.server ?? variable("WRKTALK_SERVER") ?? context?.server ?? defaultServer
    let token: TokenSource =
      if let path = flags.tokenFile {
        .file(path: path)
      } else if let token = variable("WRKTALK_TOKEN") {
        .fixed(token)
      } else if let path = context?.tokenFile {
        .file(path: path)
      } else if let token = context?.token {
        .fixed(token)
      } else {
        .none
      }
    return ConnectionSettings(
      server: try checked(server), namespace: flags.namespace ?? context?.namespace ?? defaultNamespace, token: token,
      certificateAuthority: flags.certificateAuthority ?? context?.certificateAuthority,
      allowsInsecureHTTP: flags.insecureHTTP || isTrue(variable("WRKTALK_INSECURE_HTTP"))
        || (context?.insecureHTTP == true && context?.server == server))
  }

  private static func isTrue(_ value: String?) -> Bool { ["1", "true", "yes"].contains(value?.lowercased()) }

  /// Takes `host:port` for `http://host:port`.
  /// - Throws: `CommandFailure` for what is no address of a server, and for one that holds a password.
  static func checked(_ server: String) throws(CommandFailure) -> String {
    let url = server.contains("://") ? server : "http://\(server)"
    let parts = url.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count >= 3, parts[0] == "http:" || parts[0] == "https:", parts[1].isEmpty, !parts[2].isEmpty,
      !url.contains("?"), !url.contains("#"), url.utf8.allSatisfy({ (0x21...0x7E).contains($0) })
    else {
      throw CommandFailure(
        "\"\(printable(server))\" is no address of a server", hint: "Write it as http://host:port or https://host.",
        exitCode: CommandFailure.usageExitCode)
    }
    if parts[2].contains("@") {
      throw CommandFailure(
        "the server's address must not hold a password", hint: "Use --token-file or WRKTALK_TOKEN.",
        exitCode: CommandFailure.usageExitCode)
    }
    return url
  }
}
