import HTTPTypes
public import Hummingbird

extension Request {
  /// Whether the client can unpack gzip (`Accept-Encoding`, RFC 9110 §12.5.3).
  public var acceptsGzip: Bool {
    for coding in (headers[.acceptEncoding] ?? "").split(separator: ",") {
      let media = HTTPMediaType(coding)
      guard media.type == "gzip" || media.type == "*" else { continue }
      return media.parameters["q"].flatMap(Double.init).map { $0 > 0 } ?? true
    }
    return false
  }

  /// Whether it is a browser that opens a page: clients of an API do not name HTML (`Accept`, RFC 9110 §12.5.1).
  public var acceptsHTML: Bool {
    (headers[.accept] ?? "").split(separator: ",").contains { HTTPMediaType($0).type == "text/html" }
  }
}
