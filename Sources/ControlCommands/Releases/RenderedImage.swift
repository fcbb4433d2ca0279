import WireFormats

/// An image that a chart or a bundle runs.
struct RenderedImage: Hashable {
  /// The Compose service, or the container.
  var service: String
  /// As it stands there.
  var reference: String
  /// The chart's value that pins it; nil where there is none.
  var digestValue: String?
}

/// The containers in what a chart rendered, of whatever kind the object is.
enum PodContainers {
  struct Container: Hashable {
    /// The object, and the path in it.
    var place: String
    var name: String
    var image: String
  }

  private static let lists: Set<String> = ["containers", "initContainers", "ephemeralContainers"]

  static func all(in documents: [JSONValue]) -> [Container] {
    var found: [Container] = []
    for document in documents {
      // A List holds objects as they stand alone.
      for object in document["items"]?.array ?? [document] {
        let title = "\(object["kind"]?.string ?? "") \(object["metadata"]?["name"]?.string ?? "")"
        collect(object, title, depth: 0, &found)
      }
    }
    return found
  }

  private static func collect(_ value: JSONValue, _ place: String, depth: Int, _ found: inout [Container]) {
    guard depth < 64 else { return }
    switch value {
    case .object(let members):
      for (key, member) in members.sorted(by: { $0.key < $1.key }) {
        if lists.contains(key), let containers = member.array {
          for (index, container) in containers.enumerated() {
            guard let image = container["image"]?.string else { continue }
            found.append(
              Container(
                place: "\(place)/\(key)[\(index)]", name: container["name"]?.string ?? "container", image: image))
          }
        }
        collect(member, "\(place)/\(key)", depth: depth + 1, &found)
      }
    case .array(let elements):
      for (index, element) in elements.enumerated() { collect(element, "\(place)[\(index)]", depth: depth + 1, &found) }
    default: return
    }
  }
}
