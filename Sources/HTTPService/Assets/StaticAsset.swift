import HTTPTypes
public import Hummingbird

/// A file that a server brings itself, such as a page, its script and its style.
public struct StaticAsset: Sendable {
  public var contentType: String
  public var bytes: [UInt8]
  /// Changes with the content; in quotes, as `ETag` wants it.
  public var entityTag: String
  /// True where the path changes with the content, so that it may be kept for good.
  public var isImmutable: Bool

  public init(contentType: String, bytes: [UInt8], entityTag: String, isImmutable: Bool = false) {
    self.contentType = contentType
    self.bytes = bytes
    self.entityTag = entityTag
    self.isImmutable = isImmutable
  }

  /// The answer to a request for it: 304 where the client has it already (RFC 9110 §13.1.2).
  public func response(to request: Request) -> Response {
    var headers: HTTPFields = [
      .contentType: contentType, .eTag: entityTag,
      .cacheControl: isImmutable ? "public, max-age=31536000, immutable" : "no-cache",
      .xContentTypeOptions: "nosniff",
    ]
    headers[.contentSecurityPolicy] = Self.contentSecurityPolicy
    let known = (request.headers[.ifNoneMatch] ?? "").split(separator: ",").map { tag in
      let trimmed = tag.drop { $0 == " " }
      return String(trimmed.hasPrefix("W/") ? trimmed.dropFirst(2) : trimmed)
    }
    if known.contains(entityTag) || known.contains("*") { return Response(status: .notModified, headers: headers) }
    return Response(status: .ok, headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes)))
  }

  /// Nothing from elsewhere, no inline script or style, in nobody's frame.
  static let contentSecurityPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    + "form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
}

extension Router where Context == ServiceContext {
  /// Serves the files under their paths; whether they need a token says `ServiceConfiguration.openPaths`.
  public func assets(_ assets: [String: StaticAsset]) {
    for (path, asset) in assets {
      endpoint(RouterPath(path), [.get: { request, _ in asset.response(to: request) }])
    }
  }
}
