import Cryptography
import WireFormats

/// What the Agent adds to a release's Compose files: images fixed to digests, and labels that have Compose recreate what
/// its own hash takes for unchanged.
struct ReleaseOverride: Sendable, Hashable {
  /// Service to image reference.
  var images: [String: String] = [:]
  /// Service to labels of its containers.
  var labels: [String: [String: String]] = [:]

  /// On a container: the record that its project was made for, `NAMESPACE/NAME`.
  static let ownerLabel = "com.wrktalk.deploy.owner"
  /// On a container: a keyed digest of what its configs and secrets hold.
  static let contentLabel = "com.wrktalk.deploy.content"

  mutating func add(_ label: String, _ value: String, to service: String) {
    labels[service, default: [:]][label] = value
  }

  /// A Compose file. JSON is YAML.
  var file: JSONValue {
    var services: [String: JSONValue] = [:]
    for name in Set(images.keys).union(labels.keys) {
      var service: [String: JSONValue] = [:]
      if let image = images[name] { service["image"] = .string(image) }
      // A dollar sign stands for a variable where it is not doubled.
      if let labels = labels[name] {
        service["labels"] = .object(labels.mapValues { .string($0.replacing("$", with: "$$")) })
      }
      services[name] = .object(service)
    }
    return ["services": .object(services)]
  }
}

/// What a release's configs and secrets hold. Compose's hash of a service covers only their names and paths.
struct ReleaseContents: Sendable, Hashable {
  enum Source: Sendable, Hashable {
    case file(String)
    case content(String)
    case variable(String)
  }

  struct Item: Sendable, Hashable {
    /// `configs/NAME`
    var title: String
    var source: Source
  }

  /// By service, in a fixed order.
  var items: [String: [Item]] = [:]

  /// - Parameter file: the resolved Compose file.
  init(of file: JSONValue) {
    for (name, service) in file["services"]?.object ?? [:] {
      var found: [Item] = []
      for kind in ["configs", "secrets"] {
        for reference in service[kind]?.array ?? [] {
          let source = reference.string ?? reference["source"]?.string ?? ""
          guard let definition = file[kind]?[source] else { continue }
          let title = "\(kind)/\(source)"
          if let path = definition["file"]?.string {
            found.append(Item(title: title, source: .file(path)))
          } else if let content = definition["content"]?.string {
            found.append(Item(title: title, source: .content(content)))
          } else if let variable = definition["environment"]?.string {
            found.append(Item(title: title, source: .variable(variable)))
          }
        }
      }
      if !found.isEmpty { items[name] = found.sorted { $0.title < $1.title } }
    }
  }

  /// The variables whose values are secrets or configs.
  var variables: [String] {
    let names = items.values.joined().compactMap { if case .variable(let name) = $0.source { name } else { nil } }
    return Set(names).sorted()
  }

  /// A Compose file that has Compose say what these variables mean to it.
  static func inquiry(_ variables: [String]) -> JSONValue {
    [
      "services": [:],
      inquiryKey: .object(Dictionary(variables.map { ($0, .string("${\($0)-}")) }) { first, _ in first }),
    ]
  }

  static let inquiryKey = "x-wrktalk-variables"

  /// Service to digest.
  /// - Parameters:
  ///   - key: without it nobody can find out a short secret by trying.
  ///   - variables: what they mean to Compose.
  ///   - read: a file's bytes; nil where it cannot be read.
  func digests(key: [UInt8], variables: [String: String], read: (String) -> [UInt8]?) -> [String: String] {
    items.mapValues { items in
      var message: [UInt8] = []
      for item in items {
        let content: [UInt8]? =
          switch item.source {
          case .file(let path): read(path)
          case .content(let text): Array(text.utf8)
          case .variable(let name): variables[name].map { Array($0.utf8) }
          }
        message += Array("\(item.title) \(content.map { String($0.count) } ?? "unreadable")\n".utf8) + (content ?? [])
      }
      return String(Hexadecimal.encode(HMACSHA256.authenticationCode(for: message, key: key)).prefix(32))
    }
  }
}
