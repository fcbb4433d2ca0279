import Cryptography
import FleetPlanning
import HTTPService
import ReleaseManifest
import ResourceModel

/// An upload that came whole, not checked yet.
struct ArtifactUpload: Sendable {
  var key: ArtifactKey
  var file: UploadFile
  /// 64 hexadecimal digits.
  var sha256: String
  var byteCount: Int
  /// The release manifest, as it came.
  var manifest: String?
}

/// Collects the form of an upload (spec §14.1), whose fields may come in any order. The file goes to the disk as it
/// comes.
struct UploadForm {
  enum Field: String, CaseIterable {
    case file, type, version, manifest

    var maximumBytes: Int {
      switch self {
      case .file: .max
      case .type, .version: 256
      case .manifest: Envelope.maximumByteCount
      }
    }
  }

  /// What the form may have besides the file.
  static let overheadByteCount = Envelope.maximumByteCount + (64 << 10)
  private static let pieceByteCount = 1 << 20

  private let folder: String
  private let maximumFileBytes: Int
  private var current: Field?
  private var texts: [Field: [UInt8]] = [:]
  private var file: UploadFile?
  /// Of the file, not written yet.
  private var piece: [UInt8] = []
  private var type: ArtifactType?
  private var version: ReleaseVersion?

  init(folder: String, maximumFileBytes: Int) {
    self.folder = folder
    self.maximumFileBytes = maximumFileBytes
  }

  mutating func take(_ event: MultipartParser.Event) async throws(StatusError) {
    switch event {
    case .began(let part): try begin(part)
    case .content(let bytes): try await append(bytes)
    case .ended: try await end()
    }
  }

  private mutating func begin(_ part: MultipartPart) throws(StatusError) {
    guard let field = Field(rawValue: part.name) else {
      let known = Field.allCases.map(\.rawValue).joined(separator: ", ")
      throw StatusError(
        .badRequest, "the form has the unknown field \"\(ReleaseVersion.shown(part.name))\"; it takes \(known)")
    }
    guard texts[field] == nil, field != .file || file == nil else {
      throw StatusError(.badRequest, "the form has the field \(field.rawValue) twice")
    }
    current = field
    // The file's name is the client's and means nothing here.
    if field == .file { file = try UploadFile(in: folder) } else { texts[field] = [] }
  }

  private mutating func append(_ bytes: ArraySlice<UInt8>) async throws(StatusError) {
    guard let current else { return }
    guard current == .file else {
      texts[current, default: []] += bytes
      guard texts[current, default: []].count <= current.maximumBytes else {
        throw StatusError(.invalid, "\(current.rawValue): must be at most \(current.maximumBytes) bytes")
      }
      return
    }
    piece += bytes
    guard (file?.byteCount ?? 0) + piece.count <= maximumFileBytes else {
      throw StatusError(.requestEntityTooLarge, "file: must be at most \(maximumFileBytes) bytes")
    }
    if piece.count >= Self.pieceByteCount { try await writePiece() }
  }

  private mutating func writePiece() async throws(StatusError) {
    try await file?.append(piece)
    piece.removeAll(keepingCapacity: true)
  }

  /// What is wrong with a short field is said before a long file is waited for.
  private mutating func end() async throws(StatusError) {
    switch current {
    case .file: try await writePiece()
    case .type:
      let text = try text(.type) ?? ""
      guard let type = ArtifactType(rawValue: text) else {
        throw StatusError(.invalid, "type: must be helm or compose, not \"\(ReleaseVersion.shown(text))\"")
      }
      self.type = type
    case .version:
      let text = try text(.version) ?? ""
      do throws(ReleaseVersion.Refusal) {
        version = try ReleaseVersion(text)
      } catch {
        throw StatusError(.invalid, "version: \(error)")
      }
    case .manifest: _ = try text(.manifest)
    case nil: break
    }
    current = nil
  }

  private func text(_ field: Field) throws(StatusError) -> String? {
    guard let bytes = texts[field] else { return nil }
    guard let text = String(validating: bytes, as: UTF8.self), !bytes.contains(0) else {
      throw StatusError(.invalid, "\(field.rawValue): must be text in UTF-8 without the character NUL")
    }
    return text
  }

  func finish() throws(StatusError) -> ArtifactUpload {
    guard let file else { throw Self.missing(.file) }
    guard let type else { throw Self.missing(.type) }
    guard let version else { throw Self.missing(.version) }
    guard file.byteCount > 0 else { throw StatusError(.invalid, "file: must not be empty") }
    let manifest = try text(.manifest)
    return ArtifactUpload(
      key: ArtifactKey(version: version, type: type), file: file, sha256: file.digest().hexadecimal,
      byteCount: file.byteCount, manifest: manifest?.isEmpty == true ? nil : manifest)
  }

  private static func missing(_ field: Field) -> StatusError {
    StatusError(.badRequest, "the form lacks the field \(field.rawValue)")
  }
}
