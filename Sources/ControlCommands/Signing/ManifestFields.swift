import ReleaseManifest
import WireFormats

/// The fields of a release manifest. Agents pass over others, so that newer manifests may have some: what somebody writes there
/// by mistake would be signed without effect.
enum ManifestFields {
  /// By the field that holds them; "" for the manifest itself.
  static let known: [String: Set<String>] = [
    "": [
      "product", "version", "sequence", "minimumSequence", "issuedAt", "expires", "artifacts", "images", "imageTags",
      "settings", "ruleset",
    ],
    "artifacts": ["runtime", "sha256", "size"],
    "images": ["service", "repository", "digest", "contentDigests", "digestValue"],
    "settings": ["key", "value"],
    "ruleset": ["forced", "migration", "minimumVersion"],
  ]

  /// Paths such as `images[0].comment`.
  static func unknown(in manifest: JSONValue) -> [String] {
    var found: [String] = []
    func look(at value: JSONValue, _ path: String, _ field: String) {
      for (index, element) in (value.array ?? []).enumerated() { look(at: element, "\(path)[\(index)]", field) }
      for (name, member) in (value.object ?? [:]).sorted(by: { $0.key < $1.key }) {
        let place = path.isEmpty ? name : "\(path).\(name)"
        if known[field]?.contains(name) == false { found.append(place) }
        if field.isEmpty, known[name] != nil { look(at: member, place, name) }
      }
    }
    look(at: manifest, "", "")
    return found
  }

  /// - Throws: where a payload has fields that Agents do not know.
  static func check(_ payload: [UInt8], file: String) throws(CommandFailure) {
    let unknown = unknown(in: (try? JSONValue(parsing: payload, maximumDepth: 8, maximumNodeCount: 50_000)) ?? .null)
    guard !unknown.isEmpty else { return }
    throw CommandFailure(
      """
      \(printable(file)): \(unknown.map { printable($0) }.joined(separator: ", ")) \
      \(unknown.count == 1 ? "is not a field" : "are not fields") of a release manifest, and would be signed without effect
      """, hint: "Correct the name or take it out; a newer field takes a newer wrktalkctl.")
  }
}
