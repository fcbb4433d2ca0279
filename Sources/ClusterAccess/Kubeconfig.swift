import ProgramConfiguration
import WireFormats
import YAMLDocuments

/// What one or several kubeconfig files say together: of two entries with one name the first counts.
struct Kubeconfig: Sendable {
  private(set) var clusters: [String: KubeconfigEntry] = [:]
  private(set) var users: [String: KubeconfigEntry] = [:]
  private(set) var contexts: [String: KubeconfigEntry] = [:]
  private(set) var currentContext: (name: String, location: SourceLocation)?

  /// Adds what the file at `path` says and the files before it did not.
  mutating func merge(_ text: String, path: String) throws(ConfigurationError) {
    let documents: [YAMLDocument]
    do throws(YAMLError) {
      documents = try YAMLStream.parse(text, file: path)
    } catch {
      // The parser's own message may quote a value, which may be a token.
      throw ConfigurationError("this is not valid YAML", at: error.location)
    }
    guard let document = documents.first else { return }
    guard documents.count == 1, document.value.object != nil else {
      throw ConfigurationError(
        "not a kubeconfig: it must be one YAML document with clusters, users and contexts",
        at: documents.count > 1 ? documents[1].location : document.location)
    }
    try Self.merge(into: &clusters, "clusters", "cluster", document, path)
    try Self.merge(into: &users, "users", "user", document, path)
    try Self.merge(into: &contexts, "contexts", "context", document, path)
    if currentContext == nil, let name = document.value["current-context"]?.string, !name.isEmpty {
      currentContext = (name, document.location(ofField: "current-context"))
    }
  }

  private static func merge(
    into entries: inout [String: KubeconfigEntry], _ list: String, _ kind: String, _ document: YAMLDocument,
    _ file: String
  ) throws(ConfigurationError) {
    guard let elements = document.value[list], elements != .null else { return }
    guard let elements = elements.array else {
      throw ConfigurationError("\(list) must be a list", at: document.location(ofField: list))
    }
    for (index, element) in elements.enumerated() {
      let path = "\(list)[\(index)]"
      guard let name = element["name"]?.string else {
        throw ConfigurationError(
          "every entry of \(list) needs a name, which is a string", at: document.location(ofField: path))
      }
      if entries[name] != nil { continue }
      entries[name] = KubeconfigEntry(
        kind: kind, name: name, value: element[kind] ?? .object([:]), file: file, document: document,
        path: "\(path).\(kind)")
    }
  }
}
