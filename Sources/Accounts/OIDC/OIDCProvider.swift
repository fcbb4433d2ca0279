import Cryptography
import HTTPTransport
import Logging
import ResourceModel
import Synchronization
import WireFormats

/// The identity provider: where it is, what it signs with, and what it says of a person.
final class OIDCProvider: Sendable {
  /// What the provider says of itself (OpenID Connect Discovery §3).
  struct Metadata: Sendable, Hashable {
    var authorizationEndpoint: String
    var tokenEndpoint: String
    var keySetURL: String
    /// Whether the client's secret goes into the body, where the provider takes it nowhere else.
    var takesSecretInBody: Bool
  }

  private struct Known<Value: Sendable>: Sendable {
    var value: Value
    var at: Timestamp
  }

  private struct Memory: Sendable {
    var metadata: Known<Metadata>?
    var keys: Known<JSONWebKeySet>?
  }

  /// How long what it says of itself counts; keys that are named and not known are looked for at most once in `keyPause`.
  static let metadataAge = Duration.seconds(3600)
  static let keyAge = Duration.seconds(3600)
  static let keyPause = Duration.seconds(30)
  private static let maximumResponseBytes = 256 << 10
  private static let timeout = Duration.seconds(10)

  let configuration: OIDCConfiguration
  private let http: HTTPClient
  private let now: @Sendable () -> Timestamp
  private let logger: Logger
  private let memory = Mutex(Memory())

  init(
    _ configuration: OIDCConfiguration, http: HTTPClient, now: @escaping @Sendable () -> Timestamp, logger: Logger
  ) {
    self.configuration = configuration
    self.http = http
    self.now = now
    self.logger = logger
  }

  // MARK: Of itself

  /// - Throws: `serviceUnavailable` where the provider says nothing of use now.
  func metadata() async throws(StatusError) -> Metadata {
    let now = now()
    if let known = memory.withLock({ $0.metadata }), Self.isFresh(known.at, Self.metadataAge, now) {
      return known.value
    }
    let issuer = configuration.issuer
    let json = try await get(
      (issuer.hasSuffix("/") ? String(issuer.dropLast()) : issuer) + "/.well-known/openid-configuration")
    guard json["issuer"]?.string == issuer else { throw unavailable("its discovery document is of another issuer") }
    let urls = ["authorization_endpoint", "token_endpoint", "jwks_uri"].compactMap { json[$0]?.string }
    guard urls.count == 3, urls.allSatisfy(OIDCConfiguration.isProtected) else {
      throw unavailable("its discovery document names no endpoints, or some without https")
    }
    let methods = json["token_endpoint_auth_methods_supported"]?.array?.compactMap(\.string)
    let metadata = Metadata(
      authorizationEndpoint: urls[0], tokenEndpoint: urls[1], keySetURL: urls[2],
      takesSecretInBody: methods.map { !$0.contains("client_secret_basic") && $0.contains("client_secret_post") }
        ?? false)
    memory.withLock { $0.metadata = Known(value: metadata, at: now) }
    return metadata
  }

  /// - Parameter isNewDemanded: where a token names a key that the known set does not have.
  private func keys(isNewDemanded: Bool) async throws(StatusError) -> JSONWebKeySet {
    let now = now()
    if let known = memory.withLock({ $0.keys }),
      Self.isFresh(known.at, isNewDemanded ? Self.keyPause : Self.keyAge, now)
    {
      return known.value
    }
    guard let keys = JSONWebKeySet(try await get(try await metadata().keySetURL)) else {
      throw unavailable("its keys cannot be read")
    }
    memory.withLock { $0.keys = Known(value: keys, at: now) }
    return keys
  }

  private static func isFresh(_ at: Timestamp, _ age: Duration, _ now: Timestamp) -> Bool {
    at <= now && now - at < age
  }

  // MARK: Of a person

  /// Exchanges a code for what it says of the person (RFC 6749 §4.1.3, RFC 7636).
  /// - Throws: `unauthorized` where the provider refuses, or where what it says is not to be believed.
  func token(code: String, verifier: String, expected: IDToken.Expectation) async throws(StatusError) -> IDToken {
    let metadata = try await metadata()
    var form = [
      ("grant_type", "authorization_code"), ("code", code), ("redirect_uri", configuration.returnURL),
      ("code_verifier", verifier), ("client_id", configuration.clientID),
    ]
    var headers = [("Content-Type", "application/x-www-form-urlencoded"), ("Accept", "application/json")]
    if let secret = configuration.clientSecret {
      if metadata.takesSecretInBody {
        form.append(("client_secret", secret))
      } else {
        let pair = "\(PercentEncoding.encode(configuration.clientID)):\(PercentEncoding.encode(secret))"
        headers.append(("Authorization", "Basic \(Base64.encode(Array(pair.utf8)))"))
      }
    }
    let body = form.map { "\($0.0)=\(PercentEncoding.encode($0.1))" }.joined(separator: "&")
    let answer = try await send(
      HTTPRequest(
        method: "POST", url: metadata.tokenEndpoint, headers: headers.map { (name: $0.0, value: $0.1) },
        body: .bytes(Array(body.utf8)), timeout: Self.timeout, maximumResponseBytes: Self.maximumResponseBytes))
    guard answer.status == 200, let text = Self.json(answer)?["id_token"]?.string else {
      logger.warning("The identity provider refused a code", metadata: ["status": "\(answer.status)"])
      throw Self.refusal
    }
    return try await check(text, expected)
  }

  private func check(_ text: String, _ expected: IDToken.Expectation) async throws(StatusError) -> IDToken {
    for isNewDemanded in [false, true] {
      let keys = try await keys(isNewDemanded: isNewDemanded)
      do throws(IDTokenFault) {
        return try IDToken(text, keys: keys, expected: expected, now: now())
      } catch {
        // The provider may have a new key.
        if error == .unknownKey, !isNewDemanded { continue }
        logger.warning("An ID token was not believed", metadata: ["error": "\(error)"])
        break
      }
    }
    throw Self.refusal
  }

  static let refusal = StatusError(.unauthorized, "the identity provider did not confirm who you are: sign in again")

  // MARK: Over the network

  private func get(_ url: String) async throws(StatusError) -> JSONValue {
    let answer = try await send(
      HTTPRequest(
        url: url, headers: [("Accept", "application/json")], timeout: Self.timeout,
        maximumResponseBytes: Self.maximumResponseBytes))
    guard answer.status == 200, let json = Self.json(answer) else {
      throw unavailable("it answered \(answer.status), or no JSON, where its metadata should be")
    }
    return json
  }

  private func send(_ request: HTTPRequest) async throws(StatusError) -> HTTPResponse {
    do throws(HTTPTransportError) { return try await http.send(request) } catch {
      throw unavailable("\(error)")
    }
  }

  private static func json(_ answer: HTTPResponse) -> JSONValue? {
    try? JSONValue(parsing: answer.body, maximumDepth: 32, maximumNodeCount: 20_000)
  }

  /// What is wrong goes to the log; strangers learn only that it is.
  private func unavailable(_ reason: String) -> StatusError {
    logger.error("The identity provider cannot be used", metadata: ["error": "\(reason)"])
    return StatusError(
      .serviceUnavailable, "the identity provider cannot be used at this moment", retryAfterSeconds: 10)
  }
}
