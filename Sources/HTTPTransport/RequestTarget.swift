import CLibCurl
import CurlTransfers

/// Where a request goes, as far as a message may tell: never the path, the query or the user information.
struct RequestTarget: Sendable {
  /// `host:port`, or the path of the Unix socket.
  let peer: String
  /// A proxy from the environment is never asked for these.
  let isLocal: Bool

  /// Reads the URL with the parser that also sends the request, so that the two cannot disagree.
  init(_ request: HTTPRequest) throws(HTTPTransportError) {
    guard let handle = curl_url() else {
      throw HTTPTransportError(code: .invalidRequest, message: "not enough memory to read the URL")
    }
    defer { curl_url_cleanup(handle) }
    guard !request.url.utf8.contains(0), curl_url_set(handle, CURLUPART_URL, request.url, 0) == CURLUE_OK,
      let scheme = Self.part(CURLUPART_SCHEME, of: handle), scheme == "http" || scheme == "https",
      let host = Self.part(CURLUPART_HOST, of: handle), !host.isEmpty,
      let port = Self.part(CURLUPART_PORT, of: handle, flags: UInt32(CURLU_DEFAULT_PORT))
    else {
      throw HTTPTransportError(
        code: .invalidRequest,
        message: "the URL is not usable: it needs http:// or https://, a host, and no spaces or control characters")
    }
    if let socket = request.unixSocketPath {
      // sockaddr_un holds 108 bytes with the closing NUL.
      guard !socket.isEmpty, socket.utf8.count < 108, !socket.utf8.contains(0) else {
        throw HTTPTransportError(
          code: .invalidRequest, message: "the Unix socket path must have 1 to 107 bytes: \(socket)")
      }
      self.peer = socket
      self.isLocal = true
    } else {
      self.peer = "\(host):\(port)"
      self.isLocal = Self.isLocal(host.lowercased())
    }
  }

  /// The loopback interface, and the link-local addresses at which a cloud hands out its credentials to the machine that asks:
  /// a proxy would be given its own.
  private static func isLocal(_ host: String) -> Bool {
    host == "localhost" || host == "[::1]" || host.hasPrefix("127.") || host.hasPrefix("169.254.")
      || host.hasPrefix("[fe80:") || host == "[fd00:ec2::23]" || host == "[fd00:ec2::254]"
  }

  private static func part(_ part: CURLUPart, of handle: OpaquePointer, flags: UInt32 = 0) -> String? {
    var text: UnsafeMutablePointer<CChar>?
    guard curl_url_get(handle, part, &text, flags) == CURLUE_OK, let text else { return nil }
    defer { curl_free(text) }
    return String(cString: text)
  }
}
