import Archives
import Cryptography
import DeploymentKinds
import Files
import FleetProtocol
import HTTPTransport
import OfferPlanning
import ReleaseArchives
import ReleaseManifest
import WireFormats

/// Brings one artifact from the vendor's server to this disk: continued where it broke off, its digest computed as it comes,
/// looked into before it is accepted (spec §8.3).
struct ArtifactDownload: Sendable {
  let client: VendorClient
  let folder: DownloadFolder
  var archive = ReleaseArchive()
  /// Of an artifact of which no signed manifest says the size.
  var maximumBytes: Int64 = 4 << 30
  /// What stays free on the disk.
  var reserve: Int64 = 64 << 20

  /// After so many bytes it is looked whether there is still room: an answer need not say how long it is.
  private static let roomInterval: Int64 = 64 << 20

  /// - Parameters:
  ///   - type: as the vendor calls it.
  ///   - byteCount: as it was signed; nil where nothing says it.
  ///   - progress: called as it comes, with what is there, and how many bytes there will be where that is known.
  /// - Returns: how many bytes it has. It lies at `folder.wholePath`.
  func run(
    _ demand: ArtifactDemand, type: String, byteCount: Int64?,
    progress: @Sendable (_ done: Int64, _ total: Int64?) async -> Void
  ) async throws(DownloadFailure) -> Int64 {
    if let size = try await onDisk({ () throws(FileFault) in try await folder.wholeByteCount(demand.sha256) }) {
      // It has its name before it is looked into, and who was killed in between has not done so.
      try await inspect(demand)
      return size
    }
    let file = try await onDisk { () throws(FileFault) in try await folder.openPartial(demand.sha256) }
    try await receive(demand, type: type, byteCount: byteCount, into: file, progress: progress)
    let digest = try await onDisk { () throws(FileFault) in try await file.finish() }
    guard digest.hexadecimal == demand.sha256 else {
      try await discard(demand)
      throw DownloadFailure(
        .checksumMismatch,
        "what the vendor's server sent as \(demand.version) has the digest \(digest.hexadecimal), and \(demand.sha256) was offered"
      )
    }
    if let byteCount, file.byteCount != byteCount {
      try await discard(demand)
      throw DownloadFailure(
        .checksumMismatch,
        "the artifact \(demand.version) has \(file.byteCount) bytes, and its manifest says \(byteCount)")
    }
    try await onDisk { () throws(FileFault) in try await folder.finish(demand.sha256) }
    try await inspect(demand)
    return file.byteCount
  }

  // MARK: Receiving

  private func receive(
    _ demand: ArtifactDemand, type: String, byteCount: Int64?, into file: PartialFile,
    progress: @Sendable (Int64, Int64?) async -> Void
  ) async throws(DownloadFailure) {
    let limit = byteCount ?? maximumBytes
    let tag = await folder.tag(demand.sha256)
    // Killed in the moment before it took its name.
    if let byteCount, file.byteCount == byteCount { return }
    if file.byteCount > 0, tag == nil || file.byteCount >= limit {
      try await onDisk { () throws(FileFault) in try file.restart() }
    }
    var request = client.artifactRequest(
      version: demand.version, type: type, offset: file.byteCount, tag: file.byteCount > 0 ? tag : nil)
    request.maximumResponseBytes = Int(clamping: limit)
    let response: HTTPStreamingResponse
    do throws(HTTPTransportError) {
      response = try await client.http.stream(request)
    } catch {
      throw DownloadFailure(error)
    }
    let total = try await begin(response, demand, file)
    if let total, total > limit {
      throw DownloadFailure(
        byteCount == nil ? .unusable : .checksumMismatch,
        "the artifact \(demand.version) has \(total) bytes, and at most \(limit) are accepted")
    }
    let free = await folder.freeBytes() ?? .max
    let missing = (total ?? byteCount).map { $0 - file.byteCount } ?? 0
    guard free - reserve >= missing else {
      throw DownloadFailure(
        .disk, "the disk of \(folder.path) has \(free) bytes free, and \(missing + reserve) are needed: free some space"
      )
    }
    var checked = file.byteCount
    do {
      for try await piece in response.body {
        if file.byteCount - checked >= Self.roomInterval {
          checked = file.byteCount
          guard await folder.freeBytes() ?? .max > reserve else {
            throw DownloadFailure(.disk, "the disk of \(folder.path) is almost full: free some space")
          }
        }
        guard file.byteCount + Int64(piece.count) <= limit else {
          try await discard(demand)
          throw DownloadFailure(
            byteCount == nil ? .unusable : .checksumMismatch,
            "more than \(limit) bytes came as the artifact \(demand.version)")
        }
        try await onDisk { () throws(FileFault) in try await file.append(piece) }
        await progress(file.byteCount, total)
      }
    } catch let error as HTTPTransportError {
      throw DownloadFailure(error)
    } catch let error as DownloadFailure {
      throw error
    } catch {
      throw DownloadFailure(.unavailable(retryAfter: nil), "\(error)")
    }
    if let total, file.byteCount < total {
      throw DownloadFailure(
        .unavailable(retryAfter: nil), "only \(file.byteCount) of \(total) bytes of the artifact \(demand.version) came"
      )
    }
  }

