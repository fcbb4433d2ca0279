import Cryptography
import WireFormats

/// A licence, as the vendor signs it: `BASE64URL(JSON) "." BASE64URL(SIGNATURE)`, where JSON is
/// `{"organization": …, "expiresAt": …}` and the signature is Ed25519 over the first part as ASCII. It is verified here,
/// without asking anybody.
struct License: Sendable, Hashable {
  var organization: String
  /// Nil where it never expires.
  var expiresAt: Timestamp?

  /// - Throws: `LicenseError`.
  init(token: String, vendorKey: Ed25519.PublicKey) throws(LicenseError) {
    let parts = token.split(separator: ".", omittingEmptySubsequences: false).map { String($0) }
    guard parts.count == 2, let payload = Base64.decode(parts[0], alphabet: .urlSafe),
      let signature = Base64.decode(parts[1], alphabet: .urlSafe)
    else { throw LicenseError(message: "the licence is no token of the form PAYLOAD.SIGNATURE in base64url") }
    guard vendorKey.isValidSignature(signature, for: Array(parts[0].utf8)) else {
      throw LicenseError(message: "the licence is not signed with the vendor's key")
    }
    guard let json = try? JSONValue(parsing: payload), let organization = json["organization"]?.string else {
      throw LicenseError(message: "the licence names no organization")
    }
    switch json["expiresAt"] {
    case nil, .null: expiresAt = nil
    case .string(let text):
      guard let moment = Timestamp(text) else {
        throw LicenseError(message: "the licence's expiresAt is no RFC 3339 time")
      }
      expiresAt = moment
    default: throw LicenseError(message: "the licence's expiresAt is no RFC 3339 time")
    }
    self.organization = organization
  }

  func isValid(at now: Timestamp) -> Bool { expiresAt.map { now < $0 } ?? true }
}

/// Why a text is no licence. Never holds the token.
struct LicenseError: Error, Sendable, Hashable, CustomStringConvertible {
  var message: String
  var description: String { message }
}

/// What the Backend knows of the customer's licence.
enum LicenseState: Sendable, Hashable {
  /// None is configured: nothing is checked.
  case notRequired
  case licensed(License)
  case rejected(LicenseError)

  /// Why no release may be deployed; nil where one may.
  func problem(at now: Timestamp) -> LicenseError? {
    switch self {
    case .notRequired: nil
    case .licensed(let license):
      license.isValid(at: now)
        ? nil : LicenseError(message: "the licence expired\(license.expiresAt.map { " on \($0)" } ?? "")")
    case .rejected(let error): error
    }
  }

  /// The answer to `GET /internal/license/status` (spec §14.3).
  func json(at now: Timestamp) -> JSONValue {
    switch self {
    case .notRequired: ["valid": true, "configured": false, "expiresAt": .null]
    case .licensed(let license):
      [
        "valid": .bool(license.isValid(at: now)),
        "expiresAt": license.expiresAt.map { .string($0.description) } ?? .null,
        "organization": .string(license.organization),
      ]
    case .rejected(let error): ["valid": false, "expiresAt": .null, "message": .string(error.message)]
    }
  }
}
