import HTTPTransport
import ResourceModel
import WireFormats

/// Turns responses into values and errors.
enum ResponseReader {
  static func read(
    _ response: HTTPResponse, from server: String, onWarning: @Sendable (String) -> Void
  ) throws(ResourceClientError) -> JSONValue {
    for field in response.headers.fields where field.name.lowercased() == "warning" {
      if let text = warningText(field.value) { onWarning(text) }
    }
    guard response.isSuccess else {
      let failure = error(status: response.status, body: response.body, from: server)
      guard case .status(var status) = failure, status.retryAfterSeconds == nil else { throw failure }
      status.retryAfterSeconds = response.headers["Retry-After"].flatMap { Int($0) }
      throw .status(status)
    }
    if response.status == 204 { return .null }
    do throws(JSONParseError) {
      return try JSONValue(parsingStored: response.body)
    } catch {
      throw .protocolViolation(
        "\(server) answered something that is not valid JSON (\(error.message)); check that this is the API's address")
    }
  }

  /// The error that an unsuccessful response means; also where a proxy answered instead of the API.
  static func error(status: Int, body: [UInt8], from server: String) -> ResourceClientError {
    if let value = try? JSONValue(parsing: body), var error = StatusError(json: value) {
      // All that a Kubernetes API server says of it.
      if error.reason == .unauthorized, error.message == error.reason.rawValue {
        error.message += ": the token or client certificate is unknown, revoked or expired"
      }
      return .status(error)
    }
    // The form of endpoints beside the resource API.
    if let text = (try? JSONValue(parsing: body))?["error"]?.string, !text.isEmpty {
      return .status(StatusError(StatusError.Reason(httpStatus: status), text))
    }
    switch status {
    case 401: return .status(StatusError(.unauthorized, "\(server) does not accept the token"))
    case 403: return .status(StatusError(.forbidden, "\(server) refuses this to the token's role"))
    case 404:
      return .status(
        StatusError(
          .notFound, "\(server) has no such path; check that this is the API's address, and that it knows the kind"))
    case 413: return .status(StatusError(.requestEntityTooLarge, "\(server) refuses a request of this size"))
    case 429: return .status(StatusError(.tooManyRequests, "\(server) got too many requests"))
    case 500...:
      return .status(StatusError(.serviceUnavailable, "\(server) answered HTTP \(status) and gave no reason"))
    default:
      return .protocolViolation(
        "\(server) answered HTTP \(status), but not as a resource API does; check that this is the API's address")
    }
  }

  /// The text of `299 - "text"` (RFC 7234 §5.5), without control characters, which could move a terminal's cursor.
  private static func warningText(_ value: String) -> String? {
    guard value.hasPrefix("299 "), let open = value.firstIndex(of: "\""), let close = value.lastIndex(of: "\""),
      open < close
    else { return nil }
    var text = ""
    var isEscaped = false
    for scalar in value[value.index(after: open)..<close].unicodeScalars {
      if scalar == "\\", !isEscaped {
        isEscaped = true
        continue
      }
      isEscaped = false
      if scalar.value >= 0x20, scalar.value != 0x7F { text.unicodeScalars.append(scalar) }
    }
    return text
  }
}
