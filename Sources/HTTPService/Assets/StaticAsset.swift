import Compression
import HTTPTypes
public import Hummingbird

/// A file that a server brings itself, such as a page, its script and its style.
public struct StaticAsset: Sendable {
  public let contentType: String
  public let bytes: [UInt8]
  /// Changes with the content; in quotes, as `ETag` wants it.
  public let entityTag: String
  /// True where the path changes with the content, so that it may be kept for good.
  public let isImmutable: Bool
  /// The bytes as one gzip stream; nil where that is not smaller.
  public let compressed: [UInt8]?

  public init(contentType: String, bytes: [UInt8], entityTag: String, isImmutable: Bool = false) {
    self.contentType = contentType
    self.bytes = bytes
    self.entityTag = entityTag
    self.isImmutable = isImmutable
    let compressed = GzipEncoder(level: 9).finish(bytes)
    self.compressed = compressed.count < bytes.count ? compressed : nil
  }

  /// The answer to a request for it: 304 where the client has it already (RFC 9110 §13.1.2).
  public func response(to request: Request) -> Response {
    var headers = Self.headers
    headers[.contentType] = contentType
    headers[.eTag] = entityTag
    headers[.cacheControl] = isImmutable ? "public, max-age=31536000, immutable" : "no-cache"
    headers[.vary] = "Accept, Accept-Encoding"
    let known = (request.headers[.ifNoneMatch] ?? "").split(separator: ",").map { tag in
      let trimmed = tag.drop { $0 == " " }
      return String(trimmed.hasPrefix("W/") ? trimmed.dropFirst(2) : trimmed)
    }
    if known.contains(entityTag) || known.contains("*") { return Response(status: .notModified, headers: headers) }
    guard let compressed, request.acceptsGzip else {
      return Response(status: .ok, headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes)))
    }
    headers[.contentEncoding] = "gzip"
    // The same content in other bytes (RFC 9110 §8.8.1).
    headers[.eTag] = "W/\(entityTag)"
    return Response(status: .ok, headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(bytes: compressed)))
  }

  /// Nothing from elsewhere, no inline script or style, no text that becomes one, in nobody's frame.
  static let contentSecurityPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    + "form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; "
    + "trusted-types 'none'"

  private static let headers: HTTPFields = {
    var headers: HTTPFields = [.contentSecurityPolicy: contentSecurityPolicy, .xContentTypeOptions: "nosniff"]
    for (name, value) in [
      // Without one, a browser says `Origin: null` of what the page itself sends.
      ("Referrer-Policy", "same-origin"),
      ("X-Frame-Options", "DENY"),
      ("Cross-Origin-Opener-Policy", "same-origin"),
      ("Cross-Origin-Resource-Policy", "same-origin"),
    ] {
      if let name = HTTPField.Name(name) { headers[name] = value }
    }
    return headers
  }()
}

extension Router where Context == ServiceContext {
  /// Serves the files under their paths; whether they need a token says `ServiceConfiguration.openPaths`.
  public func assets(_ assets: [String: StaticAsset]) {
    for (path, asset) in assets {
      endpoint(RouterPath(path), [.get: { request, _ in asset.response(to: request) }])
    }
  }
}
