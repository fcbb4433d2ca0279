public import WireFormats

extension StatusError {
  public var httpStatus: Int { reason.httpStatus }

  /// The error as `metav1.Status`.
  public var json: JSONValue {
    var details: [String: JSONValue] = [:]
    details["name"] = name.map(JSONValue.string)
    details["group"] = group.map(JSONValue.string)
    details["kind"] = kind.map(JSONValue.string)
    details["retryAfterSeconds"] = retryAfterSeconds.map { .integer(Int64($0)) }
    if !causes.isEmpty {
      details["causes"] = .array(
        causes.map {
          ["reason": .string($0.reason.rawValue), "message": .string($0.message), "field": .string($0.field)]
        })
    }
    var status: JSONValue = [
      "apiVersion": "v1", "kind": "Status", "metadata": .object([:]), "status": "Failure",
      "message": .string(message), "reason": .string(reason.rawValue), "code": .integer(Int64(httpStatus)),
    ]
    if !details.isEmpty { status["details"] = .object(details) }
    return status
  }

  /// Reads a `metav1.Status` of a failure; nil where the value is anything else.
  ///
  /// Reasons this type does not have are taken from the status code, causes' reasons count as `invalid`.
  public init?(json: JSONValue) {
    guard json["kind"]?.string == "Status", json["status"]?.string != "Success" else { return nil }
    let details = json["details"]
    let code = Int(json["code"]?.integer ?? 500)
    let known = json["reason"]?.string.flatMap(Reason.init(rawValue:))
    self.init(
      known ?? Reason(httpStatus: code), json["message"]?.string ?? "the server gave no reason (HTTP \(code))",
      kind: details?["kind"]?.string, group: details?["group"]?.string, name: details?["name"]?.string,
      causes: (details?["causes"]?.array ?? []).prefix(Schema.maximumErrorCount).map(Self.cause),
      retryAfterSeconds: details?["retryAfterSeconds"]?.integer.flatMap { Int(exactly: $0) })
  }

  /// The error in the answer of a server, whatever its body is.
  public init(httpStatus: Int, body: [UInt8]) {
    if let json = try? JSONValue(parsing: body), let error = StatusError(json: json) {
      self = error
      return
    }
    let text = String(decoding: body.prefix(200), as: UTF8.self).split(whereSeparator: \.isNewline).first ?? ""
    self.init(Reason(httpStatus: httpStatus), "the server answered \(httpStatus)" + (text.isEmpty ? "" : ": \(text)"))
  }

  private static func cause(_ json: JSONValue) -> FieldError {
    FieldError(
      field: json["field"]?.string ?? "",
      reason: json["reason"]?.string.flatMap(FieldError.Reason.init(rawValue:)) ?? .invalid,
      message: json["message"]?.string ?? "")
  }
}

extension StatusError.Reason {
  /// The reason that goes with a status code where the server named none.
  public init(httpStatus: Int) {
    self =
      switch httpStatus {
      case 401: .unauthorized
      case 403: .forbidden
      case 404: .notFound
      case 405: .methodNotAllowed
      case 406: .notAcceptable
      case 409: .conflict
      case 410: .expired
      case 413: .requestEntityTooLarge
      case 415: .unsupportedMediaType
      case 422: .invalid
      case 429: .tooManyRequests
      case 502, 503: .serviceUnavailable
      case 408, 504: .timeout
      case 400..<500: .badRequest
      default: .internalError
      }
  }
}
