public import ResourceModel
import WireFormats

/// The query of a URL, decoded once. Where a name repeats, the first value counts.
public struct QueryItems: Sendable, Hashable {
  private var values: [String: String] = [:]

  /// - Throws: `badRequest` where an escape is wrong or there are more than 64 parameters.
  public init(_ query: String?) throws(StatusError) {
    guard let query else { return }
    for item in query.split(separator: "&") {
      let parts = item.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      guard let name = PercentEncoding.decode(parts[0], plusIsSpace: true),
        let value = PercentEncoding.decode(parts.count == 2 ? parts[1] : "", plusIsSpace: true)
      else { throw StatusError(.badRequest, "the query string is not percent-encoded UTF-8") }
      if values[name] == nil { values[name] = value }
      guard values.count <= 64 else { throw StatusError(.badRequest, "the query has more than 64 parameters") }
    }
  }

  /// Nil where the parameter is absent or empty.
  public subscript(name: String) -> String? {
    guard let value = values[name], !value.isEmpty else { return nil }
    return value
  }

  /// As Kubernetes reads booleans: present means true, apart from `0` and `false`.
  public func flag(_ name: String) -> Bool? {
    guard let value = values[name] else { return nil }
    return !["0", "false"].contains(value.lowercased())
  }

  public func number(_ name: String) throws(StatusError) -> Int64? {
    guard let text = self[name] else { return nil }
    guard let number = Int64(text), number >= 0 else {
      throw StatusError(
        .badRequest, "the query parameter \(name) must be a whole number from 0, not \"\(text.prefix(40))\"")
    }
    return number
  }
}
