public import CurlTransfers

/// A response whose body was read whole.
public struct HTTPResponse: Sendable {
  public var status: Int
  public var headers: HTTPHeaders
  public var body: [UInt8]

  public init(status: Int, headers: HTTPHeaders = HTTPHeaders(), body: [UInt8] = []) {
    self.status = status
    self.headers = headers
    self.body = body
  }

  public var isSuccess: Bool { (200..<300).contains(status) }
}

/// The head of a response whose body arrives piece by piece, with back-pressure: the connection pauses while nobody reads.
public struct HTTPStreamingResponse: Sendable {
  public var status: Int
  public var headers: HTTPHeaders
  /// Ends at the end of the body; throws `HTTPTransportError`. Dropping the iterator or cancelling its task ends the request.
  public var body: HTTPBodySequence

  public init(status: Int, headers: HTTPHeaders, body: HTTPBodySequence) {
    self.status = status
    self.headers = headers
    self.body = body
  }
}

/// Header fields in the order received; names compare without regard to case.
public struct HTTPHeaders: Sendable {
  public var fields: [(name: String, value: String)]

  public init(_ fields: [(name: String, value: String)] = []) { self.fields = fields }

  /// The first field of that name.
  public subscript(name: String) -> String? {
    fields.first { $0.name.lowercased() == name.lowercased() }?.value
  }
}

/// Why a request got no response.
public typealias HTTPTransportError = TransferError
