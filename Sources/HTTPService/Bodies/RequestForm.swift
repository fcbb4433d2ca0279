public import Hummingbird
import NIOHTTP1
import ResourceModel

extension Request {
  /// Hands on the body as it comes; the client is read no faster than `handle` returns.
  /// - Throws: `requestEntityTooLarge` as soon as more than `maximumBytes` have come; `badRequest` where the connection is
  ///   lost; `HTTPParserError`, which the HTTP layer answers with 400, where the body breaks the rules of HTTP; what
  ///   `handle` throws.
  public func forEachPiece(maximumBytes: Int, _ handle: (ByteBuffer) async throws -> Void) async throws {
    let tooLarge = StatusError(
      .requestEntityTooLarge, "the body is too large: at most \(maximumBytes) bytes are accepted")
    if let length = headers[.contentLength].flatMap({ Int($0) }), length > maximumBytes { throw tooLarge }
    var count = 0
    // Of `handle`, which says itself what is wrong.
    var refusal: (any Error)?
    do {
      for try await piece in body {
        count += piece.readableBytes
        if count > maximumBytes { throw tooLarge }
        do {
          try await handle(piece)
        } catch {
          refusal = error
          throw error
        }
      }
    } catch {
      if let refusal { throw refusal }
      switch error {
      case is StatusError, is HTTPParserError, is CancellationError: throw error
      default: throw StatusError(.badRequest, "the body broke off: the connection was lost")
      }
    }
  }

  /// Reads a form with files (`multipart/form-data`), part by part, and holds no more of it than one piece.
  /// - Parameters:
  ///   - maximumBytes: of the whole body.
  ///   - handle: gets what comes in order.
  /// - Throws: what `MultipartParser` and `forEachPiece` throw.
  public func readForm(
    maximumBytes: Int, _ handle: (MultipartParser.Event) async throws -> Void
  ) async throws {
    var parser = try MultipartParser(contentType: headers[.contentType])
    try await forEachPiece(maximumBytes: maximumBytes) { piece in
      for event in try parser.feed(piece.readableBytesView) { try await handle(event) }
    }
    try parser.finish()
  }
}
