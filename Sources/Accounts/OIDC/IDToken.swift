import Cryptography
import WireFormats

/// Why an ID token is not believed. Never holds the token.
enum IDTokenFault: Error, Sendable, Hashable, CustomStringConvertible {
  case malformed
  case algorithm
  /// A key that is not in the set, which may be newer than the set.
  case unknownKey
  case signature
  case issuer
  case audience
  case expired
  case notYetValid
  case nonce
  case subject
  /// The person signed in at the provider too long ago, and was to do so anew.
  case authenticationTime

  var description: String {
    switch self {
    case .malformed: "it is not a signed token"
    case .algorithm: "it is signed by another algorithm than RS256 and ES256"
    case .unknownKey: "its key is none of the provider's"
    case .signature: "its signature is wrong"
    case .issuer: "it is of another issuer"
    case .audience: "it is for somebody else"
    case .expired: "it has expired"
    case .notYetValid: "it is not valid yet, or very old: do the clocks differ?"
    case .nonce: "it answers another request"
    case .subject: "it names nobody"
    case .authenticationTime: "it does not say that the person has just signed in there"
    }
  }
}

/// What an identity provider says of a person (OpenID Connect Core §2), once it was checked (§3.1.3.7).
struct IDToken: Sendable, Hashable {
  /// What a token must be for.
  struct Expectation: Sendable, Hashable {
    var issuer: String
    var clientID: String
    var nonce: String
    /// The person must have signed in at the provider since; nil where that does not matter.
    var authenticatedSince: Timestamp?
  }

  static let maximumByteCount = 32 << 10
  /// By how much clocks may differ.
  static let leeway = Duration.seconds(60)
  /// A token is made for the request that it answers.
  static let maximumAge = Duration.seconds(600)

  var subject: String
  var email: String?
  var isEmailVerified: Bool
  var name: String
  /// When the person signed in at the provider; nil where it does not say.
  var authenticatedAt: Timestamp?
  var claims: JSONValue

  /// - Throws: `IDTokenFault`.
  init(_ token: String, keys: JSONWebKeySet, expected: Expectation, now: Timestamp) throws(IDTokenFault) {
    let parts = token.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
    guard token.utf8.count <= Self.maximumByteCount, parts.count == 3, let header = Self.object(parts[0]),
      let signature = Base64.decode(parts[2], alphabet: .urlSafe)
    else { throw .malformed }
    guard let algorithm = header["alg"]?.string.flatMap(TokenSignature.Algorithm.init) else { throw .algorithm }
    // What must be understood, and is not.
    guard header["crit"] == nil else { throw .malformed }
    guard let key = keys.key(id: header["kid"]?.string, algorithm) else { throw .unknownKey }
    guard key.isValidSignature(signature, for: Array("\(parts[0]).\(parts[1])".utf8)) else { throw .signature }
    guard let claims = Self.object(parts[1]) else { throw .malformed }

    guard claims["iss"]?.string == expected.issuer else { throw .issuer }
    let audiences = claims["aud"]?.array?.map(\.string) ?? [claims["aud"]?.string]
    guard audiences.contains(expected.clientID) else { throw .audience }
    let party = claims["azp"]?.string
    guard party == expected.clientID || party == nil && claims["azp"] == nil && audiences.count == 1 else {
      throw .audience
    }
    guard let expiry = Self.moment(claims["exp"]), let issuedAt = Self.moment(claims["iat"]) else { throw .malformed }
    guard now < expiry + Self.leeway else { throw .expired }
    guard issuedAt <= now + Self.leeway, now < issuedAt + Self.maximumAge else { throw .notYetValid }
    if let begin = claims["nbf"] {
      guard let begin = Self.moment(begin), begin <= now + Self.leeway else { throw .notYetValid }
    }
    guard ConstantTime.areEqual(claims["nonce"]?.string ?? "", expected.nonce) else { throw .nonce }
    guard let subject = claims["sub"]?.string, (1...255).contains(subject.utf8.count), !subject.utf8.contains(0) else {
      throw .subject
    }
    authenticatedAt = Self.moment(claims["auth_time"])
    if let since = expected.authenticatedSince {
      guard let authenticatedAt, authenticatedAt + Self.leeway >= since, authenticatedAt <= now + Self.leeway else {
        throw .authenticationTime
      }
    }
    self.subject = subject
    email = claims["email"]?.string
    isEmailVerified = claims["email_verified"]?.bool ?? false
    name = claims["name"]?.string ?? ""
    self.claims = claims
  }

  private static func object(_ part: String) -> JSONValue? {
    guard let bytes = Base64.decode(part, alphabet: .urlSafe),
      let json = try? JSONValue(parsing: bytes, maximumDepth: 32, maximumNodeCount: 10_000), json.object != nil
    else { return nil }
    return json
  }

  /// Seconds since 1970, perhaps with a fraction.
  private static func moment(_ json: JSONValue?) -> Timestamp? {
    switch json {
    case .integer(let seconds)?: Timestamp(seconds: seconds)
    case .number(let seconds)? where abs(seconds) < 1e12: Timestamp(seconds: Int64(seconds))
    default: nil
    }
  }
}
