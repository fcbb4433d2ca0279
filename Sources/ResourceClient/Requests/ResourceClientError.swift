public import HTTPTransport
public import ResourceModel

/// Why a request to a resource API did not do what it was for.
public enum ResourceClientError: Error, Sendable, Hashable {
  /// The API refused the request and said why.
  case status(StatusError)
  /// There was no answer.
  case unreachable(HTTPTransportError)
  /// What answered does not speak the API; the text says what came instead.
  case protocolViolation(String)
  /// The client's own token could not be read, or may not be sent.
  case credentials(String)

  /// The API's reason, where it gave one.
  public var reason: StatusError.Reason? {
    if case .status(let error) = self { error.reason } else { nil }
  }

  public var isNotFound: Bool { reason == .notFound }
  /// True where nothing can be created, for the namespace is being deleted. Kubernetes' reason for that stands in a cause
  /// of another type, so its words count.
  public var isOfEndingNamespace: Bool {
    guard case .status(let error) = self, error.reason == .forbidden else { return false }
    return error.message.contains("because it is being terminated")
  }

  public var isConflict: Bool { reason == .conflict }
  public var isExpired: Bool { reason == .expired }

  /// True where the task was cancelled while it waited.
  public var isCancellation: Bool {
    if case .unreachable(let error) = self { error.code == .cancelled } else { false }
  }

  /// True where no answer came in the time there was for it.
  public var isTimeout: Bool {
    if case .unreachable(let error) = self { error.code == .timedOut } else { false }
  }

  /// True where the same request may succeed later without anybody acting.
  public var isTransient: Bool {
    switch self {
    case .status(let error):
      switch error.reason {
      case .tooManyRequests, .internalError, .serviceUnavailable, .timeout: true
      default: false
      }
    case .unreachable(let error): error.code != .invalidRequest
    case .protocolViolation, .credentials: false
    }
  }
}

extension ResourceClientError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .status(let error): error.message
    case .unreachable(let error): error.message
    case .protocolViolation(let message), .credentials(let message): message
    }
  }
}
