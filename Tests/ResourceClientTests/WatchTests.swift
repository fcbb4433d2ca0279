import DeploymentKinds
import HTTPTransport
import ResourceClient
import ResourceModel
import Testing
import WireFormats

@Suite struct WatchTests {
  private struct Scripted: APITransport {
    let pieces: Pieces

    func send(_ request: HTTPRequest) async throws(HTTPTransportError) -> HTTPResponse { HTTPResponse(status: 500) }
    func open(_ request: HTTPRequest) async throws(HTTPTransportError) -> APIStream {
      APIStream(status: 200, body: pieces)
    }
  }

  private func events(_ pieces: Pieces) async throws(ResourceClientError) -> [WatchEvent<JSONValue>] {
    let client = Fixtures.client(Scripted(pieces: pieces))
    let stream = try await client.watch(DesiredDeploymentKind.names, namespace: "shop", from: "1")
    var events: [WatchEvent<JSONValue>] = []
    for try await event in stream { events.append(event) }
    return events
  }

  @Test(arguments: [1, 7, 40, 1000])
  func changesComeInOrderWhereverThePiecesAreCut(size: Int) async throws {
    let text = """
      {"type":"ADDED","object":{"a":1}}
      {"type":"MODIFIED","object":{"a":2}}

      {"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"7"}}}
      {"type":"DELETED","object":{"a":3}}
      {"type":"ADD
      """
    let bytes = Array(text.utf8)
    let pieces = stride(from: 0, to: bytes.count, by: size).map { Array(bytes[$0..<min($0 + size, bytes.count)]) }
    let seen = try await events(Pieces(pieces))
    #expect(seen == [.added(["a": 1]), .modified(["a": 2]), .bookmark(resourceVersion: "7"), .deleted(["a": 3])])
  }

  @Test func anErrorEventEndsTheWatchWithItsReason() async {
    let line: JSONValue = ["type": "ERROR", "object": StatusError(.expired, "too old").json]
    await #expect { try await events(Pieces([line.serialized() + [0x0A]])) } throws: {
      ($0 as? ResourceClientError)?.isExpired == true
    }
  }

  @Test func aBrokenConnectionIsToldAsSuch() async {
    let failure = HTTPTransportError(code: .connectionLost, message: "lost")
    await #expect(throws: ResourceClientError.unreachable(failure)) { try await events(Pieces([], failure: failure)) }
  }

  @Test(arguments: [
    "no json\n", "[]\n", "{\"type\":\"OTHER\",\"object\":{}}\n", "{\"type\":\"BOOKMARK\",\"object\":{}}\n",
  ])
  func aLineThatIsNoEventIsRefused(line: String) async {
    await #expect { try await events(Pieces([Array(line.utf8)])) } throws: { error in
      guard case .protocolViolation = error as? ResourceClientError else { return false }
      return true
    }
  }
}
