import ReleaseManifest

/// Which failures a success puts an end to: those of its own version, and of every version before it.
public enum SupersededFailures {
  /// - Parameters:
  ///   - versions: of releases that failed.
  ///   - version: what runs now.
  /// - Returns: those of `versions` that nobody need look after any more.
  public static func resolved(_ versions: [String], by version: String) -> [String] {
    let running = SemanticVersion(version)
    return versions.filter { failed in
      if failed == version { return true }
      guard let running, let failed = SemanticVersion(failed) else { return false }
      return failed <= running
    }
  }
}
