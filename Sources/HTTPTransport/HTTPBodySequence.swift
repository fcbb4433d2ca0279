import CurlTransfers

/// The body of a streamed response, in the pieces in which it arrives. It can be read once, by one reader.
public struct HTTPBodySequence: AsyncSequence, Sendable {
  public typealias Element = [UInt8]
  public typealias Failure = HTTPTransportError

  private let lifeline: Lifeline

  init(transfer: HTTPTransfer, client: HTTPClient) {
    self.lifeline = Lifeline(transfer: transfer, client: client)
  }

  public func makeAsyncIterator() -> Iterator { Iterator(reader: Reader(lifeline)) }

  public struct Iterator: AsyncIteratorProtocol, Sendable {
    fileprivate let reader: Reader

    /// The bytes that arrived since the last call, at least one; nil at the end of the body.
    public mutating func next(
      isolation actor: isolated (any Actor)? = #isolation
    ) async throws(HTTPTransportError) -> [UInt8]? {
      let (transfer, loop) = (reader.lifeline.transfer, reader.lifeline.client.loop)
      while true {
        switch try transfer.takePiece() {
        case .bytes(let bytes, let isPaused):
          if isPaused { loop.submit(.resume(transfer)) }
          return bytes
        case .end:
          return nil
        case .notYet:
          await withTaskCancellationHandler {
            await transfer.reach(.bytes)
          } onCancel: {
            loop.cancel(transfer)
          }
        }
      }
    }
  }

  /// Ends the request when nothing can read its body any more, and keeps the client while something can.
  fileprivate final class Lifeline: Sendable {
    let transfer: HTTPTransfer
    let client: HTTPClient

    init(transfer: HTTPTransfer, client: HTTPClient) {
      self.transfer = transfer
      self.client = client
    }

    deinit { client.loop.cancel(transfer) }
  }

  /// Ends the request with its one reader, also while somebody still holds the response.
  fileprivate final class Reader: Sendable {
    let lifeline: Lifeline

    init(_ lifeline: Lifeline) { self.lifeline = lifeline }

    deinit { lifeline.client.loop.cancel(lifeline.transfer) }
  }
}
