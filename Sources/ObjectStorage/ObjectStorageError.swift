/// Why a bucket did not do what it was asked for. Holds no credential.
public struct ObjectStorageError: Error, Sendable, Hashable, CustomStringConvertible {
  public enum Code: String, Sendable, Hashable, CaseIterable {
    case notFound
    case bucketNotFound
    case accessDenied
    /// Passes by itself: no connection, a time-out, or the store says that it is overloaded or broken.
    case unreachable
    case invalidKey
    case tooLarge
    case diskFull
    /// The local file cannot be read or written.
    case fileUnusable
    case cancelled
    /// The store refused for another reason, or answered what cannot be understood.
    case refused
  }

  public var code: Code
  public var bucket: String
  public var key: String?
  /// What happened, and what to do about it.
  public var detail: String

  public init(code: Code, bucket: String, key: String? = nil, detail: String) {
    self.code = code
    self.bucket = bucket
    self.key = key
    self.detail = detail
  }

  /// Whether the same call may succeed later with nothing changed by anyone.
  public var isTransient: Bool { code == .unreachable }

  public var description: String {
    let place = key.map { "object \($0) in bucket \(bucket)" } ?? "bucket \(bucket)"
    return "\(place): \(detail)"
  }
}
