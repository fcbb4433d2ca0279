/// After which a peer counts as gone without having closed its connections: a firewall forgot them, or its machine lost
/// its power.
public struct PeerTimeouts: Sendable, Hashable {
  /// A connection ends when nothing was acknowledged for so long.
  public var unacknowledged: Duration
  /// An idle connection is probed after so long.
  public var probeAfter: Duration
  /// And so often from then on.
  public var probeEvery: Duration

  public init(
    unacknowledged: Duration = .seconds(30), probeAfter: Duration = .seconds(15), probeEvery: Duration = .seconds(5)
  ) {
    self.unacknowledged = unacknowledged
    self.probeAfter = probeAfter
    self.probeEvery = probeEvery
  }
}

/// An HTTP client over libcurl: HTTP/1.1 and HTTP/2, TLS, Unix sockets, reused connections, one thread for all requests.
///
/// It follows no redirect, keeps no cookie, and decodes no content encoding: what the server sent is what the caller gets.
/// A proxy from the environment (`https_proxy`, `http_proxy`, `no_proxy`) is used, except for loopback hosts and Unix
/// sockets. An idle client uses no CPU.
///
/// After a request that timed out, its peer's connections are in doubt: for `PeerTimeouts.unacknowledged` each request to
/// it gets a new one. Otherwise it would ride on a dead connection once more, which with HTTP/2 stays open as long as
/// another request is on it.
public final class HTTPClient: Sendable {
  let loop: TransferLoop

  /// - Parameter userAgent: the `User-Agent` of every request, such as `wrktalk-agent/1.0`.
  public init(userAgent: String, peerTimeouts: PeerTimeouts = PeerTimeouts()) {
    self.loop = TransferLoop(
      userAgent: String(userAgent.unicodeScalars.filter { $0.isASCII && $0.value >= 0x20 }),
      peerTimeouts: peerTimeouts)
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
