import ReleaseManifest

/// How far a customer is behind.
public struct VersionsBehind: Sendable, Hashable {
  public var releases: Int
  public var preReleases: Int

  public init(releases: Int, preReleases: Int) {
    self.releases = releases
    self.preReleases = preReleases
  }
}

/// The published versions in their order, to ask of many customers how far they are behind.
public struct PublishedVersions: Sendable, Hashable {
  private let releases: [SemanticVersion]
  private let preReleases: [SemanticVersion]

  /// - Parameter versions: in any order; what is not a semantic version is left out.
  public init(_ versions: some Sequence<String>) {
    var releases: [SemanticVersion] = []
    var preReleases: [SemanticVersion] = []
    for text in versions {
      guard let version = SemanticVersion(text) else { continue }
      if text.contains("-") { preReleases.append(version) } else { releases.append(version) }
    }
    self.releases = releases.sorted()
    self.preReleases = preReleases.sorted()
  }

  /// - Returns: nil where it is not known what the customer runs.
  public func behind(_ current: String?) -> VersionsBehind? {
    guard let current = current.flatMap({ SemanticVersion($0) }) else { return nil }
    return VersionsBehind(
      releases: Self.newer(than: current, in: releases), preReleases: Self.newer(than: current, in: preReleases))
  }

  private static func newer(than version: SemanticVersion, in sorted: [SemanticVersion]) -> Int {
    var low = 0
    var high = sorted.count
    while low < high {
      let middle = (low + high) / 2
      if sorted[middle] <= version { low = middle + 1 } else { high = middle }
    }
    return sorted.count - low
  }
}
