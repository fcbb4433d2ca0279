import Cryptography
import FoundationEssentials
import HTTPTransport
import ReleaseManifest
import WireFormats

/// The registry logins that `docker login` has left on this machine.
struct RegistryLogins: Sendable {
  private let auths: [String: JSONValue]
  private let helpers: Set<String>
  private let hasStore: Bool

  /// - Parameter environment: with `DOCKER_CONFIG` or `HOME`.
  init(environment: [String: String]) {
    let folder = environment["DOCKER_CONFIG"] ?? environment["HOME"].map { "\($0)/.docker" }
    let data = folder.flatMap { FileManager.default.contents(atPath: "\($0)/config.json") }
    let json = data.flatMap { $0.count <= 1 << 20 ? try? JSONValue(parsing: Array($0)) : nil }
    auths = json?["auths"]?.object ?? [:]
    helpers = Set(json?["credHelpers"]?.object?.keys.map { $0 } ?? [])
    hasStore = json?["credsStore"]?.string?.isEmpty == false
  }

  /// Whether a program holds the login that the registry may ask for.
  func isHelped(_ reference: String) -> Bool { hasStore || helpers.contains(Self.registry(of: reference)) }

  /// What the engine takes as `X-Registry-Auth`; nil where there is no login. A secret.
  func header(for reference: String) -> String? {
    let registry = Self.registry(of: reference)
    let entry = auths.first { key, _ in Self.host(of: key) == registry }?.value
    guard let text = entry?["auth"]?.string, let bytes = Base64.decode(text, alphabet: .standard),
      let pair = String(validating: bytes, as: UTF8.self)
    else { return nil }
    let parts = pair.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    guard parts.count == 2 else { return nil }
    let login: JSONValue = [
      "username": .string(String(parts[0])), "password": .string(String(parts[1])), "serveraddress": .string(registry),
    ]
    // The engine wants the padding.
    let text64 = Base64.encode(login.serialized(), alphabet: .urlSafe)
    return text64 + String(repeating: "=", count: (4 - text64.utf8.count % 4) % 4)
  }

  static let dockerHub = "index.docker.io"

  /// The first part of a reference where it is a host.
  static func registry(of reference: String) -> String {
    let parts = reference.split(separator: "/", maxSplits: 1)
    guard parts.count == 2, let first = parts.first,
      first == "localhost" || first.contains(".") || first.contains(":")
    else { return dockerHub }
    return first == "docker.io" ? dockerHub : String(first)
  }

  private static func host(of key: String) -> String {
    let bare = key.split(separator: "://", maxSplits: 1).last ?? ""
    let host = String(bare.prefix { $0 != "/" })
    return host == "docker.io" || host == "registry-1.docker.io" ? dockerHub : host
  }
}

extension DockerEngine {
  enum Distribution: Sendable, Hashable {
    /// The registry has the image; under which digest.
    case found(digest: String?)
    /// Why the registry, or the engine for it, does not say so.
    case refused(message: String)
  }

  /// Asks the registry through the engine; nothing is pulled.
  /// - Parameter login: as `RegistryLogins.header`.
  func distribution(of reference: String, login: String?) async throws(RuntimeFailure) -> Distribution {
    let path = "/distribution/\(PercentEncoding.encode(reference, keeping: "/:@"))/json"
    let response = try await send(
      path, headers: login.map { [("X-Registry-Auth", $0)] } ?? [], limit: 1 << 20, timeout: .seconds(20))
    guard response.isSuccess else {
      let message =
        (try? JSONValue(parsing: response.body))?["message"]?.string ?? "the engine answered \(response.status)"
      return .refused(message: "\(reference): \(message)")
    }
    return .found(digest: (try? JSONValue(parsing: response.body))?["Descriptor"]?["digest"]?.string)
  }
}
