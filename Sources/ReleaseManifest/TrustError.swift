/// Why something that claims to be signed by the vendor is not believed.
public struct TrustError: Error, Sendable, Hashable, CustomStringConvertible {
  /// CamelCase, for the condition.
  public enum Reason: String, Sendable, Hashable, CaseIterable {
    /// There is no manifest where one is demanded.
    case releaseNotSigned = "ReleaseNotSigned"
    /// Too few keys of the role have signed exactly these bytes.
    case signatureInvalid = "SignatureInvalid"
    /// What signed it was withdrawn by the trust root, or the release itself was.
    case revoked = "ReleaseRevoked"
    /// It is not what it has to be: no envelope, another type, a field missing or out of its range.
    case malformed = "ManifestInvalid"
    /// It is valid no more.
    case expired = "ManifestExpired"
    /// It was signed at a time that has not come yet.
    case notYetValid = "ManifestNotYetValid"
    /// It is another product's.
    case otherProduct = "ProductMismatch"
    /// Newer releases were accepted before, or the vendor has declared it too old.
    case sequenceTooLow = "SequenceTooLow"
    /// It may not follow what runs: a version between them has to come first.
    case versionTooLow = "VersionTooLow"
    /// The record asks for something else than the manifest says.
    case disagreement = "ManifestMismatch"
    /// The trust root itself is valid no more.
    case rootExpired = "TrustRootExpired"
    /// No further deployment can be remembered.
    case tooManyTargets = "TooManyTargets"
    /// A root that does not follow the present one.
    case rootRefused = "TrustRootRefused"
    /// What the vendor has said last is not known.
    case stale = "Stale"
  }

  public var reason: Reason
  /// What is wrong, where, and what to do.
  public var message: String

  public init(_ reason: Reason, _ message: String) {
    self.reason = reason
    self.message = message
  }

  public var description: String { "\(reason.rawValue): \(message)" }
}
