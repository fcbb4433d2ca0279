public import HTTPTransport

/// What the client needs of an HTTP client.
public protocol APITransport: Sendable {
  func send(_ request: HTTPRequest) async throws(HTTPTransportError) -> HTTPResponse

  /// Returns after the head of the response; the body is read as it arrives.
  func open(_ request: HTTPRequest) async throws(HTTPTransportError) -> APIStream
}

/// A response whose body arrives piece by piece.
public struct APIStream: Sendable {
  public var status: Int
  public var headers: HTTPHeaders
  /// Read by one task only; letting go of its iterator ends the request.
  public var body: any AsyncSequence<[UInt8], HTTPTransportError> & Sendable

  public init(
    status: Int, headers: HTTPHeaders = HTTPHeaders(), body: any AsyncSequence<[UInt8], HTTPTransportError> & Sendable
  ) {
    self.status = status
    self.headers = headers
    self.body = body
  }
}
