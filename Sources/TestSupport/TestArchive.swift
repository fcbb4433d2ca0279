import Archives

/// Gzip-compressed tar archives, good and bad, made byte by byte.
public struct TestArchive {
  public enum Kind: String, Sendable {
    case file = "0"
    case hardLink = "1"
    case symbolicLink = "2"
    case folder = "5"
  }

  private var bytes: [UInt8] = []

  public init() {}

  public mutating func add(_ path: String, _ content: [UInt8] = [], kind: Kind = .file, link: String = "") {
    var header = [UInt8](repeating: 0, count: 512)
    func put(_ text: String, at offset: Int) {
      header.replaceSubrange(offset..<offset + text.utf8.count, with: text.utf8)
    }
    func octal(_ number: Int, _ digits: Int) -> String {
      let text = String(number, radix: 8)
      return String(repeating: "0", count: max(0, digits - text.count)) + text
    }
    put(path, at: 0)
    put(octal(0o644, 7), at: 100)
    put(octal(0, 7), at: 108)
    put(octal(0, 7), at: 116)
    put(octal(content.count, 11), at: 124)
    put(octal(0, 11), at: 136)
    put("        ", at: 148)
    put(kind.rawValue, at: 156)
    put(link, at: 157)
    put("ustar\u{0}00", at: 257)
    put(octal(header.reduce(0) { $0 + Int($1) }, 6) + "\u{0} ", at: 148)
    bytes += header + content + [UInt8](repeating: 0, count: (512 - content.count % 512) % 512)
  }

  public mutating func add(_ path: String, _ text: String) { add(path, Array(text.utf8)) }

  public func compressed() throws -> [UInt8] { try Gzip.compress(bytes + [UInt8](repeating: 0, count: 1024)) }

  /// As `helm package` makes it.
  public static func chart(_ version: String, name: String = "wrktalk", payload: String = "") throws -> [UInt8] {
    var archive = TestArchive()
    archive.add("\(name)/Chart.yaml", "apiVersion: v2\nname: \(name)\nversion: \(version)\n")
    archive.add("\(name)/values.yaml", "replicas: 2\n")
    archive.add("\(name)/templates/deployment.yaml", "# \(payload)\n")
    return try archive.compressed()
  }

  public static func bundle(folder: String = "wrktalk/", file: String = "docker-compose.yaml", payload: String = "")
    throws
    -> [UInt8]
  {
    var archive = TestArchive()
    archive.add("\(folder)\(file)", "services:\n  backend:\n    image: backend:1\n# \(payload)\n")
    archive.add("\(folder)config/nginx.conf", "events {}\n")
    return try archive.compressed()
  }
}
