package import CLibCurl

/// One transfer, as the loop sees it: what it asks of libcurl, and what becomes of that.
///
/// The loop calls everything on its thread, and `end` as the last; whoever cancels calls `end` on any thread at any time.
package protocol CurlTransfer: AnyObject, Sendable {
  /// Names the other side in messages and is what `ClientConnectionLimits.perHost` counts by: `host:port`, or the path of a
  /// Unix socket.
  var peer: String { get }
  var limits: TransferLimits { get }
  var tls: TLSSettings { get }
  /// What is sent; nil for nothing.
  var upload: UploadSource? { get }
  var hasEnded: Bool { get }
  /// True where libcurl does harm when it is told to forget the transfer in its midst, and has to find out itself that it
  /// has ended: of a mail whose text is on its way it would send the end, and the server would deliver the half of it.
  var mustAbort: Bool { get }
  /// True while the one who reads is behind.
  var isPaused: Bool { get }

  /// Sets the options that only its protocol knows.
  func setOptions(of handle: CurlHandle)
  /// Takes a line that is not part of a body: of an HTTP head, or an SMTP reply.
  /// - Returns: why the transfer is to end; nil to go on.
  func receive(header line: UnsafeRawBufferPointer) -> TransferError?
  func receive(body bytes: UnsafeRawBufferPointer) -> BodyIntake
  /// Comes before the connection goes on, which may pause it again.
  func willResume()
  /// Is given what libcurl made of the transfer, where it came to its end there; `end` follows.
  func didFinish(_ result: CURLcode)
  /// Ends the transfer for those who wait for it.
  /// - Returns: false where it had ended before.
  func end(_ outcome: Result<Void, TransferError>) -> Bool
}

/// What became of received bytes.
package enum BodyIntake {
  case taken
  /// Nothing was taken; the connection pauses, and the same bytes come again after a resume.
  case later
  case refused(TransferError)
}

/// How long a transfer may take.
package struct TransferLimits: Sendable, Hashable {
  /// From its submission to its end; nil for no limit.
  package var total: Duration?
  /// Of making the connection. A transfer without a total limit waits at most as long for a connection to be free.
  package var connect: Duration
  /// Without a byte in either direction, unless the reader is behind; nil for no limit.
  package var stall: Duration?

  package init(total: Duration?, connect: Duration, stall: Duration?) {
    self.total = total
    self.connect = connect
    self.stall = stall
  }
}
