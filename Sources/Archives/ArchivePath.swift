/// A path inside an archive that leads nowhere else.
struct ArchivePath: Hashable {
  /// No component is empty, `.` or `..`.
  let components: [String]

  /// The folder the archive is unpacked into.
  var isRoot: Bool { components.isEmpty }
  var text: String { components.joined(separator: "/") }

  /// The path's folders from the outermost, then the path itself.
  var lineage: [String] {
    components.indices.map { components[...$0].joined(separator: "/") }
  }

  /// - Parameter bytes: the path as it stands in the archive.
  init(_ bytes: [UInt8], limits: ArchiveLimits) throws(ArchiveError) {
    let shown = Self.printable(bytes)
    func failure(_ code: ArchiveError.Code, _ message: String) -> ArchiveError {
      ArchiveError(code: code, entry: shown, message: message)
    }
    guard bytes.count <= limits.maximumPathLength else {
      throw failure(.pathTooLong, "the path has \(bytes.count) bytes; \(limits.maximumPathLength) are allowed")
    }
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw failure(.unsafePath, "the path is not UTF-8")
    }
    guard !text.isEmpty else { throw failure(.unsafePath, "the path is empty") }
    guard !text.unicodeScalars.contains(where: Self.isUnprintable) else {
      throw failure(.unsafePath, "the path holds control characters")
    }
    guard !text.utf8.contains(UInt8(ascii: "\\")) else { throw failure(.unsafePath, "the path holds a backslash") }
    guard !text.utf8.starts(with: "/".utf8) else {
      throw failure(.unsafePath, "the path is absolute; pack the bundle with relative paths")
    }
    let parts = text.split(separator: "/").filter { $0 != "." }.map(String.init)
    guard !parts.contains("..") else { throw failure(.unsafePath, "the path leads outside the archive") }
    guard parts.allSatisfy({ $0.utf8.count <= 255 }) else {
      throw failure(.pathTooLong, "a part of the path has more than 255 bytes")
    }
    guard parts.count <= limits.maximumDepth else {
      throw failure(
        .pathTooLong, "the path is \(parts.count) folders deep; \(limits.maximumDepth) are allowed")
    }
    self.components = parts
  }

  /// The path as it may be shown: unprintable characters escaped, and cut after 200 bytes.
  static func printable(_ bytes: [UInt8]) -> String {
    var shown = ""
    for scalar in String(decoding: bytes.prefix(200), as: UTF8.self).unicodeScalars {
      if isUnprintable(scalar) {
        shown += "\\u{\(String(scalar.value, radix: 16))}"
      } else {
        shown.unicodeScalars.append(scalar)
      }
    }
    return bytes.count > 200 ? shown + "…" : shown
  }

  /// Control characters, and those that change the direction of writing.
  private static func isUnprintable(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .unassigned, .privateUse: true
    default: false
    }
  }
}
