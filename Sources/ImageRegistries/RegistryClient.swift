import Cryptography
public import HTTPTransport
import ReleaseManifest
import WireFormats

/// Why a registry did not say which digest an image has.
public struct RegistryFailure: Error, Hashable, Sendable, CustomStringConvertible {
  public enum Cause: Sendable, Hashable, CaseIterable {
    /// It does not have the image, or what it has is no image.
    case missing
    /// It does not let the caller read it.
    case denied
    /// It gives no answer that says so.
    case unreachable
  }

  public var cause: Cause
  /// One line. What a server said stands in it as it was said.
  public var message: String
  /// What a person can do.
  public var hint: String?

  init(_ cause: Cause, _ message: String, hint: String? = nil) {
    self.cause = cause
    self.message = message
    self.hint = hint
  }

  public var description: String { message }
}

/// Asks registries which digest an image has (OCI Distribution).
public struct RegistryClient: Sendable {
  /// What stands behind a reference.
  public struct Resolved: Hashable, Sendable {
    /// Of the image, or of the index of its platforms.
    public var digest: String
    /// Of the platforms' images and of their configurations.
    public var contentDigests: [String]
  }

  var http: HTTPClient
  var credentials: RegistryCredentials
  /// Hosts that are asked without TLS though they are not this machine.
  var insecureHosts: Set<String>

  public init(
    http: HTTPClient, credentials: RegistryCredentials = RegistryCredentials(), insecureHosts: Set<String> = []
  ) {
    self.http = http
    self.credentials = credentials
    self.insecureHosts = insecureHosts
  }

  private static let indexTypes = [
    "application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json",
  ]
  private static let imageTypes = [
    "application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json",
  ]
  private static let maximumPlatformCount = 31

  /// The digest of the image, or of the index of its platforms.
  public func digest(of reference: RegistryReference) async throws(RegistryFailure) -> String {
    var session = Session(reference: reference, scheme: scheme(reference))
    return try await manifest(reference.version, &session).digest
  }

  /// - Throws: `RegistryFailure` that names the image.
  public func resolve(_ reference: RegistryReference) async throws(RegistryFailure) -> Resolved {
    if let digest = reference.image.digest, !ImageDigest.isValid(digest) {
      throw RegistryFailure(
        .missing, "the image \(reference.description) has a digest that is not of the form sha256:…")
    }
    var session = Session(reference: reference, scheme: scheme(reference))
    let (digest, document) = try await manifest(reference.version, &session)
    guard let platforms = document["manifests"]?.array else {
      return Resolved(digest: digest, contentDigests: try Self.configuration(document, reference).map { [$0] } ?? [])
    }
    var contents: [String] = []
    // What has no platform are attestations about the images.
    let images = platforms.filter { $0["platform"]?["os"]?.string != "unknown" }
    guard images.count <= Self.maximumPlatformCount else {
      throw RegistryFailure(
        .missing, "the image \(reference.description) has more than \(Self.maximumPlatformCount) platforms")
    }
    for image in images {
      guard let name = image["digest"]?.string, ImageDigest.isValid(name) else {
        throw RegistryFailure(.missing, "the index of the image \(reference.description) names no digests of SHA-256")
      }
      let (_, document) = try await manifest(name, &session)
      contents.append(name)
      if let configuration = try Self.configuration(document, reference) { contents.append(configuration) }
    }
    return Resolved(digest: digest, contentDigests: contents.reduce(into: []) { if !$0.contains($1) { $0.append($1) } })
  }

  private static func configuration(
    _ document: JSONValue, _ reference: RegistryReference
  ) throws(RegistryFailure) -> String? {
    guard let digest = document["config"]?["digest"]?.string else { return nil }
    guard ImageDigest.isValid(digest) else {
      throw RegistryFailure(
        .missing, "the image \(reference.description) has a configuration without a digest of SHA-256")
    }
    return digest
  }

  // MARK: Requests

  private struct Session {
    var reference: RegistryReference
    var scheme: String
    var authorization: String?
  }

  private func scheme(_ reference: RegistryReference) -> String {
    reference.isLoopback || insecureHosts.contains(reference.host) ? "http" : "https"
  }

