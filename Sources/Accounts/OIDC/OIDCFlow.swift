import Cryptography
import WireFormats

/// What a sign-in by the identity provider was begun with, kept by the browser in a sealed cookie: nobody finishes what another browser
/// began.
struct OIDCFlow: Sendable, Hashable {
  static let lifetime = Duration.seconds(600)
  private static let context = Array("sign-in by identity provider".utf8)

  var state: String
  var nonce: String
  /// Of PKCE (RFC 7636 §4.1).
  var verifier: String
  var begunAt: Timestamp
  /// The session whose person is to prove once more who they are; nil for a new one.
  var session: String?

  init(at now: Timestamp, session: String?) {
    state = SecureRandom.token()
    nonce = SecureRandom.token()
    verifier = SecureRandom.token()
    begunAt = now
    self.session = session
  }

  /// Nil where it was not this server that gave the cookie, or too long ago.
  init?(_ value: String?, box: AES256GCM, now: Timestamp) {
    guard let value, value.utf8.count <= 1024, let sealed = Base64.decode(value, alphabet: .urlSafe),
      let json = box.open(sealed, context: Self.context).flatMap({ try? JSONValue(parsing: $0) }),
      let state = json["state"]?.string, let nonce = json["nonce"]?.string, let verifier = json["verifier"]?.string,
      let begunAt = json["at"]?.integer.map({ Timestamp(microseconds: $0) }), now < begunAt + Self.lifetime
    else { return nil }
    (self.state, self.nonce, self.verifier, self.begunAt) = (state, nonce, verifier, begunAt)
    session = json["session"]?.string
  }

  func value(box: AES256GCM) -> String {
    let json: JSONValue = [
      "state": .string(state), "nonce": .string(nonce), "verifier": .string(verifier),
      "at": .integer(begunAt.microseconds), "session": session.map { .string($0) } ?? .null,
    ]
    return Base64.encode(box.seal(json.serialized(), context: Self.context), alphabet: .urlSafe)
  }

  /// Where the browser goes.
  func authorizationURL(_ endpoint: String, _ configuration: OIDCConfiguration) -> String {
    var items = [
      ("response_type", "code"), ("client_id", configuration.clientID), ("redirect_uri", configuration.returnURL),
      ("scope", configuration.scopes), ("state", state), ("nonce", nonce),
      ("code_challenge", Base64.encode(SHA256.digest(of: verifier).bytes, alphabet: .urlSafe)),
      ("code_challenge_method", "S256"),
    ]
    // Who is to prove it once more does not do so by a session at the provider that is open anyway.
    if session != nil { items += [("prompt", "login"), ("max_age", "0")] }
    let query = items.map { "\($0.0)=\(PercentEncoding.encode($0.1))" }.joined(separator: "&")
    return endpoint + (endpoint.contains("?") ? "&" : "?") + query
  }
}
