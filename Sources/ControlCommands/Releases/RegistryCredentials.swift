import Cryptography
import FoundationEssentials
import WireFormats

/// What `docker login` keeps in `~/.docker/config.json`.
struct RegistryCredentials {
  /// By registry: `user:password` in base 64, as HTTP's basic scheme wants it.
  private(set) var entries: [String: String] = [:]
  /// The program that keeps them instead; its passwords are not read here.
  private(set) var helper: String?

  init() {}

  /// - Throws: where a file is there and is not what Docker writes.
  static func read(environment: [String: String]) throws(CommandFailure) -> RegistryCredentials {
    guard
      let folder = environment["DOCKER_CONFIG"].flatMap({ $0.isEmpty ? nil : $0 })
        ?? environment["HOME"].map({ "\($0)/.docker" })
    else { return RegistryCredentials() }
    let path = "\(folder)/config.json"
    guard FileManager.default.fileExists(atPath: path) else { return RegistryCredentials() }
    guard let value = try? JSONValue(parsing: FileText.read(path)), value.object != nil else {
      throw CommandFailure("\(printable(path)) is not valid JSON", hint: "docker login writes it.")
    }
    return RegistryCredentials(value)
  }

  init(_ value: JSONValue) {
    helper = value["credsStore"]?.string
    for (registry, entry) in value["auths"]?.object ?? [:] {
      if let text = entry["auth"]?.string, !text.isEmpty {
        entries[registry] = text
      } else if let user = entry["username"]?.string, let password = entry["password"]?.string {
        entries[registry] = Base64.encode(Array("\(user):\(password)".utf8))
      }
    }
  }

  /// The value of the header `Authorization`; nil where nobody has logged in.
  func basic(for reference: RegistryReference) -> String? {
    reference.credentialKeys.lazy.compactMap { entries[$0] }.first.map { "Basic \($0)" }
  }
}