  /// The document, and the digest of exactly its bytes.
  private func manifest(
    _ version: String, _ session: inout Session
  ) async throws(RegistryFailure) -> (digest: String, document: JSONValue) {
    let title = session.reference.description
    let path = "\(session.reference.path)/manifests/\(version)"
    let url = "\(session.scheme)://\(session.reference.host)/v2/\(path)"
    var response = try await send(url, session)
    if response.status == 401 {
      session.authorization = try await authorization(response, session)
      response = try await send(url, session)
    }
    switch response.status {
    case 200: break
    case 404:
      throw RegistryFailure(
        .missing, "the registry \(session.reference.host) does not have the image \(title)",
        hint: "Push it first, or correct the tag with --image-tag SERVICE=TAG.")
    case 401, 403: throw denied(session.reference)
    default:
      throw RegistryFailure(
        .unreachable, "the registry \(session.reference.host) answered \(response.status) for the image \(title)")
    }
    let digest = ImageDigest.prefix + SHA256.digest(of: response.body).hexadecimal
    let claimed = version.hasPrefix(ImageDigest.prefix) ? version : response.headers["Docker-Content-Digest"] ?? digest
    guard claimed == digest else {
      throw RegistryFailure(
        .missing,
        "the registry \(session.reference.host) answered other bytes for the image \(title) than the digest \(claimed) names"
      )
    }
    guard let document = try? JSONValue(parsing: response.body, maximumDepth: 32, maximumNodeCount: 50_000),
      document["manifests"]?.array != nil || document["config"]?["digest"]?.string != nil
    else {
      throw RegistryFailure(
        .missing, "what the registry \(session.reference.host) has under \(title) is not an image manifest",
        hint: "Images of schema 1, from before 2017, have to be pushed anew.")
    }
    return (digest, document)
  }

  private func send(_ url: String, _ session: Session) async throws(RegistryFailure) -> HTTPResponse {
    var headers = [(name: "Accept", value: (Self.indexTypes + Self.imageTypes).joined(separator: ", "))]
    if let authorization = session.authorization { headers.append(("Authorization", authorization)) }
    return try await request(url, headers, session.reference)
  }

  private func request(
    _ url: String, _ headers: [(name: String, value: String)], _ reference: RegistryReference
  ) async throws(RegistryFailure) -> HTTPResponse {
    do throws(HTTPTransportError) {
      return try await http.send(HTTPRequest(url: url, headers: headers, maximumResponseBytes: 4 << 20))
    } catch {
      throw RegistryFailure(
        .unreachable, "the registry of the image \(reference.description) cannot be reached: \(error)",
        hint: error.code == .tls ? "A registry without TLS is named by --insecure-registry \(reference.host)." : nil)
    }
  }

  private func denied(_ reference: RegistryReference) -> RegistryFailure {
    let hint =
      credentials.basic(for: reference) == nil && credentials.helper != nil
      ? "Docker's passwords are kept by the helper \(credentials.helper ?? ""), which is not asked: put the registry into auths of a config.json that DOCKER_CONFIG names."
      : "docker login \(reference.host) logs in."
    return RegistryFailure(
      .denied, "the registry \(reference.host) does not let you read the image \(reference.description)", hint: hint)
  }

  /// What a registry that demands it is to be told.
  private func authorization(_ response: HTTPResponse, _ session: Session) async throws(RegistryFailure) -> String {
    let reference = session.reference
    guard let challenge = response.headers["WWW-Authenticate"].flatMap({ RegistryChallenge($0) }) else {
      throw denied(reference)
    }
    let basic = credentials.basic(for: reference)
    guard case .bearer(let realm, let service, let scope) = challenge else {
      guard let basic else { throw denied(reference) }
      return basic
    }
    // A password goes to nobody who could be listened to.
    guard realm.hasPrefix("https://") || session.scheme == "http" && realm.hasPrefix("http://") else {
      throw RegistryFailure(
        .denied, "the registry \(reference.host) gives its tokens at \(realm), which is not https and is not asked")
    }
    var query = [("scope", scope ?? "repository:\(reference.path):pull")]
    if let service { query.insert(("service", service), at: 0) }
    let text = query.map { "\($0.0)=\(PercentEncoding.encode($0.1))" }.joined(separator: "&")
    let headers = basic.map { [(name: "Authorization", value: $0)] } ?? []
    let answer = try await request("\(realm)\(realm.contains("?") ? "&" : "?")\(text)", headers, reference)
    guard answer.isSuccess else { throw denied(reference) }
    guard let document = try? JSONValue(parsing: answer.body, maximumDepth: 8, maximumNodeCount: 1000),
      let token = document["token"]?.string ?? document["access_token"]?.string,
      token.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F })
    else {
      throw RegistryFailure(
        .denied, "the registry \(reference.host) answered no token for \(reference.description)")
    }
    return "Bearer \(token)"
  }
}
