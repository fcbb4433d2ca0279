public import Access
import FoundationEssentials
import HTTPService
public import ProgramConfiguration

/// The identity provider by which people may sign in, `WRKTALK_OIDC_…` or `GCC_OIDC_…`.
public struct OIDCConfiguration: Sendable, Hashable {
  /// Where the identity provider sends people back to: a page, which hands `code` and `state` on.
  static let returnPath = "/sign-in/oidc"

  /// As the provider's tokens name it.
  var issuer: String
  var clientID: String
  /// Nil for a client that has none (PKCE alone).
  var clientSecret: String?
  /// Which claim says what somebody is, such as `groups`; a text or a list of them.
  var roleClaim: String
  /// Which role its values give; empty: only whom an admin has made an account for signs in, with its role.
  var roleMap: [String: Role]
  /// Which there are, from the most to the least.
  var roles: [Role]
  var scopes: String
  /// How people's browsers address this server.
  var externalURL: String

  var returnURL: String { externalURL + Self.returnPath }

  /// Without the prefix: what is read from the variables that begin with it.
  public static let names: Set<String> = [
    "OIDC_ISSUER", "OIDC_CLIENT_ID", "OIDC_CLIENT_SECRET_FILE", "OIDC_ROLE_CLAIM", "OIDC_ROLE_MAP", "OIDC_SCOPES",
    "EXTERNAL_URL",
  ]

  /// Nil without `…OIDC_ISSUER`.
  /// - Parameter roles: see `AccountRules.roles`.
  /// - Throws: `ConfigurationError`, which names the variable at fault.
  public init?(
    _ variables: EnvironmentVariables, externalURL: String?, roles: [Role]
  ) throws(ConfigurationError) {
    guard variables["OIDC_ISSUER"] != nil else {
      if let name = Self.names.sorted().first(where: { $0.hasPrefix("OIDC_") && variables[$0] != nil }) {
        throw variables.wrong("OIDC_ISSUER", "is missing, and \(variables.prefix)\(name) is set")
      }
      return nil
    }
    issuer = try variables.url("OIDC_ISSUER", default: "")
    guard Self.isProtected(issuer) else {
      throw variables.wrong("OIDC_ISSUER", "must begin with https:// (http:// is for this machine only)")
    }
    guard let clientID = variables["OIDC_CLIENT_ID"] else {
      throw variables.wrong("OIDC_CLIENT_ID", "is missing: the identity provider gives it out")
    }
    self.clientID = clientID
    guard let externalURL else {
      throw variables.wrong(
        "EXTERNAL_URL", "is missing: the identity provider sends people back to it, such as https://wrktalk.example.com"
      )
    }
    self.externalURL = externalURL
    clientSecret = try Self.secret(variables)
    roleClaim = variables["OIDC_ROLE_CLAIM"] ?? "groups"
    scopes = variables["OIDC_SCOPES"] ?? "openid email profile"
    guard scopes.split(separator: " ").contains("openid") else {
      throw variables.wrong("OIDC_SCOPES", "must contain openid")
    }
    self.roles = roles
    roleMap = [:]
    let map = variables["OIDC_ROLE_MAP"] ?? ""
    // Names of LDAP have commas in them: where there is a semicolon, it is what separates.
    for pair in map.split(separator: map.contains(";") ? ";" : ",") {
      // A group's name may hold an equals sign, as one of LDAP does; a role holds none.
      guard let place = pair.lastIndex(of: "=") else {
        let example = roles.prefix(2).map { "the-\($0.rawValue)s=\($0.rawValue)" }.joined(separator: ",")
        throw variables.wrong("OIDC_ROLE_MAP", "must be pairs such as \(example)")
      }
      let value = Self.trimmed(pair[..<place])
      let word = Self.trimmed(pair[pair.index(after: place)...])
      guard let role = roles.first(where: { $0.rawValue == word }), !value.isEmpty
      else {
        throw variables.wrong("OIDC_ROLE_MAP", "\"\(pair.prefix(80))\" does not end in \(Self.endings(roles))")
      }
      roleMap[value] = role
    }
  }

  /// `=admin, =operator or =viewer`
  private static func endings(_ roles: [Role]) -> String {
    let words = roles.map { "=\($0.rawValue)" }
    return words.count < 2
      ? words.joined() : words.dropLast().joined(separator: ", ") + " or " + words[words.count - 1]
  }

  private static func secret(_ variables: EnvironmentVariables) throws(ConfigurationError) -> String? {
    guard let path = variables["OIDC_CLIENT_SECRET_FILE"] else { return nil }
    guard let data = FileManager.default.contents(atPath: path), data.count < 4096,
      let text = String(validating: data, as: UTF8.self)?.split(whereSeparator: \.isWhitespace).first
    else { throw variables.wrong("OIDC_CLIENT_SECRET_FILE", "\(path) cannot be read") }
    return String(text)
  }

  /// Whether nobody on the way reads or changes what is fetched there.
  static func isProtected(_ url: String) -> Bool {
    let lower = url.lowercased()
    if lower.hasPrefix("https://") { return lower.count > 8 }
    guard lower.hasPrefix("http://") else { return false }
    return OriginRule.isLoopback(lower.dropFirst(7).split(separator: "/").first.map(String.init))
  }

  private static func trimmed(_ text: some StringProtocol) -> String {
    var part = text[...]
    while part.first == " " { part.removeFirst() }
    while part.last == " " { part.removeLast() }
    return String(part)
  }
}
