public import Hummingbird
import ResourceModel

extension Request {
  /// Reads a form with files (`multipart/form-data`), part by part, and holds no more of it than one piece.
  /// - Parameters:
  ///   - maximumBytes: of the whole body.
  ///   - handle: gets what comes in order; the client is read no faster than it returns.
  /// - Throws: what `MultipartParser` throws; `requestEntityTooLarge` as soon as more than `maximumBytes` have come;
  ///   what `handle` throws.
  public func readForm(
    maximumBytes: Int, _ handle: (MultipartParser.Event) async throws -> Void
  ) async throws {
    var parser = try MultipartParser(contentType: headers[.contentType])
    let tooLarge = StatusError(
      .requestEntityTooLarge, "the body is too large: at most \(maximumBytes) bytes are accepted")
    if let length = headers[.contentLength].flatMap({ Int($0) }), length > maximumBytes { throw tooLarge }
    var count = 0
    for try await buffer in body {
      count += buffer.readableBytes
      if count > maximumBytes { throw tooLarge }
      for event in try parser.feed(buffer.readableBytesView) { try await handle(event) }
    }
    try parser.finish()
  }
}
