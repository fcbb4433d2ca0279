/// Where the artifact of an earlier version comes from once the bucket has it no more (spec §9.1).
struct ArtifactSource: Sendable {
  enum Answer: Sendable, Hashable {
    /// It lies in the bucket, and stays there for an hour at least.
    case available
    /// It is being fetched.
    /// - Parameter problem: why it was not there after the last try; nil where nothing has gone wrong.
    case coming(problem: String?)
    /// Nobody has it any more.
    case unavailable
  }

  /// - Parameter path: where it lies in the bucket.
  var require: @Sendable (_ version: String, _ path: String) async throws -> Answer

  init(require: @escaping @Sendable (_ version: String, _ path: String) async throws -> Answer) {
    self.require = require
  }

  /// From the vendor, once more.
  init(_ downloads: DownloadQueue) {
    require = { version, path in try await downloads.require(version: version, at: path) }
  }
}
