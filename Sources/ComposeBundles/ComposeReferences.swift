import FoundationEssentials
import WireFormats
import YAMLDocuments

/// The Compose files that a bundle's Compose files have Compose read besides themselves: `include:` and `extends:`.
///
/// They are looked for before Compose reads the bundle, for it fetches what lies elsewhere. Only files of the bundle are
/// signed.
package struct ComposeReferences {
  /// Files of the bundle, relative to its root.
  let files: Set<String>
  /// A file's bytes; nil where it cannot be read.
  let read: (String) -> [UInt8]?

  package init(files: Set<String>, read: @escaping (String) -> [UInt8]?) {
    self.files = files
    self.read = read
  }

  /// Those of an unpacked bundle.
  package init(_ bundle: ComposeBundle) {
    self.init(files: Set(bundle.files.lazy.filter { !$0.isDirectory }.map(\.path))) { path in
      FileManager.default.contents(atPath: "\(bundle.root)/\(path)").map { [UInt8]($0) }
    }
  }

  /// One that a Compose file names.
  private struct Reference {
    var path: String
    /// `include` or `extends`.
    var keyword: String
  }

  /// - Parameter composeFiles: those that Compose is given.
  /// - Returns: all that Compose reads, in the order of their names.
  /// - Throws: where not all of them are the bundle's own.
  @discardableResult
  package func check(_ composeFiles: [String]) throws(BundleFault) -> [String] {
    var waiting = composeFiles
    var seen = Set(composeFiles)
    var projectFolders: Set<String> = [""]
    while let file = waiting.popLast() {
      let documents: [YAMLDocument]
      do throws(YAMLError) {
        documents = try YAMLStream.parse(read(file) ?? [], file: file, keys: .untagged)
      } catch {
        throw BundleFault(
          "InvalidComposeFile", "The Agent cannot read which other files the bundle's Compose file uses: \(error)")
      }
      let folder = Self.folder(of: file)
      for document in documents {
        for reference in Self.references(in: document.value, folder, &projectFolders) {
          if let problem = Self.problem(of: reference.path) { throw Self.refusal(of: reference, in: file, problem) }
          let own = Set(([folder] + projectFolders).compactMap { Self.normalized(reference.path, in: $0) })
            .intersection(files)
          if own.isEmpty { throw Self.refusal(of: reference, in: file, "is no file of the bundle") }
          waiting += own.filter { seen.insert($0).inserted }.sorted()
        }
      }
    }
    return seen.sorted()
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

  private static func refusal(of reference: Reference, in file: String, _ problem: String) -> BundleFault {
    BundleFault(
      "ComposeFileNotSigned",
      """
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
