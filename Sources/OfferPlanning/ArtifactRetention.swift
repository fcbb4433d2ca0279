import DeploymentKinds
import ReleaseManifest

/// Which artifacts leave the customer's bucket: all but the last ten of a type (spec §3.2), and never what somebody needs.
public enum ArtifactRetention {
  public static let keptVersions = 10

  /// - Parameters:
  ///   - versions: of the artifacts of one type that lie in the bucket.
  ///   - needed: what runs, is scheduled, offered and not ended, or would be returned to; it stays beside those that are kept.
  /// - Returns: the versions to remove, the oldest first.
  public static func removable(
    _ versions: Set<String>, needed: Set<String>, kept: Int = keptVersions
  ) -> [String] {
    let known = versions.compactMap { text in SemanticVersion(text).map { (text: text, version: $0) } }
    let newestFirst = known.sorted { ($0.version, $0.text) > ($1.version, $1.text) }
    let neededVersions = Set(needed.compactMap { SemanticVersion($0) })
    return newestFirst.dropFirst(kept).filter { !neededVersions.contains($0.version) }.reversed().map(\.text)
  }
}
