import ResourceModel
import WireFormats

/// The path and query of requests.
enum RequestURL {
  /// A namespace that is nil or empty is left out: all namespaces of a list, or an object of the whole cluster.
  static func path(_ names: ResourceNames, namespace: String?, name: String? = nil, subresource: String? = nil)
    -> String
  {
    var path = names.rootPath
    if let namespace, !namespace.isEmpty { path += "/namespaces/\(percentEncoded(namespace))" }
    path += "/\(names.plural)"
    if let name { path += "/\(percentEncoded(name))" }
    if let subresource { path += "/\(percentEncoded(subresource))" }
    return path
  }

  static func query(_ items: [(name: String, value: String)]) -> String {
    if items.isEmpty { return "" }
    return "?" + items.map { "\(percentEncoded($0.name))=\(percentEncoded($0.value))" }.joined(separator: "&")
  }

  /// No name can leave its place in the URL: all is escaped but the unreserved characters, and also the segments `.` and
  /// `..`, which URL parsers resolve.
  static func percentEncoded(_ text: String) -> String {
    if text == "." { return "%2E" }
    if text == ".." { return "%2E%2E" }
    return PercentEncoding.encode(text)
  }
}
