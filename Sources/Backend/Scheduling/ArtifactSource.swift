/// Where the artifact of an earlier version comes from once the bucket has it no more (spec §9.1).
struct ArtifactSource: Sendable {
  enum Answer: Sendable, Hashable {
    /// It lies in the bucket.
    case available
    /// It is being fetched.
    case coming
    /// Nobody has it any more.
    case unavailable
  }

  var require: @Sendable (_ version: String) async throws -> Answer

  static let none = ArtifactSource { _ in .unavailable }

  init(require: @escaping @Sendable (_ version: String) async throws -> Answer) { self.require = require }

  /// From the vendor, once more.
  init(_ downloads: DownloadQueue) {
    require = { version in
      _ = try await downloads.require(version: version)
      return .available
    }
  }
}
