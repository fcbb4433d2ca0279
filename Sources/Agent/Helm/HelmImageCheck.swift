import Cryptography
import DeploymentKinds
import HTTPTransport
import ImageRegistries
import ReleaseManifest
import ResourceClient
import ResourceModel
import Timing
import WireFormats

/// Whether registries have a release's images, asked with what the cluster's nodes would show them: the pull secrets of its pods and of
/// their service accounts, as far as this Agent may read them.
///
/// The nodes may reach a registry by another way, or with logins of their own: only an image that a registry says it does not have is a
/// fault.
struct HelmImageCheck: Sendable {
  typealias Check = DesiredDeploymentStatus.Preflight.Check

  private static let name = "Images"
  /// Of a chart; what comes beyond is not asked for.
  private static let maximumCount = 200
  /// For all of them together: where a cluster's nodes have a mirror, registries are often not to be reached at all.
  private static let limit = Duration.seconds(20)
  private static let secretKey = ".dockerconfigjson"

  let namespace: String
  let client: ResourceClient
  let http: HTTPClient?
  var clock: any Clock<Duration> = ContinuousClock()

  /// - Parameter documents: what helm would apply; nil where it does not render.
  func check(_ documents: [JSONValue]?) async throws(RuntimeFailure) -> Check {
    guard let http else { return Check(Self.name, .skipped, "This Agent asks no registries") }
    guard let documents else { return Check(Self.name, .skipped, "The chart does not render") }
    let images = Set(documents.flatMap(ImageUse.all).map(\.image)).sorted()
    let registry = RegistryClient(http: http, credentials: try await credentials(documents))
    var missing: [String] = []
    var unseen: [String] = Array(images.dropFirst(Self.maximumCount))
    var silent: Set<String> = []
    let deadline = Deadline(Self.limit, clock: clock)
    for image in images.prefix(Self.maximumCount) {
      guard let reference = RegistryReference(image) else {
        missing.append(image)
        continue
      }
      guard !silent.contains(reference.host), deadline.remaining() > .zero else {
        unseen.append(image)
        continue
      }
      do throws(RegistryFailure) {
        _ = try await registry.digest(of: reference)
      } catch {
        if Task.isCancelled { throw .stopped }
        switch error.cause {
        case .missing: missing.append(image)
        case .denied: unseen.append(image)
        case .unreachable:
          silent.insert(reference.host)
          unseen.append(image)
        }
      }
    }
    guard missing.isEmpty else {
      return Check(Self.name, .failed, "The registry does not have \(ComposePreflight.listed(missing))")
    }
    guard unseen.isEmpty else {
      return Check(
        Self.name, .skipped,
        "The registry does not tell this Agent whether it has \(ComposePreflight.listed(unseen)); the nodes may have another way "
          + "to it, or a login of their own")
    }
    return Check(Self.name, .passed, "The registry has all \(images.count) images")
  }

  // MARK: Pull secrets

  /// What may not be read is left out.
  private func credentials(_ documents: [JSONValue]) async throws(RuntimeFailure) -> RegistryCredentials {
    var credentials = RegistryCredentials()
    var accounts: Set = ["default"]
    var secrets: Set<String> = []
    for document in documents {
      Self.collect(document, accounts: &accounts, secrets: &secrets)
      // Those that the release brings are not there yet.
      if document["kind"] == "Secret", let config = Self.logins(document) { credentials.merge(config) }
    }
    for account in accounts.sorted() {
      for secret in (try await read("serviceaccounts", account)?["imagePullSecrets"]?.array ?? []) {
        if let name = secret["name"]?.string { secrets.insert(name) }
      }
    }
    for secret in secrets.sorted() {
      if let config = try await read("secrets", secret).flatMap(Self.logins) { credentials.merge(config) }
    }
    return credentials
  }

  private func read(_ resource: String, _ name: String) async throws(RuntimeFailure) -> JSONValue? {
    let path = "/api/v1/namespaces/\(namespace)/\(resource)/\(PercentEncoding.encode(name))"
    do throws(ResourceClientError) {
      return try await client.get(path: path)
    } catch {
      if Task.isCancelled { throw .stopped }
      return nil
    }
  }

  private static func logins(_ secret: JSONValue) -> RegistryCredentials? {
    let bytes =
      secret["stringData"]?[secretKey]?.string.map { Array($0.utf8) }
      ?? secret["data"]?[secretKey]?.string.flatMap { Base64.decode($0, alphabet: .standard) }
    guard let bytes, let json = try? JSONValue(parsing: bytes) else { return nil }
    return RegistryCredentials(json)
  }

  /// Pods stand in templates of templates, and operators' own kinds hold the same fields.
  private static func collect(_ value: JSONValue, accounts: inout Set<String>, secrets: inout Set<String>) {
    switch value {
    case .object(let members):
      for (name, member) in members {
        if name == "imagePullSecrets" {
          secrets.formUnion((member.array ?? []).compactMap { $0["name"]?.string })
        } else if name == "serviceAccountName", let account = member.string, !account.isEmpty {
          accounts.insert(account)
        } else {
          collect(member, accounts: &accounts, secrets: &secrets)
        }
      }
    case .array(let list): for member in list { collect(member, accounts: &accounts, secrets: &secrets) }
    default: break
    }
  }
}
