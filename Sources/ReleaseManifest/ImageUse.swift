public import WireFormats

/// An image that an object of a release starts, and where in it.
public struct ImageUse: Sendable, Hashable {
  public enum Kind: String, Sendable, CaseIterable {
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
  public var object: String
  public var kind: Kind
  /// The container's.
  public var name: String
  /// As the object has it: `registry.example.com/wrktalk/backend:v2@sha256:…`
  public var image: String
  /// Where in the object: `spec.template.spec.containers[0]`.
  public var path: String

  public init(object: String, kind: Kind, name: String, image: String, path: String = "") {
    self.object = object
    self.kind = kind
    self.name = name
    self.image = image
    self.path = path
  }

  /// `init container wait`
  public var place: String { "\(kind.rawValue) \(name)" }

  /// Whatever the object's kind, and however deep in it: pods stand in templates of templates, and an operator's own kinds
  /// hold the same lists.
  public static func all(in object: JSONValue) -> [ImageUse] {
    let metadata = object["metadata"]
    let name = metadata?["name"]?.string ?? metadata?["generateName"]?.string ?? "without a name"
    return uses(in: object, of: "\(object["kind"]?.string ?? "object") \(name)", at: "")
  }

  private static func uses(in value: JSONValue, of object: String, at path: String) -> [ImageUse] {
    switch value {
    case .array(let elements):
      return elements.enumerated().flatMap { uses(in: $1, of: object, at: "\(path)[\($0)]") }
    case .object(let members):
      func place(_ field: String) -> String { path.isEmpty ? field : "\(path).\(field)" }
      var found: [ImageUse] = []
      for kind in Kind.allCases {
        for (index, element) in (members[kind.field]?.array ?? []).enumerated() {
          let image = kind == .volume ? element["image"]?["reference"] : element["image"]
          guard let image, image != .null else { continue }
          found.append(
            ImageUse(
              object: object, kind: kind, name: element["name"]?.string ?? "", image: image.string ?? image.text,
              path: "\(place(kind.field))[\(index)]")
          )
        }
      }
      return found + members.sorted { $0.key < $1.key }.flatMap { uses(in: $0.value, of: object, at: place($0.key)) }
    case .null, .bool, .integer, .number, .string: return []
    }
  }
}
