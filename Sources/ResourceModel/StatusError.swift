public import WireFormats

/// A failed API request as the API says it (Kubernetes `metav1.Status`).
public struct StatusError: Error, Sendable, Hashable, CustomStringConvertible {
  /// Values of `reason`, each with the HTTP status that goes with it.
  public enum Reason: String, Sendable, Hashable {
    case badRequest = "BadRequest"
    case unauthorized = "Unauthorized"
    case forbidden = "Forbidden"
    case notFound = "NotFound"
    case methodNotAllowed = "MethodNotAllowed"
    case notAcceptable = "NotAcceptable"
    case alreadyExists = "AlreadyExists"
    case conflict = "Conflict"
    /// 410: a resource version or a continue token that is too old; list again.
    case expired = "Expired"
    case requestEntityTooLarge = "RequestEntityTooLarge"
    case unsupportedMediaType = "UnsupportedMediaType"
    case invalid = "Invalid"
    case tooManyRequests = "TooManyRequests"
    case internalError = "InternalError"
    case serviceUnavailable = "ServiceUnavailable"
    case timeout = "Timeout"

    public var httpStatus: Int {
      switch self {
      case .badRequest: 400
      case .unauthorized: 401
      case .forbidden: 403
      case .notFound: 404
      case .methodNotAllowed: 405
      case .notAcceptable: 406
      case .alreadyExists, .conflict: 409
      case .expired: 410
      case .requestEntityTooLarge: 413
      case .unsupportedMediaType: 415
      case .invalid: 422
      case .tooManyRequests: 429
      case .internalError: 500
      case .serviceUnavailable: 503
      case .timeout: 504
      }
    }
  }

  public var reason: Reason
  public var message: String
  /// The kind and name at fault, where there is one.
  public var kind: String?
  public var group: String?
  public var name: String?
  public var causes: [FieldError]
  /// How long to wait before the next try, in seconds.
  public var retryAfterSeconds: Int?
  /// What a program wants to know beside the sentence: members of an answer that is not Kubernetes' `Status`.
  public var facts: [String: JSONValue] = [:]

  public init(
    _ reason: Reason, _ message: String, kind: String? = nil, group: String? = nil, name: String? = nil,
    causes: [FieldError] = [], retryAfterSeconds: Int? = nil
  ) {
    self.reason = reason
    self.message = message
    self.kind = kind
    self.group = group
    self.name = name
    self.causes = causes
    self.retryAfterSeconds = retryAfterSeconds
  }

  public var description: String { message }
}
