public import CurlTransfers

/// One HTTP request of the client.
public struct HTTPRequest: Sendable {
  public enum Body: Sendable {
    case none
    case bytes([UInt8])
    /// Streams a file, so that a large upload is never held in memory.
    case file(path: String)
    /// One after the other, as a form with files needs it.
    /// - Parameter onProgress: called with how many bytes were read, on the thread that sends them.
    case parts([UploadPart], onProgress: @Sendable (_ sentBytes: Int) -> Void)
  }

  public var method: String
  /// Absolute; `http` or `https`. With `unixSocketPath` the host is only what the `Host` header says.
  public var url: String
  public var headers: [(name: String, value: String)]
  public var body: Body
  /// From the call to the last byte received, waiting for a connection included; nil for a watch, which has no end.
  public var timeout: Duration?
  /// Of making the connection. Without `timeout`, as long is waited for a connection to be free.
  public var connectTimeout: Duration
  /// Fails when not one byte moves for this long, while the reader keeps up; nil for never. A watch whose server sends
  /// bookmarks fails so where not even these come.
  public var stallTimeout: Duration?
  /// Connects to this Unix socket instead of the URL's host.
  public var unixSocketPath: String?
  public var tls: TLSSettings
  /// A larger response body fails the request; counted in bytes as received.
  public var maximumResponseBytes: Int

  public init(
    method: String = "GET", url: String, headers: [(name: String, value: String)] = [], body: Body = .none,
    timeout: Duration? = .seconds(30), connectTimeout: Duration = .seconds(10), stallTimeout: Duration? = nil,
    unixSocketPath: String? = nil, tls: TLSSettings = TLSSettings(), maximumResponseBytes: Int = 64 << 20
  ) {
    self.method = method
    self.url = url
    self.headers = headers
    self.body = body
    self.timeout = timeout
    self.connectTimeout = connectTimeout
    self.stallTimeout = stallTimeout
    self.unixSocketPath = unixSocketPath
    self.tls = tls
    self.maximumResponseBytes = maximumResponseBytes
  }
}
