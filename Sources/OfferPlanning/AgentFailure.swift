/// Why a task failed, as an Agent that polls says it: in words alone (spec §6.3). Which of the specification's cases it is decides
/// whether it is tried again and what admins are told (spec §8.4).
public enum AgentFailure: Sendable, Hashable {
  /// 4.2: the bucket could not be reached or read. Nothing was touched yet.
  case download
  /// 4.3.
  case license
  /// 4.5.
  case helm
  /// 4.6: what runs may be neither the one version nor the other.
  case compose
  case other

  /// - Parameters:
  ///   - message: what the Agent said.
  ///   - reason: in CamelCase, from Agents that give one.
  public init(message: String, reason: String? = nil) {
    switch reason {
    case "BucketUnreachable"?, "BucketAccessDenied"?, "BucketNotFound"?, "BucketRefused"?, "DownloadFailed"?:
      self = .download
      return
    case "LicenseExpired"?, "LicenseInvalid"?:
      self = .license
      return
    default: break
    }
    let text = message.prefix(4_000).lowercased()
    if text.hasPrefix("license") || text.hasPrefix("licence") {
      self = .license
    } else if text.hasPrefix("helm ") {
      self = .helm
    } else if text.hasPrefix("docker compose") || text.hasPrefix("docker-compose") || text.hasPrefix("compose ") {
      self = .compose
    } else if Self.downloadWords.contains(where: { text.contains($0) }) {
      self = .download
    } else {
      self = .other
    }
  }

  /// What the clients of S3, Azure and Google, and their transports, have in their messages.
  private static let downloadWords = [
    "nosuchbucket", "specified bucket", "bucket not found", "download", "botocore", "headobject", "getobject",
    "nosuchkey", "blobnotfound", "s3 ", "s3:", "blob",
    "endpoint url", "could not connect", "connection refused", "connection reset", "connection aborted",
    "name or service not known", "temporary failure in name resolution", "max retries exceeded", "read timed out",
    "connect timeout", "accessdenied", "access denied", "invalidaccesskeyid", "signaturedoesnotmatch",
    "expiredtoken", "serviceunavailable", "slowdown",
  ]

  public var isTransient: Bool { self == .download }

  /// In CamelCase, for reports.
  public var reason: String {
    switch self {
    case .download: "DownloadFailed"
    case .license: "LicenseExpired"
    case .helm: "HelmFailed"
    case .compose: "ComposeFailed"
    case .other: "AgentFailed"
    }
  }
}
