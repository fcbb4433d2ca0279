import Glibc

/// Finds programs the way a shell does.
public enum ExecutableSearch {
  /// The absolute path of `name` in the folders of `path` (as in the variable `PATH`); nil when it is in none.
  ///
  /// A name with a slash is not searched for: it is the answer, if it can be run.
  public static func find(_ name: String, path: String) -> String? {
    guard !name.isEmpty else { return nil }
    if name.contains("/") { return isExecutable(name) ? name : nil }
    for folder in path.split(separator: ":") where folder.hasPrefix("/") {
      let candidate = "\(folder)/\(name)"
      if isExecutable(candidate) { return candidate }
    }
    return nil
  }

  private static func isExecutable(_ path: String) -> Bool {
    var status = stat()
    return unsafe stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG && access(path, X_OK) == 0
  }
}
