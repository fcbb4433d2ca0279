// What a client is made with is part of its interface.
@_exported public import CurlTransfers

/// An HTTP client over libcurl: HTTP/1.1 and HTTP/2, TLS, Unix sockets, reused connections, one thread for all requests.
///
/// It follows no redirect, keeps no cookie, and decodes no content encoding: what the server sent is what the caller gets.
/// A proxy from the environment (`https_proxy`, `http_proxy`, `no_proxy`) is used, except for loopback and link-local
/// hosts and Unix sockets, and never by a client whose addresses are restricted: the proxy would connect where the client must not. An
/// idle client uses no CPU.
///
/// After a request that timed out, its peer's connections are in doubt: for `PeerTimeouts.unacknowledged` each request to
/// it gets a new one. Otherwise it would ride on a dead connection once more, which with HTTP/2 stays open as long as
/// another request is on it.
public final class HTTPClient: Sendable {
  let loop: TransferLoop
  private let userAgent: String

  /// - Parameters:
  ///   - userAgent: the `User-Agent` of every request, such as `wrktalk-agent/1.0`.
  ///   - limits: how many connections the client has at once; any number by default.
  ///   - addresses: which the client may connect to; `publicInternet` where others than the operator name the hosts.
  public convenience init(
    userAgent: String, peerTimeouts: PeerTimeouts = PeerTimeouts(),
    limits: ClientConnectionLimits = ClientConnectionLimits(),
    addresses: AddressPolicy = .unrestricted
  ) {
    self.init(
      userAgent: userAgent, LoopSettings(peerTimeouts: peerTimeouts, limits: limits, addresses: addresses))
  }

  init(userAgent: String, _ settings: LoopSettings) {
    self.userAgent = String(userAgent.unicodeScalars.filter { $0.isASCII && $0.value >= 0x20 })
    loop = TransferLoop(settings)
  }

  deinit { loop.stop() }

  /// Sends the request and collects the whole response. Any status is a response; only the lack of one is thrown.
  ///
  /// Cancelling the task ends the request at once.
  public func send(_ request: HTTPRequest) async throws(HTTPTransportError) -> HTTPResponse {
    let transfer = try HTTPTransfer(request, userAgent: userAgent, delivery: .whole)
    await loop.run(transfer) { await transfer.reach(.end) }
    return try transfer.response()
  }

  /// Sends the request and returns when the headers are there; the body is read from the result.
  ///
  /// The request's `timeout` covers the body too: a watch sets it to nil and relies on `stallTimeout`.
  public func stream(_ request: HTTPRequest) async throws(HTTPTransportError) -> HTTPStreamingResponse {
    let transfer = try HTTPTransfer(request, userAgent: userAgent, delivery: .pieces)
    await loop.run(transfer) { await transfer.reach(.head) }
    let head = try transfer.head()
    return HTTPStreamingResponse(
      status: head.status, headers: head.headers, body: HTTPBodySequence(transfer: transfer, client: self))
  }

  /// Fails what is under way with `cancelled`, closes the connections and ends the thread. Later requests fail.
  public func shutdown() async {
    loop.stop()
    await loop.waitUntilStopped()
  }
}
