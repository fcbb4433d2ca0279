import HTTPTypes
import Hummingbird
import NIOCore
import Testing

@testable import HTTPService

@Suite struct StaticAssetTests {
  private let asset = StaticAsset(
    contentType: "text/css", bytes: Array("body {}".utf8), entityTag: "\"1\"", isImmutable: true)

  private func request(_ known: String?) -> Request {
    var head = HTTPRequest(method: .get, scheme: "http", authority: "localhost", path: "/a.css")
    head.headerFields[.ifNoneMatch] = known
    return Request(head: head, body: RequestBody(buffer: ByteBuffer()))
  }

  @Test(arguments: [
    (nil, 200), ("\"0\"", 200), ("\"1\"", 304), ("W/\"1\"", 304), ("\"0\", \"1\"", 304), ("*", 304), ("1", 200),
  ])
  func whoHasItAlreadyGetsNoContent(known: String?, status: Int) {
    let response = asset.response(to: request(known))
    #expect(response.status.code == status)
    #expect(response.body.contentLength == (status == 200 ? 7 : 0))
    #expect(response.headers[.eTag] == "\"1\"")
  }

  @Test func pagesRunNothingFromElsewhere() {
    let headers = asset.response(to: request(nil)).headers
    #expect(headers[.contentSecurityPolicy]?.contains("default-src 'none'") == true)
    #expect(headers[.contentSecurityPolicy]?.contains("unsafe-inline") == false)
    #expect(headers[.xContentTypeOptions] == "nosniff")
  }

  @Test(arguments: [("gzip, br", true), ("gzip;q=0", false), ("br", false), (nil, false)])
  func whoUnpacksGzipGetsTheSmallerBytes(accepted: String?, isCompressed: Bool) {
    let large = StaticAsset(
      contentType: "text/css", bytes: Array(repeating: UInt8(ascii: "a"), count: 4096), entityTag: "\"1\"")
    var head = HTTPRequest(method: .get, scheme: "http", authority: "localhost", path: "/a.css")
    head.headerFields[.acceptEncoding] = accepted
    let response = large.response(to: Request(head: head, body: RequestBody(buffer: ByteBuffer())))
    #expect((response.headers[.contentEncoding] == "gzip") == isCompressed)
    #expect((response.body.contentLength.map { $0 < 200 } ?? false) == isCompressed)
    #expect(response.headers[.vary] == "Accept, Accept-Encoding")
    #expect(asset.compressed == nil, "what would become larger stays as it is")
  }
}
