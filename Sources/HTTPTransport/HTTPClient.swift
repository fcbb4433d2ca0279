/// An HTTP client over libcurl: HTTP/1.1 and HTTP/2, TLS, Unix sockets, reused connections, one thread for all requests.
///
/// It follows no redirect, keeps no cookie, and decodes no content encoding: what the server sent is what the caller gets.
/// A proxy from the environment (`https_proxy`, `http_proxy`, `no_proxy`) is used, except for loopback hosts and Unix
/// sockets. An idle client uses no CPU.
public final class HTTPClient: Sendable {
  let loop: TransferLoop

  /// - Parameter userAgent: the `User-Agent` of every request, such as `wrktalk-agent/1.0`.
  public init(userAgent: String) {
    self.loop = TransferLoop(userAgent: String(userAgent.unicodeScalars.filter { $0.isASCII && $0.value >= 0x20 }))
  }

  deinit { loop.stop() }

  /// Sends the request and collects the whole response. Any status is a response; only the lack of one is thrown.
  ///
  /// Cancelling the task ends the request at once.
  public func send(_ request: HTTPRequest) async throws(HTTPTransportError) -> HTTPResponse {
    let transfer = try Transfer(request, delivery: .whole)
    await perform(transfer, until: .end)
    return try transfer.response()
  }

  /// Sends the request and returns when the headers are there; the body is read from the result.
  ///
  /// The request's `timeout` covers the body too: a watch sets it to nil and relies on `stallTimeout`.
  public func stream(_ request: HTTPRequest) async throws(HTTPTransportError) -> HTTPStreamingResponse {
    let transfer = try Transfer(request, delivery: .pieces)
    await perform(transfer, until: .head)
    let head = try transfer.head()
    return HTTPStreamingResponse(
      status: head.status, headers: head.headers, body: HTTPBodySequence(transfer: transfer, client: self))
  }

  /// Fails what is under way with `cancelled`, closes the connections and ends the thread. Later requests fail.
  public func shutdown() async {
    loop.stop()
    await loop.waitUntilStopped()
  }

  private func perform(_ transfer: Transfer, until milestone: Transfer.Milestone) async {
    await withTaskCancellationHandler {
      loop.submit(.start(transfer))
      await transfer.reach(milestone)
    } onCancel: {
      loop.cancel(transfer)
    }
  }
}
