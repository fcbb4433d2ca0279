import WireFormats

/// An image that an object of a release starts, and where in it.
struct ImageUse: Sendable, Hashable {
  enum Kind: String, Sendable, CaseIterable {
    case container
    case initContainer = "init container"
    case ephemeralContainer = "ephemeral container"
    case volume

    /// The list of a pod's specification that it stands in.
    fileprivate var field: String {
      switch self {
      case .container: "containers"
      case .initContainer: "initContainers"
      case .ephemeralContainer: "ephemeralContainers"
      case .volume: "volumes"
      }
    }
  }

  /// `Deployment web`
  var object: String
  var kind: Kind
  /// The container's.
  var name: String
  /// As the object has it: `registry.example.com/wrktalk/backend:v2@sha256:…`
  var image: String

  /// `init container wait`
  var place: String { "\(kind.rawValue) \(name)" }

  /// Whatever the object's kind, and however deep in it: pods stand in templates of templates, and an operator's own kinds
  /// hold the same lists.
  static func all(in object: JSONValue) -> [ImageUse] {
    let metadata = object["metadata"]
    let name = metadata?["name"]?.string ?? metadata?["generateName"]?.string ?? "without a name"
    return uses(in: object, of: "\(object["kind"]?.string ?? "object") \(name)")
  }

  private static func uses(in value: JSONValue, of object: String) -> [ImageUse] {
    switch value {
    case .array(let elements): return elements.flatMap { uses(in: $0, of: object) }
    case .object(let members):
      var found: [ImageUse] = []
      for kind in Kind.allCases {
        for element in members[kind.field]?.array ?? [] {
          let image = kind == .volume ? element["image"]?["reference"] : element["image"]
          guard let image, image != .null else { continue }
          found.append(
            ImageUse(object: object, kind: kind, name: element["name"]?.string ?? "", image: image.string ?? image.text)
          )
        }
      }
      return found + members.sorted { $0.key < $1.key }.flatMap { uses(in: $0.value, of: object) }
    case .null, .bool, .integer, .number, .string: return []
    }
  }
}
