public import Access
public import Database
public import HTTPService
import HTTPTypes
public import Hummingbird
public import Logging
public import ObjectStorage
import ResourceModel

/// Where customers get what they deploy (spec §14.2): streamed from the bucket, whole or in parts.
public struct ChartEndpoints: Sendable {
  private let database: any Database
  private let bucket: any Bucket
  private let policy: AccessPolicy
  private let logger: Logger

  public init(database: any Database, bucket: any Bucket, policy: AccessPolicy, logger: Logger) {
    self.database = database
    self.bucket = bucket
    self.policy = policy
    self.logger = logger
  }

  public func addRoutes(to router: Router<ServiceContext>) {
    router.endpoint(
      "/api/artifacts/charts/{version}",
      [
        .get: { request, context in
          try policy.require(context, request)
          return try await answer(request, try await artifact(request, context))
        }
      ])
  }

  /// What the path and the query name.
  private func artifact(_ request: Request, _ context: ServiceContext) async throws -> ArtifactRecord {
    let query = try QueryItems(request.uri.query)
    guard let type = query["type"].flatMap(ArtifactType.init) else {
      throw StatusError(.badRequest, "the query must say which artifact: type=helm or type=compose")
    }
    let text = context.parameters.get("version") ?? ""
    let unknown = StatusError(.notFound, "there is no release \"\(ArtifactVersion.shown(text))\"")
    guard let version = try? ArtifactVersion(text) else { throw unknown }
    let (release, artifact) = try await database.transaction(.read) { connection in
      (
        try ReleaseRecord.find(version, connection),
        try ArtifactRecord.find(ArtifactKey(version: version, type: type), connection)
      )
    }
    // Of a draft nobody but CI knows.
    guard let release, release.isFrozen else { throw unknown }
    guard !release.isWithdrawn else {
      throw StatusError(.expired, "the release \(version) was withdrawn by the vendor and must not be deployed")
    }
    guard let sha256 = release.sha256(of: type) else {
      throw StatusError(.notFound, "the release \(version) has no \(type.name)")
    }
    guard let artifact else {
      throw StatusError(.expired, "the \(type.name) \(version) is no longer kept; deploy a newer release")
    }
    guard artifact.sha256 == sha256 else {
      logger.error(
        "An artifact is not the one that was published",
        metadata: ["version": "\(version)", "type": "\(type.rawValue)", "sha256": "\(artifact.sha256)"])
      throw StatusError(.internalError, "the \(type.name) \(version) is not the one that was published")
    }
    return artifact
  }

  private func answer(_ request: Request, _ artifact: ArtifactRecord) async throws -> Response {
    let etag = "\"\(artifact.sha256)\""
    var headers: HTTPFields = [
      .eTag: etag, .acceptRanges: "bytes", .contentType: "application/gzip", .cacheControl: "private, no-cache",
    ]
    if let name = HTTPField.Name("X-Sha256") { headers[name] = artifact.sha256 }
    if Self.isKnown(etag, request.headers[values: .ifNoneMatch]) {
      headers[.contentType] = nil
      return Response(status: .notModified, headers: headers)
    }
    let isHead = request.method == .head
    // A range means nothing to HEAD (RFC 9110 §14.2).
    let range =
      isHead
      ? ByteRange.whole
      : ByteRange(
        request.headers[.range], condition: request.headers[.ifRange], size: artifact.byteCount, etag: etag)
    switch range {
    case .unsatisfiable:
      var response = Response.failure(
        StatusError(.invalid, "the range begins behind the end of the file, which has \(artifact.byteCount) bytes"),
        isPlain: true)
      response.status = .rangeNotSatisfiable
      response.headers[.contentRange] = "bytes */\(artifact.byteCount)"
      return response
    case .whole:
      guard !isHead else {
        return Response(
          status: .ok, headers: headers,
          body: ResponseBody(contentLength: artifact.byteCount) { try await $0.finish(nil) })
      }
      let body = try await body(artifact, nil, byteCount: artifact.byteCount)
      return Response(status: .ok, headers: headers, body: body)
    case .part(let range):
      headers[.contentRange] = "bytes \(range.lowerBound)-\(range.upperBound - 1)/\(artifact.byteCount)"
      let body = try await body(artifact, range, byteCount: range.count)
      return Response(status: .partialContent, headers: headers, body: body)
    }
  }

  /// Weak comparison (RFC 9110 §13.1.2).
  private static func isKnown(_ etag: String, _ headers: [String]) -> Bool {
    headers.joined(separator: ",").split(separator: ",").contains { value in
      let tag = value.drop { $0 == " " || $0 == "\t" }
      let end = tag.lastIndex { $0 != " " && $0 != "\t" }
      let trimmed = end.map { tag[...$0] } ?? ""
      return trimmed == "*" || trimmed == etag || trimmed == "W/\(etag)"
    }
  }

  private func body(_ artifact: ArtifactRecord, _ range: Range<Int>?, byteCount: Int) async throws -> ResponseBody {
    let stream: ObjectStream
    do throws(ObjectStorageError) {
      stream = try await bucket.read(artifact.bucketPath, range: range)
    } catch {
      if error.code == .cancelled { throw CancellationError() }
      logger.error("The bucket failed", metadata: ["error": "\(error)"])
      throw StatusError(
        .serviceUnavailable, "the bucket of artifacts does not work now; the server's log says why",
        retryAfterSeconds: 30)
    }
    guard stream.info.size == artifact.byteCount else {
      logger.error(
        "An object is not what its row says",
        metadata: [
          "path": "\(artifact.bucketPath)", "size": "\(stream.info.size)", "sizeBytes": "\(artifact.byteCount)",
        ])
      throw StatusError(.internalError, "the \(artifact.key.type.name) is not in the bucket as it was uploaded")
    }
    let logger = logger
    return ResponseBody(contentLength: byteCount) { writer in
      do {
        for try await piece in stream { try await Response.write(piece, to: &writer) }
      } catch let error as ObjectStorageError {
        // The client sees that less came than was announced.
        logger.error("The bucket failed in the middle of an answer", metadata: ["error": "\(error)"])
        throw error
      }
      try await writer.finish(nil)
    }
  }
}
