import Cryptography
public import WireFormats

/// What `docker login` keeps in `~/.docker/config.json`, and pull secrets of Kubernetes in `.dockerconfigjson`.
public struct RegistryCredentials: Sendable {
  /// By registry: `user:password` in base 64, as HTTP's basic scheme wants it.
  private(set) var entries: [String: String] = [:]
  /// The program that keeps them instead; its passwords are not read here.
  public private(set) var helper: String?

  public init() {}

  public init(_ value: JSONValue) {
    helper = value["credsStore"]?.string
    for (registry, entry) in value["auths"]?.object ?? [:] {
      if let text = entry["auth"]?.string, !text.isEmpty {
        entries[registry] = text
      } else if let user = entry["username"]?.string, let password = entry["password"]?.string {
        entries[registry] = Base64.encode(Array("\(user):\(password)".utf8))
      }
    }
  }

  /// The logins of both; of two to one registry the first counts.
  public mutating func merge(_ other: RegistryCredentials) { entries.merge(other.entries) { first, _ in first } }

  /// The value of the header `Authorization`; nil where nobody has logged in.
  func basic(for reference: RegistryReference) -> String? {
    reference.credentialKeys.lazy.compactMap { entries[$0] }.first.map { "Basic \($0)" }
  }
}
