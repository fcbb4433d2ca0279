import HTTPTransport

/// `APITransport` over the HTTP client of this package.
struct HTTPClientTransport: APITransport {
  private let http: HTTPClient

  init(_ http: HTTPClient) { self.http = http }

  func send(_ request: HTTPRequest) async throws(HTTPTransportError) -> HTTPResponse { try await http.send(request) }

  func open(_ request: HTTPRequest) async throws(HTTPTransportError) -> APIStream {
    let response = try await http.stream(request)
    return APIStream(status: response.status, headers: response.headers, body: response.body)
  }
}
