import HTTPTransport
public import ResourceModel

extension ResourceClient {
  /// After which a watch without a sign of life has ended: two and a half of the bookmarks that come once a minute.
  private static let watchStallTimeout = Duration.seconds(150)

  /// Opens a watch for the changes after `resourceVersion`; nil begins with all objects as they are now.
  ///
  /// - Parameters:
  ///   - timeout: after which the server ends the watch in good order.
  ///   - representation: `.table` makes every object a Table of one row.
  /// - Throws: where the watch cannot be opened; 410 `Expired` for a version that is too old.
  public func watch(
    _ names: ResourceNames, namespace: String?, selector: ObjectSelector = .everything, from resourceVersion: String?,
    timeout: Duration = .seconds(300), representation: Representation = .object
  ) async throws(ResourceClientError) -> WatchStream {
    var items: [(name: String, value: String)] = [
      ("watch", "true"), ("allowWatchBookmarks", "true"), ("timeoutSeconds", String(timeout.components.seconds)),
    ]
    if let resourceVersion { items.append(("resourceVersion", resourceVersion)) }
    items += selector.queryItems
    var request = HTTPRequest(
      url: endpoint.baseURL + RequestURL.path(names, namespace: namespace) + RequestURL.query(items),
      headers: [("Accept", representation.accept(isList: false))], timeout: timeout + .seconds(30),
      stallTimeout: Self.watchStallTimeout, tls: endpoint.tls, maximumResponseBytes: .max)
    if let token = try endpoint.bearerToken() { request.headers.append(("Authorization", "Bearer \(token)")) }
    let stream: APIStream
    do throws(HTTPTransportError) {
      stream = try await transport.open(request)
    } catch {
      throw .unreachable(error)
    }
    if stream.status == 200 { return WatchStream(body: stream.body, server: endpoint.baseURL) }
    throw ResponseReader.error(
      status: stream.status, body: await Self.read(stream.body, limit: 1 << 20), from: endpoint.baseURL)
  }

  /// The body of a refusal; what cannot be read of it is left out, since the status code already says what matters.
  private static func read(_ body: any AsyncSequence<[UInt8], HTTPTransportError>, limit: Int) async -> [UInt8] {
    var bytes: [UInt8] = []
    do {
      for try await chunk in body {
        bytes += chunk
        if bytes.count > limit { break }
      }
    } catch {
      return bytes
    }
    return bytes
  }
}
