import ReleaseManifest
import ResourceModel

/// The version of a release as it is kept: a semantic version in lower case, without a `v` before it.
public struct ReleaseVersion: Sendable, Hashable, Comparable, CustomStringConvertible {
  /// Why a text is refused, and what would be right.
  public enum Refusal: Error, Sendable, Hashable, CustomStringConvertible {
    case buildMetadata(String)
    case upperCase(String)
    case tooLong
    case notAVersion(String)

    public var description: String {
      switch self {
      case .buildMetadata(let text):
        "version \"\(text)\" has build metadata, which has no order: leave out '+' and what follows it"
      case .upperCase(let text): "version \"\(text)\" has upper-case letters: write it as \"\(text.lowercased())\""
      case .tooLong: "the version is longer than \(maximumByteCount) bytes"
      case .notAVersion(let text): "version \"\(text)\" is not a semantic version such as 2.3.0 or 2.3.0-rc.1"
      }
    }
  }

  public static let maximumByteCount = 64

  public let description: String
  private let version: SemanticVersion

  /// - Parameter text: with or without a `v` before it.
  public init(_ text: String) throws(Refusal) {
    let bare = String(text.first == "v" || text.first == "V" ? text.dropFirst() : text[...])
    guard bare.utf8.count <= Self.maximumByteCount else { throw .tooLong }
    if let plus = bare.firstIndex(of: "+"), SemanticVersion(String(bare[..<plus])) != nil {
      throw .buildMetadata(bare)
    }
    guard let version = SemanticVersion(bare), bare.first != "v" else { throw .notAVersion(String(bare.prefix(80))) }
    if bare != bare.lowercased() { throw .upperCase(bare) }
    // The release's name has to be a name, which has no part that starts or ends with a dash.
    guard NameRules.subdomainProblems(bare).isEmpty else { throw .notAVersion(bare) }
    description = bare
    self.version = version
  }

  public var isPreRelease: Bool { description.contains("-") }

  public static func < (left: ReleaseVersion, right: ReleaseVersion) -> Bool { left.version < right.version }
}

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
