/// Builds field paths as Kubernetes writes them: `spec.artifact.sha256`, `spec.newNonEssentialEnvs[1].key`, `spec.imageTags[backend]`.
enum FieldPath {
  static func property(_ name: String, of path: String) -> String { path.isEmpty ? name : "\(path).\(name)" }
  static func index(_ index: Int, of path: String) -> String { "\(path)[\(index)]" }
  static func key(_ key: String, of path: String) -> String { "\(path)[\(key)]" }
}
