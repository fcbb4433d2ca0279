import DeploymentPlanning
import WireFormats
import YAMLDocuments

/// The Compose files that a bundle's Compose files have Compose read besides themselves: `include:` and `extends:`.
///
/// They are looked for before Compose reads the bundle, for it fetches what lies elsewhere. Only files of the bundle are
/// signed.
struct ComposeReferences {
  /// Files of the bundle, relative to its root.
  let files: Set<String>
  /// A file's bytes; nil where it cannot be read.
  let read: (String) -> [UInt8]?

  /// One that a Compose file names.
  private struct Reference {
    var path: String
    /// `include` or `extends`.
    var keyword: String
  }

  /// Why the bundle is refused; nil where all that it refers to is its own.
  /// - Parameter composeFiles: those that Compose is given.
  func refusal(of composeFiles: [String]) -> RuntimeFailure? {
    var waiting = composeFiles
    var seen = Set(composeFiles)
    var projectFolders: Set<String> = [""]
    while let file = waiting.popLast() {
      let documents: [YAMLDocument]
      do {
        documents = try YAMLStream.parse(read(file) ?? [], file: file, keys: .untagged)
      } catch {
        return RuntimeFailure(
          kind: .permanent, reason: "InvalidComposeFile",
          message: "The Agent cannot read which other files the bundle's Compose file uses: \(error)")
      }
      let folder = Self.folder(of: file)
      for document in documents {
        for reference in Self.references(in: document.value, folder, &projectFolders) {
          if let problem = Self.problem(of: reference.path) { return Self.refusal(of: reference, in: file, problem) }
          let own = Set(([folder] + projectFolders).compactMap { Self.normalized(reference.path, in: $0) })
            .intersection(files)
          if own.isEmpty { return Self.refusal(of: reference, in: file, "is no file of the bundle") }
          waiting += own.filter { seen.insert($0).inserted }.sorted()
        }
      }
    }
    return nil
  }

  private static func references(
    in document: JSONValue, _ folder: String, _ projectFolders: inout Set<String>
  ) -> [Reference] {
    var found: [Reference] = []
    for entry in document["include"]?.array ?? [document["include"] ?? .null] {
      if let path = entry.string { found.append(Reference(path: path, keyword: "include")) }
      for path in entry["path"]?.array ?? [entry["path"] ?? .null] {
        if let path = path.string { found.append(Reference(path: path, keyword: "include")) }
      }
      if let project = entry["project_directory"]?.string, let path = normalized(project, in: folder) {
        projectFolders.insert(path)
      }
    }
    collectExtensions(in: document, &found)
    return found
  }

  /// Wherever it stands: a service may get it by a merge key, from an anchor or from another file.
  private static func collectExtensions(in value: JSONValue, _ found: inout [Reference]) {
    for (key, member) in value.object ?? [:] {
      if key == "extends", let path = member["file"]?.string {
        found.append(Reference(path: path, keyword: "extends"))
      }
      collectExtensions(in: member, &found)
    }
    for element in value.array ?? [] { collectExtensions(in: element, &found) }
  }

  /// Why a path cannot be that of a file of the bundle, by its text alone.
  private static func problem(of path: String) -> String? {
    let lowercase = path.lowercased()
    if lowercase.firstMatch(of: /^[a-z][a-z0-9+.\-]*:/) != nil || lowercase.hasPrefix("git@")
      || lowercase.hasPrefix("github.com/") || lowercase.contains(".git#") || lowercase.hasSuffix(".git")
    {
      return "lies elsewhere and would be fetched"
    }
    if path.contains("$") { return "is named by a variable, so that the settings would choose it" }
    if path.hasPrefix("/") || path.hasPrefix("~") { return "lies outside of the bundle" }
    return nil
  }

  private static func refusal(of reference: Reference, in file: String, _ problem: String) -> RuntimeFailure {
    RuntimeFailure(
      kind: .permanent, reason: "ComposeFileNotSigned",
      message: """
        \(file) uses \(reference.path) (\(reference.keyword):), which \(problem); only the bundle's own files are \
        signed. The vendor has to bring it in the bundle
        """)
  }

  private static func folder(of path: String) -> String {
    path.lastIndex(of: "/").map { String(path[..<$0]) } ?? ""
  }

  /// Relative to the root; nil for what leaves the bundle.
  private static func normalized(_ path: String, in folder: String) -> String? {
    if path.hasPrefix("/") { return nil }
    var parts: [Substring] = []
    for part in "\(folder)/\(path)".split(separator: "/") where part != "." {
      if part != ".." {
        parts.append(part)
      } else if parts.popLast() == nil {
        return nil
      }
    }
    return parts.joined(separator: "/")
  }
}
