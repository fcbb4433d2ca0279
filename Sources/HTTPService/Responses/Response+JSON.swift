public import HTTPTypes
public import Hummingbird
public import ResourceModel
public import WireFormats

extension Response {
  /// A JSON answer. `warnings` travel as `Warning` headers, which `kubectl` prints.
  public static func json(
    _ value: JSONValue, status: HTTPResponse.Status = .ok, indented: Bool = false, warnings: [String] = []
  ) -> Response {
    .json(bytes: value.serialized(indented: indented), status: status, warnings: warnings)
  }

  public static func json(
    bytes: [UInt8], status: HTTPResponse.Status = .ok, warnings: [String] = []
  ) -> Response {
    var headers: HTTPFields = [.contentType: "application/json", .cacheControl: "no-cache, private"]
    if let field = HTTPField.Name("Warning") {
      for warning in warnings.prefix(20) { headers.append(HTTPField(name: field, value: warningText(warning))) }
    }
    return Response(status: status, headers: headers, body: body(bytes))
  }

  /// Bytes that are handed to a connection at once. What it does not take yet lies in its queue, so a large answer goes
  /// piece by piece.
  public static let pieceByteCount = 64 << 10

  private static func body(_ bytes: [UInt8]) -> ResponseBody {
    guard bytes.count > pieceByteCount else { return ResponseBody(byteBuffer: ByteBuffer(bytes: bytes)) }
    return ResponseBody(contentLength: bytes.count) { writer in
      try await write(bytes, to: &writer)
      try await writer.finish(nil)
    }
  }

  @concurrent
  public static func write(_ bytes: [UInt8], to writer: inout any ResponseBodyWriter) async throws {
    var rest = bytes[...]
    while !rest.isEmpty {
      try await writer.write(ByteBuffer(bytes: rest.prefix(pieceByteCount)))
      rest = rest.dropFirst(pieceByteCount)
    }
  }

  public static func text(
    _ text: String, status: HTTPResponse.Status = .ok, contentType: String = "text/plain; charset=utf-8"
  )
    -> Response
  {
    Response(
      status: status, headers: [.contentType: contentType], body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
  }

  public static func bytes(_ bytes: [UInt8], contentType: String) -> Response {
    Response(
      status: .ok, headers: [.contentType: contentType, .cacheControl: "no-cache, private"],
      body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes)))
  }

  /// - Parameter isPlain: whether it is `{"error": "…"}` instead of Kubernetes' `Status`.
  public static func failure(_ error: StatusError, isPlain: Bool = false) -> Response {
    var members = error.facts
    members["error"] = .string(error.message)
    let body = isPlain ? JSONValue.object(members) : error.json
    var response = Response.json(body, status: HTTPResponse.Status(code: error.httpStatus))
    if let seconds = error.retryAfterSeconds, let field = HTTPField.Name("Retry-After") {
      response.headers[field] = String(seconds)
    }
    if error.reason == .unauthorized { response.headers[.wwwAuthenticate] = "Bearer realm=\"wrktalk\"" }
    return response
  }

  /// `299 - "text"` (RFC 7234 §5.5), with what would end the quoted string escaped and control characters left out.
  private static func warningText(_ warning: String) -> String {
    var text = ""
    for scalar in warning.unicodeScalars.prefix(256) where scalar.value >= 0x20 && scalar.value < 0x7F {
      if scalar == "\"" || scalar == "\\" { text.unicodeScalars.append("\\") }
      text.unicodeScalars.append(scalar)
    }
    return "299 - \"\(text)\""
  }
}
