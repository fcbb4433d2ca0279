import ResourceModel
import TestSupport
import Testing

@testable import HTTPService

@Suite struct MultipartParserTests {
  private static let type = "multipart/form-data; boundary=X1"

  private struct Part: Hashable {
    var head: MultipartPart
    var content: [UInt8] = []
    var isWhole = false
  }

  /// Feeds `body` in pieces of so many bytes, and puts the parts together again.
  private func parts(_ body: [UInt8], type: String = type, pieces: Int) throws -> [Part] {
    var parser = try MultipartParser(contentType: type)
    var parts: [Part] = []
    var rest = body[...]
    while !rest.isEmpty {
      for event in try parser.feed(rest.prefix(pieces)) {
        switch event {
        case .began(let head): parts.append(Part(head: head))
        case .content(let bytes): parts[parts.count - 1].content += bytes
        case .ended: parts[parts.count - 1].isWhole = true
        }
      }
      rest = rest.dropFirst(pieces)
    }
    try parser.finish()
    return parts
  }

  private static let form = """
    preamble\r
    --X1\r
    Content-Disposition: form-data; name="version"\r
    \r
    1.2.3\r
    --X1  \r
    content-disposition: form-data; name=file; filename="a;\\"b\\".tgz"\r
    Content-Type: application/gzip\r
    \r
    one\r
    --X\r
    --X2two\r\r
    \r
    --X1\r
    Content-Disposition: form-data; name="empty"\r
    \r
    \r
    --X1--\r
    epilogue --X1\r
    """

  @Test(arguments: [1, 2, 3, 5, 7, 16, 1000]) func aFormIsTheSameHoweverItIsCut(pieces: Int) throws {
    let parts = try parts(Array(Self.form.utf8), pieces: pieces)
    #expect(
      parts == [
        Part(head: MultipartPart(name: "version"), content: Array("1.2.3".utf8), isWhole: true),
        Part(
          head: MultipartPart(name: "file", fileName: "a;\"b\".tgz", contentType: "application/gzip"),
          content: Array("one\r\n--X\r\n--X2two\r\r\n".utf8), isWhole: true),
        Part(head: MultipartPart(name: "empty"), content: [], isWhole: true),
      ])
  }

  @Test func anyBytesPassThroughUnchanged() throws {
    var random = SeededGenerator(seed: 7)
    for round in 0..<50 {
      // Of the bytes that delimiters are made of, so that they nearly come about.
      let alphabet = Array("\r\n-X1a".utf8)
      var content: [UInt8] = []
      while content.count < 300 {
        content.append(alphabet[Int.random(in: 0..<alphabet.count, using: &random)])
        if content.suffix(6) == Array("\r\n--X1".utf8) { content.removeLast() }
      }
      let head = Array("--X1\r\nContent-Disposition: form-data; name=a\r\n\r\n".utf8)
      let parts = try parts(head + content + Array("\r\n--X1--".utf8), pieces: 1 + round % 40)
      #expect(parts.map(\.content) == [content], "round \(round)")
    }
  }

  @Test(
    arguments: [
      "--X1\r\nContent-Disposition: form-data; name=a\r\n\r\ncut off",
      "--X1\r\nContent-Disposition: form-data; name=a\r\n\r\nwhole\r\n--X1\r\n", "", "no boundary at all",
      "--X1\r\nContent-Disposition: form-data\r\n\r\nno name\r\n--X1--", "--X1\r\n\r\nno head\r\n--X1--",
      "--X1\r\nContent-Disposition: form-data; name=a; filename=\"b\nc\"\r\n\r\nx\r\n--X1--",
      "--X1\r\nContent-Disposition: form-data; name=\"a\0\"\r\n\r\nx\r\n--X1--",
      "--X1\r\nContent-Disposition: attachment; name=a\r\n\r\nx\r\n--X1--",
      "--X1\r\nno colon\r\n\r\nx\r\n--X1--", "--X1 text\r\n",
      "--X1\r\nContent-Disposition: form-data; name=a\r\nContent-Transfer-Encoding: base64\r\n\r\neA==\r\n--X1--",
      "--X1\r\nContent-Disposition: form-data; name=a\r\nX: " + String(repeating: "x", count: 9000)
        + "\r\n\r\n\r\n--X1--",
      String(repeating: "--X1\r\nContent-Disposition: form-data; name=a\r\n\r\nx\r\n", count: 33) + "--X1--",
    ])
  func whatIsNoWholeFormIsRefused(body: String) {
    for pieces in [1, 10_000] {
      let error = #expect(throws: StatusError.self) { try parts(Array(body.utf8), pieces: pieces) }
      #expect(error?.reason == .badRequest)
    }
  }

  @Test(
    arguments: [
      (nil, .unsupportedMediaType), ("application/json", .unsupportedMediaType),
      ("multipart/form-data", .badRequest), ("multipart/form-data; boundary=\"\"", .badRequest),
      ("multipart/form-data; boundary=" + String(repeating: "x", count: 71), .badRequest),
    ] as [(String?, StatusError.Reason)])
  func theTypeMustBeThatOfAForm(type: String?, reason: StatusError.Reason) {
    let error = #expect(throws: StatusError.self) { try MultipartParser(contentType: type) }
    #expect(error?.reason == reason)
  }

  /// What is kept does not grow with a part.
  @Test func contentIsHandedOnAsItComes() throws {
    var parser = try MultipartParser(contentType: Self.type)
    _ = try parser.feed(Array("--X1\r\nContent-Disposition: form-data; name=a\r\n\r\n".utf8))
    let piece = [UInt8](repeating: 0x61, count: 100_000)
    for _ in 0..<5 {
      let events = try parser.feed(piece)
      guard case .content(let bytes)? = events.first else {
        Issue.record("no content came")
        return
      }
      #expect(bytes.count > 99_000)
    }
  }
}
