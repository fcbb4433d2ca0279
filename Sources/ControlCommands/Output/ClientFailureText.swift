import HTTPTransport
import ResourceClient
import ResourceModel

/// What a failed request means for the user of the command line: one clear line and what to do about it.
enum ClientFailureText {
  static func failure(_ error: ResourceClientError, server: String) -> CommandFailure {
    switch error {
    case .status(let status): failure(status, server: server)
    case .unreachable(let transport): failure(transport, server: server)
    case .protocolViolation(let message): CommandFailure(printable(message))
    case .credentials(let message): CommandFailure(message)
    }
  }

  private static func failure(_ status: StatusError, server: String) -> CommandFailure {
    let message = printable(status.message)
    switch status.reason {
    case .unauthorized:
      return CommandFailure(
        "\(server) does not accept the token (401): \(message)",
        hint: "Give one with --token-file, WRKTALK_TOKEN or wrktalkctl config set-context --token-file; "
          + "wrktalk-backend token create makes one, and wrktalk-gcc token create at the vendor's.")
    case .forbidden:
      return CommandFailure(
        "not allowed (403): \(message)",
        hint: message.contains("cannot")
          ? "The token's role at \(server) does not include this; is it the right server, and the right token?" : nil)
    case .conflict:
      // Other conflicts say themselves what stands in the way, and the same command again does not help.
      let isOvertaken = message.contains("the object has been modified")
      return CommandFailure(
        message,
        hint: isOvertaken ? "Somebody else changed it meanwhile: look at it and run the command again." : nil)
    case .tooManyRequests:
      let seconds = status.retryAfterSeconds.map { "in \($0) s" } ?? "later"
      return CommandFailure("\(server) refuses more requests for now: \(message)", hint: "Try again \(seconds).")
    case .invalid, .badRequest:
      let causes = status.causes.map { "  \(printable($0.description))" }
      return CommandFailure(([message] + causes.filter { !message.contains($0.dropFirst(2)) }).joined(separator: "\n"))
    case .internalError, .serviceUnavailable, .timeout:
      return CommandFailure("\(server) could not do it: \(message)", hint: "Its log says why; trying again may help.")
    case .notFound where message == "the server could not find the requested resource":
      return CommandFailure(
        "\(server) does not serve this: \(message)",
        hint: "Deployments are at a customer's wrktalk-backend, releases and customers at the vendor's wrktalk-gcc: "
          + "choose with --server or wrktalkctl config use-context.")
    case .notFound, .methodNotAllowed, .notAcceptable, .alreadyExists, .expired, .requestEntityTooLarge,
      .unsupportedMediaType:
      return CommandFailure(message)
    }
  }

  /// What OpenSSL says where HTTP, or anything else that is not TLS, comes back.
  private static func isPlainAnswer(_ message: String) -> Bool {
    ["wrong version number", "packet length too long", "http request", "record layer failure"].contains {
      message.contains($0)
    }
  }

  private static func failure(_ error: HTTPTransportError, server: String) -> CommandFailure {
    let hint: String? =
      switch error.code {
      case .couldNotConnect:
        "Is wrktalk-backend serve, or the vendor's wrktalk-gcc serve, running there? Another address: --server, WRKTALK_SERVER or wrktalkctl config set-context."
      case .couldNotResolve: "Check the host name in --server, WRKTALK_SERVER or the context."
      case .tls where Self.isPlainAnswer(error.message):
        "It seems to speak no TLS: is its address http:// instead of https://?"
      case .connectionLost where server.hasPrefix("http://") && error.message.contains("Empty reply"):
        "Perhaps it speaks TLS: is its address https:// instead of http://?"
      case .tls:
        "Check --certificate-authority, and that the name in the server's certificate is the one in the address."
      case .timedOut, .connectionLost: "The server or the network is slow or broken; try again."
      case .invalidRequest: "Check the address in --server, WRKTALK_SERVER or the context."
      case .responseTooLarge, .cancelled, .fileUnreadable, .addressRefused: nil
      }
    return CommandFailure("cannot reach \(server): \(printable(error.message))", hint: hint)
  }
}
