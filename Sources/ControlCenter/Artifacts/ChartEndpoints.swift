public import Access
public import Database
import FleetPlanning
public import HTTPService
import HTTPTypes
public import Hummingbird
public import Logging
public import ObjectStorage
import ResourceModel

/// Where customers get what they deploy (spec §14.2): streamed from the bucket, whole or in parts.
public struct ChartEndpoints: Sendable {
  /// So that those who read slowly leave the server connections for everything else.
  public struct Limits: Sendable {
    /// Downloads at the same time.
    public var total: Int
    /// Of these, of one customer.
    public var perCustomer: Int
    /// A download that takes longer is cut off, and can be gone on with by a range.
    public var longest: Duration

    public init(total: Int = 256, perCustomer: Int = 4, longest: Duration = .seconds(7200)) {
      self.total = total
      self.perCustomer = perCustomer
      self.longest = longest
    }
  }

  private let database: any Database
  private let bucket: any Bucket
  private let policy: AccessPolicy
  private let limits: Limits
  private let places: PlaceCount
  private let logger: Logger

  public init(
    database: any Database, bucket: any Bucket, policy: AccessPolicy, limits: Limits = Limits(), logger: Logger
  ) {
    self.database = database
    self.bucket = bucket
    self.policy = policy
    self.limits = limits
    places = PlaceCount(
      "downloads", maximum: limits.total, perIdentity: limits.perCustomer, reservedForMachines: 0)
    self.logger = logger
  }

  public func addRoutes(to router: Router<ServiceContext>) {
    router.endpoint(
      "/api/artifacts/charts/{version}",
      [
        .get: { request, context in
          let identity = try policy.require(context, request)
          return try await answer(request, try await artifact(request, context), for: identity, context.connection)
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
    let unknown = StatusError(.notFound, "there is no release \"\(ReleaseVersion.shown(text))\"")
    guard let version = try? ReleaseVersion(text) else { throw unknown }
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

  private func answer(
    _ request: Request, _ artifact: ArtifactRecord, for identity: Identity, _ connection: ClientConnection
  ) async throws -> Response {
    let etag = "\"\(artifact.sha256)\""
    var headers: HTTPFields = [
      .eTag: etag, .acceptRanges: "bytes", .contentType: "application/gzip", .cacheControl: "private, no-cache",
    ]
    if let name = HTTPField.Name("X-Sha256") { headers[name] = artifact.sha256 }
    if EntityTag.isKnown(etag, request.headers[values: .ifNoneMatch]) {
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
      let body = try await body(artifact, nil, byteCount: artifact.byteCount, try place(identity), connection)
      return Response(status: .ok, headers: headers, body: body)
    case .part(let range):
      headers[.contentRange] = "bytes \(range.lowerBound)-\(range.upperBound - 1)/\(artifact.byteCount)"
      let body = try await body(artifact, range, byteCount: range.count, try place(identity), connection)
      return Response(status: .partialContent, headers: headers, body: body)
    }
  }

  private func place(_ identity: Identity) throws(StatusError) -> PlaceLease {
    do throws(StatusError) {
      return try places.enter(identity, isMachine: true)
    } catch {
      // Other for each, so that those who are refused together do not come again together.
      throw StatusError(.serviceUnavailable, error.message, retryAfterSeconds: Int.random(in: 10...60))
    }
  }

  private func body(
    _ artifact: ArtifactRecord, _ range: Range<Int>?, byteCount: Int, _ place: PlaceLease,
    _ connection: ClientConnection
  ) async throws -> ResponseBody {
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
    let (logger, longest) = (logger, limits.longest)
    return ResponseBody(contentLength: byteCount) { writer in
      let start = ContinuousClock.now
      do {
        for try await piece in stream {
          guard ContinuousClock.now - start < longest else {
            throw StatusError(.serviceUnavailable, "the download took too long")
          }
          try await Response.write(piece, to: &writer)
        }
        try await writer.finish(nil)
      } catch {
        place.end()
        // The client sees that less came than was announced.
        if error is ObjectStorageError {
          logger.error("The bucket failed in the middle of an answer", metadata: ["error": "\(error)"])
        }
        throw error
      }
      connection.whenSent { place.end() }
    }
  }
}
