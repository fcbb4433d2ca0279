import ResourceModel

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

  /// Escapes everything but the unreserved characters of RFC 3986, so that no name can leave its place in the URL. The
  /// segments `.` and `..` are escaped too, since URL parsers resolve them.
  static func percentEncoded(_ text: String) -> String {
    if text == "." { return "%2E" }
    if text == ".." { return "%2E%2E" }
    var output: [UInt8] = []
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
        UInt8(ascii: "~"):
        output.append(byte)
      default:
        output.append(UInt8(ascii: "%"))
        output.append(hexadecimalDigit(byte >> 4))
        output.append(hexadecimalDigit(byte & 0xF))
      }
    }
    return String(decoding: output, as: UTF8.self)
  }

  private static func hexadecimalDigit(_ nibble: UInt8) -> UInt8 {
    nibble < 10 ? UInt8(ascii: "0") + nibble : UInt8(ascii: "A") + nibble - 10
  }
}
