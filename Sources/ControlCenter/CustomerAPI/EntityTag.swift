/// What a client says that it has already (`If-None-Match`).
enum EntityTag {
  /// Weak comparison (RFC 9110 §13.1.2).
  static func isKnown(_ tag: String, _ headers: [String]) -> Bool {
    // As every program sends it that was not in a proxy's hands.
    if headers.count == 1, headers[0] == tag { return true }
    return headers.joined(separator: ",").split(separator: ",").contains { value in
      let known = value.drop { $0 == " " || $0 == "\t" }
      let end = known.lastIndex { $0 != " " && $0 != "\t" }
      let trimmed = end.map { known[...$0] } ?? ""
      return trimmed == "*" || trimmed == tag || trimmed == "W/\(tag)"
    }
  }
}
