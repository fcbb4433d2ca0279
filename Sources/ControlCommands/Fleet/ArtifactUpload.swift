import Cryptography
import HTTPTransport
import ReleaseManifest
import ResourceClient
import Synchronization
import SystemPackage
import WireFormats

/// Sends a chart or bundle to the vendor's server, as the form of spec §14.1, and compares what arrived with what was sent.
struct ArtifactUpload {
  let path: String
  let runtime: ReleaseManifest.Manifest.Runtime
  let version: String
  /// The signed release manifest, as it came.
  let manifest: String?

  struct Stored: Hashable {
    var runtime: ReleaseManifest.Manifest.Runtime
    var path: String
    /// In the server's bucket.
    var bucketPath: String
    var sha256: String
    var size: Int64

    var json: JSONValue {
      [
        "type": .string(runtime.formType), "file": .string(path), "bucketPath": .string(bucketPath),
        "sha256": .string(sha256), "sizeBytes": .integer(size),
      ]
    }
  }

  /// - Parameter local: the file's digest and size.
  func run(
    _ local: ReleaseManifest.Manifest.Artifact, _ session: Session
  ) async throws(CommandFailure) -> Stored {
    let client = session.client
    let form = MultipartForm(
      fields: [("type", runtime.formType), ("version", version)] + (manifest.map { [("manifest", $0)] } ?? []),
      file: path)
    let progress = UploadProgress(title: "Uploading \(printable(form.fileName))", total: local.size, session.console)
    let answer: JSONValue
    do throws(CommandFailure) {
      answer = try await session.request { () async throws(ResourceClientError) in
        try await client.upload(
          path: InternalPath.artifacts, contentType: form.contentType, parts: form.parts,
          onProgress: { progress.advance(to: $0) })
      }
    } catch {
      progress.end()
      throw CommandFailure(
        "\(printable(path)) was not uploaded: \(error.message)", hint: error.hint, exitCode: error.exitCode)
    }
    progress.end()
    guard let sha256 = answer["sha256"]?.string else {
      throw CommandFailure("\(session.server) did not say what it stored of \(printable(path))")
    }
    guard sha256.lowercased() == local.sha256 else {
      throw CommandFailure(
        """
        \(session.server) stored \(printable(path)) with the digest \(printable(sha256)), and the file has \
        \(local.sha256)
        """, hint: "The file changed meanwhile: run the command again.")
    }
    return Stored(
      runtime: runtime, path: path, bucketPath: answer["bucketPath"]?.string ?? "", sha256: local.sha256,
      size: local.size)
  }
}

extension ReleaseManifest.Manifest.Runtime {
  /// The word of the form (spec §14.1).
  var formType: String {
    switch self {
    case .helm: "helm"
    case .compose: "compose"
    }
  }
}

/// A `multipart/form-data` body (RFC 7578) of some texts and one file.
struct MultipartForm {
  let boundary: String
  let fields: [(name: String, value: String)]
  let file: String

  init(fields: [(name: String, value: String)], file: String, boundary: String? = nil) {
    self.fields = fields
    self.file = file
    // 128 random bits stand in no file by chance.
    self.boundary = boundary ?? "wrktalk-" + Hexadecimal.encode(SecureRandom.bytes(count: 16))
  }

  var contentType: String { "multipart/form-data; boundary=\(boundary)" }

  var fileName: String { FilePath(file).lastComponent?.string ?? "artifact" }

  var parts: [UploadPart] {
    var head = ""
    for (name, value) in fields {
      head += "--\(boundary)\r\nContent-Disposition: form-data; name=\"\(name)\"\r\n\r\n\(value)\r\n"
    }
    head += "--\(boundary)\r\nContent-Disposition: form-data; name=\"file\"; filename=\"\(escapedFileName)\"\r\n"
    head += "Content-Type: application/gzip\r\n\r\n"
    return [.bytes(Array(head.utf8)), .file(path: file), .bytes(Array("\r\n--\(boundary)--\r\n".utf8))]
  }

  /// As browsers write it.
  private var escapedFileName: String {
    var text = ""
    for scalar in fileName.unicodeScalars {
      switch scalar {
      case "\"": text += "%22"
      case "\r": text += "%0D"
      case "\n": text += "%0A"
      default: text.unicodeScalars.append(scalar)
      }
    }
    return text
  }
}

/// How much of a file is on its way, for a person at a terminal.
final class UploadProgress: Sendable {
  private let title: String
  private let total: Int64
  private let console: Console
  private let shownPercent = Mutex<Int64>(-1)

  init(title: String, total: Int64, _ console: Console) {
    self.title = title
    self.total = total
    self.console = console
  }

  /// - Parameter sentBytes: of the whole body, which is a little longer than the file.
  func advance(to sentBytes: Int) {
    guard console.hasLiveLine else { return }
    let percent = min(100, Int64(sentBytes) * 100 / max(total, 1))
    let isNew = shownPercent.withLock { shown in
      defer { shown = percent }
      return shown != percent
    }
    if isNew { console.progress("\(title): \(percent)% of \(ByteCount.text(total))") }
  }

  func end() { console.endProgress() }
}

/// Numbers of bytes for people.
enum ByteCount {
  static func text(_ count: Int64) -> String {
    let units = ["bytes", "KiB", "MiB", "GiB", "TiB"]
    var value = Double(count)
    var unit = 0
    while value >= 1024, unit < units.count - 1 {
      value /= 1024
      unit += 1
    }
    return unit == 0 ? "\(count) bytes" : "\(Decimals.text(value, 1)) \(units[unit])"
  }
}

/// Numbers with a fixed count of decimals.
enum Decimals {
  static func text(_ value: Double, _ decimals: Int) -> String {
    guard value.isFinite, abs(value) < 1e15 else { return "\(value)" }
    var scale = 1.0
    for _ in 0..<decimals { scale *= 10 }
    let scaled = Int64((abs(value) * scale).rounded())
    let whole = scaled / Int64(scale)
    let sign = value < 0 && scaled > 0 ? "-" : ""
    if decimals == 0 { return "\(sign)\(whole)" }
    let fraction = String(scaled % Int64(scale))
    return "\(sign)\(whole)." + String(repeating: "0", count: decimals - fraction.count) + fraction
  }

  /// `51.5%` of a whole; `-` of nothing.
  static func percent(_ part: Int64, of whole: Int64) -> String {
    whole == 0 ? "-" : text(Double(part) * 100 / Double(whole), 1) + "%"
  }
}
