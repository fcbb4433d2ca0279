public import Access
public import Hummingbird
import NIOHTTP1
public import ResourceModel
public import WireFormats

/// Reads request bodies.
public enum JSONBody {
  /// A little more than an object may consist of, so that one that is too large is refused as such.
  public static let maximumNodeCount = JSONBounds.object.maximumNodeCount * 5 / 4

  public static func parse(_ bytes: [UInt8]) throws(StatusError) -> JSONValue {
    do {
      return try JSONValue(parsing: bytes, maximumNodeCount: maximumNodeCount)
    } catch {
      throw StatusError(.badRequest, "the body is not valid JSON: \(error)")
    }
  }

  /// The whole body.
  /// - Throws: as `Request.forEachPiece`.
  public static func read(_ request: Request, maximumBytes: Int) async throws -> [UInt8] {
    var bytes: [UInt8] = []
    try await request.forEachPiece(maximumBytes: maximumBytes) { bytes.append(contentsOf: $0.readableBytesView) }
    try Task.checkCancellation()
    return bytes
  }

  /// Clients whose token is no password may leave the type out, as Kubernetes' official Python client does. A page in a
  /// browser can send a body without a type, or as a form, but adds no token of itself unless it is a password or a cookie.
  /// - Throws: `unsupportedMediaType` where the body is announced as anything but JSON.
  public static func requireJSON(_ contentType: String?, sentWith credentials: Credentials) throws(StatusError) {
    guard let contentType, !contentType.isEmpty else {
      switch credentials {
      case .password, .session: break
      case .none, .bearer, .header: return
      }
      throw StatusError(.unsupportedMediaType, "the request must say what its body is: Content-Type: application/json")
    }
    let type = HTTPMediaType(contentType).type
    if type == "application/json" || type == "text/json" { return }
    let hint = type.contains("yaml") ? "; kubectl and wrktalkctl convert YAML before they send it" : ""
    throw StatusError(
      .unsupportedMediaType,
      "the body of the request was in an unknown format (\(type.prefix(80))) - accepted media types include: "
        + "application/json\(hint)")
  }
}
