public import WireFormats

/// What a vendor lets an organization deploy, and until when. The vendor signs it as a token (`init(token:keys:)`), and whoever
/// has the vendor's public key checks it without asking anybody.
public struct License: Sendable, Hashable {
  /// Names it among all; a token that says none is named by its digest.
  public var id: String
  public var organization: String
  /// The one installation that it holds for; nil: every one of the organization's.
  public var installation: String?
  /// Which of several is the newer one; it takes no part in whether the licence holds.
  public var issuedAt: Timestamp?
  /// Nil where it holds from the beginning of time.
  public var notBefore: Timestamp?
  /// Nil where it never expires.
  public var expiresAt: Timestamp?
  /// For people.
  public var edition: String?
  /// For people, such as `users: 500`: text, whole numbers and truth values.
  public var limits: [String: JSONValue]
  /// Of the key that signs it, as `LicenseKeys.id(of:)`; nil in tokens from before keys had one.
  public var keyID: String?

  public init(
    id: String, organization: String, installation: String? = nil, issuedAt: Timestamp? = nil,
    notBefore: Timestamp? = nil, expiresAt: Timestamp? = nil, edition: String? = nil, limits: [String: JSONValue] = [:],
    keyID: String? = nil
  ) {
    self.id = id
    self.organization = organization
    self.installation = installation
    self.issuedAt = issuedAt
    self.notBefore = notBefore
    self.expiresAt = expiresAt
    self.edition = edition
    self.limits = limits
    self.keyID = keyID
  }

  /// True for the one that was issued later; of those of one moment, for the one that holds longer. One that does not say when
  /// it was issued is older than any that does.
  public func isNewer(than other: License) -> Bool { age > other.age }

  private var age: (Int64, Int64, String) {
    (issuedAt?.microseconds ?? .min, expiresAt?.microseconds ?? .max, id)
  }

  public enum Period: Sendable, Hashable {
    case ahead
    case running
    case over
  }

  public func period(at now: Timestamp) -> Period {
    if let expiresAt, expiresAt <= now { return .over }
    if let notBefore, now < notBefore { return .ahead }
    return .running
  }
}

/// Why a text is no licence, or a file no key, and what to do. Never holds the token.
public struct LicenseError: Error, Sendable, Hashable, CustomStringConvertible {
  public var message: String

  public init(_ message: String) { self.message = message }

  public var description: String { message }
}
