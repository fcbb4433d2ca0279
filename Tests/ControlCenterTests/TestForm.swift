import TestSupport
import WireFormats

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
