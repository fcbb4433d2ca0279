import Archives
import Cryptography
import WireFormats

/// Gzip-compressed tar archives, good and bad, made byte by byte.
struct TestArchive {
  enum Kind: String {
    case file = "0"
    case hardLink = "1"
    case symbolicLink = "2"
    case folder = "5"
  }

  private var bytes: [UInt8] = []

  mutating func add(_ path: String, _ content: [UInt8] = [], kind: Kind = .file, link: String = "") {
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

  mutating func add(_ path: String, _ text: String) { add(path, Array(text.utf8)) }

  func compressed() throws -> [UInt8] { try Gzip.compress(bytes + [UInt8](repeating: 0, count: 1024)) }

  /// As `helm package` makes it.
  static func chart(_ version: String, name: String = "wrktalk", payload: String = "") throws -> [UInt8] {
    var archive = TestArchive()
    archive.add("\(name)/Chart.yaml", "apiVersion: v2\nname: \(name)\nversion: \(version)\n")
    archive.add("\(name)/values.yaml", "replicas: 2\n")
    archive.add("\(name)/templates/deployment.yaml", "# \(payload)\n")
    return try archive.compressed()
  }

  static func bundle(folder: String = "wrktalk/", file: String = "docker-compose.yaml", payload: String = "") throws
    -> [UInt8]
  {
    var archive = TestArchive()
    archive.add("\(folder)\(file)", "services:\n  backend:\n    image: backend:1\n# \(payload)\n")
    archive.add("\(folder)config/nginx.conf", "events {}\n")
    return try archive.compressed()
  }
}

/// The body of an upload.
struct TestForm {
  static let boundary = "----------------boundary"
  static let contentType = "multipart/form-data; boundary=\(boundary)"

  private var bytes: [UInt8] = []

  mutating func field(_ name: String, _ value: [UInt8], fileName: String? = nil) {
    let file = fileName.map { "; filename=\"\($0)\"" } ?? ""
    bytes += Array("--\(Self.boundary)\r\nContent-Disposition: form-data; name=\"\(name)\"\(file)\r\n\r\n".utf8)
    bytes += value + Array("\r\n".utf8)
  }

  mutating func field(_ name: String, _ value: String) { field(name, Array(value.utf8)) }

  var body: [UInt8] { bytes + Array("--\(Self.boundary)--\r\n".utf8) }

  /// In the order of the specification's curl command.
  static func upload(
    _ file: [UInt8], type: String = "helm", version: String, manifest: String? = nil, fileName: String = "chart.tgz"
  ) -> [UInt8] {
    var form = TestForm()
    form.field("file", file, fileName: fileName)
    form.field("type", type)
    form.field("version", version)
    if let manifest { form.field("manifest", manifest) }
    return form.body
  }
}

extension ControlCenterTestServer {
  func upload(
    _ file: [UInt8], type: String = "helm", version: String, manifest: String? = nil, fileName: String = "chart.tgz",
    token: String? = "ci"
  ) async throws -> Answer {
    try await send(
      "POST", "/api/internal/artifacts",
      bytes: TestForm.upload(file, type: type, version: version, manifest: manifest, fileName: fileName),
      contentType: TestForm.contentType, token: token)
  }

  static func release(_ version: String, _ change: (inout JSONValue) -> Void = { _ in }) -> JSONValue {
    var body: JSONValue = [
      "version": .string(version),
      "imageTags": ["backend": "sha-abc", "media": "sha-def", "controlTower": "sha-ghi", "agent": "sha-jkl"],
      "isForced": false, "isMigrationRequired": false, "estimatedDowntime": nil, "releaseNotes": "Bug fixes",
      "newNonEssentialEnvs": [["key": "NEW_FEATURE", "value": "false"]],
    ]
    change(&body)
    return body
  }

  /// Uploads, creates and publishes.
  @discardableResult
  func publish(_ version: String, chart: [UInt8]? = nil, bundle: [UInt8]? = nil) async throws -> Answer {
    _ = try await upload(chart ?? TestArchive.chart(version), version: version)
    if let bundle { _ = try await upload(bundle, type: "compose", version: version) }
    _ = try await send("POST", "/api/internal/releases", Self.release(version))
    return try await send("POST", "/api/internal/releases/\(version)/publish")
  }
}
