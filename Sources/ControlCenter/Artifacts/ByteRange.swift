/// Which part of a file a request wants: `Range` and `If-Range` (RFC 9110 §14).
enum ByteRange: Equatable {
  case whole
  case part(Range<Int>)
  /// 416: it begins behind the end.
  case unsatisfiable

  /// Several ranges, other units and what is not written as the rules say are answered with the whole file.
  /// - Parameters:
  ///   - condition: `If-Range`: the part only where it names this file.
  ///   - size: of the file.
  ///   - etag: of the file, with its quotation marks.
  init(_ header: String?, condition: String?, size: Int, etag: String) {
    self = .whole
    guard let header, condition == nil || condition == etag else { return }
    let parts = header.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    guard parts.count == 2, parts[0].lowercased() == "bytes" else { return }
    let bounds = parts[1].split(separator: "-", omittingEmptySubsequences: false)
    guard bounds.count == 2 else { return }
    let (first, last) = (Self.number(bounds[0]), Self.number(bounds[1]))
    switch (first, last) {
    case (.some(let first), .some(let last)):
      guard first <= last else { return }
      self = first < size ? .part(first..<min(last, size - 1) + 1) : .unsatisfiable
    case (.some(let first), nil):
      guard bounds[1].isEmpty else { return }
      self = first < size ? .part(first..<size) : .unsatisfiable
    case (nil, .some(let count)):
      guard bounds[0].isEmpty else { return }
      self = count > 0 && size > 0 ? .part(max(0, size - count)..<size) : .unsatisfiable
    case (nil, nil): return
    }
  }

  /// Digits alone; more than a number holds is as good as the largest.
  private static func number(_ text: Substring) -> Int? {
    guard !text.isEmpty, text.utf8.count <= 64, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
    return Int(text) ?? .max
  }
}