  /// Reads the head of the answer.
  /// - Returns: how many bytes the whole has; nil where nothing says it.
  private func begin(
    _ response: HTTPStreamingResponse, _ demand: ArtifactDemand, _ file: PartialFile
  ) async throws(DownloadFailure) -> Int64? {
    let headers = response.headers
    guard response.status == 200 || response.status == 206 else {
      if response.status == 416 { try await discard(demand) }
      throw try await failure(response)
    }
    if let sha256 = headers["X-Sha256"], sha256.lowercased() != demand.sha256 {
      try await discard(demand)
      throw DownloadFailure(
        .checksumMismatch,
        "the vendor's server has \(sha256.prefix(64)) as the artifact \(demand.version), and \(demand.sha256) was offered"
      )
    }
    if response.status == 206 {
      // Another part than was asked for cannot be joined to what is there.
      guard let range = headers["Content-Range"].flatMap(ContentRange.init), range.first == file.byteCount else {
        try await discard(demand)
        throw DownloadFailure(
          .unavailable(retryAfter: nil), "the vendor's server sent another part of \(demand.version) than was asked for"
        )
      }
      return range.total
    }
    try await onDisk { () throws(FileFault) in
      if file.byteCount > 0 { try file.restart() }
      // A weak tag does not promise the same bytes (RFC 9110 §13.1.5).
      let tag = headers["ETag"].flatMap { tag in
        tag.hasPrefix("\"") && tag.utf8.count <= 200 && tag.utf8.allSatisfy { (0x21...0x7E).contains($0) } ? tag : nil
      }
      try await folder.setTag(tag, of: demand.sha256)
    }
    return headers["Content-Length"].flatMap { Int64($0) }
  }

  /// What an answer without an artifact says.
  private func failure(_ response: HTTPStreamingResponse) async throws(DownloadFailure) -> DownloadFailure {
    var body: [UInt8] = []
    do throws(HTTPTransportError) {
      for try await piece in response.body {
        body += piece
        if body.count > 64 << 10 { break }
      }
    } catch {
      throw DownloadFailure(error)
    }
    let failure = VendorClient.failure(
      status: response.status, headers: response.headers, body: body, at: client.now())
    return switch failure.kind {
    case .unauthorized: DownloadFailure(.unauthorized, failure.message)
    case .rejected(404), .rejected(410): DownloadFailure(.gone, failure.message)
    default: DownloadFailure(.unavailable(retryAfter: failure.retryAfter), failure.message)
    }
  }

  // MARK: Checking

  private func inspect(_ demand: ArtifactDemand) async throws(DownloadFailure) {
    var fault: String?
    do throws(ArchiveError) {
      fault = try await archive.fault(
        ofFile: folder.wholePath(demand.sha256), runtime: demand.runtime == .helm ? .helm : .compose,
        version: demand.version)
    } catch {
      // It is looked at once more.
      if error.isTransient { throw DownloadFailure(.disk, "the artifact \(demand.version) cannot be read: \(error)") }
      fault = "\(error)"
    }
    guard let fault else { return }
    try await discard(demand)
    throw DownloadFailure(.unusable, "the artifact \(demand.version) cannot be used: \(fault)")
  }

  private func discard(_ demand: ArtifactDemand) async throws(DownloadFailure) {
    try await onDisk { () throws(FileFault) in try await folder.remove(demand.sha256) }
  }

  private func onDisk<Value>(
    _ work: () async throws(FileFault) -> Value
  ) async throws(DownloadFailure) -> Value {
    do throws(FileFault) {
      return try await work()
    } catch {
      throw DownloadFailure(
        .disk,
        error.isDiskFull
          ? "the disk of \(folder.path) is full: free some space"
          : "the folder \(folder.path) cannot be used: \(error.text)")
    }
  }
}

extension DownloadFailure {
  init(_ error: HTTPTransportError) {
    // Whoever cancels looks at the task.
    self.init(error.code == .responseTooLarge ? .unusable : .unavailable(retryAfter: nil), error.message)
  }
}

/// `Content-Range: bytes 100-199/200` (RFC 9110 §14.4).
private struct ContentRange {
  var first: Int64
  var total: Int64?

  init?(_ text: String) {
    let words = text.split(separator: " ")
    guard words.count == 2, words[0].lowercased() == "bytes" else { return nil }
    let parts = words[1].split(separator: "/")
    guard parts.count == 2, let first = parts[0].split(separator: "-").first.flatMap({ Int64($0) }), first >= 0 else {
      return nil
    }
    self.first = first
    total = Int64(parts[1])
  }
}
