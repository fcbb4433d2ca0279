import ResourceClient
import Testing

@Suite struct LineSplitterTests {
  @Test(arguments: 1...12)
  func linesAreTheSameWhereverThePiecesAreCut(size: Int) throws {
    let bytes = Array("one\ntwo\r\n\nthree\nrest".utf8)
    var splitter = LineSplitter(maximumLength: 10)
    var lines: [String] = []
    var start = 0
    while start < bytes.count {
      splitter.append(Array(bytes[start..<min(start + size, bytes.count)]))
      start += size
      while let line = try splitter.next() { lines.append(String(decoding: line, as: UTF8.self)) }
    }
    #expect(lines == ["one", "two", "", "three"])
    #expect(splitter.remainder() == Array("rest".utf8))
  }

  @Test func aLineThatIsTooLongIsRefusedBeforeItEnds() {
    var splitter = LineSplitter(maximumLength: 4)
    splitter.append(Array("12345".utf8))
    #expect(throws: LineSplitter.LineTooLong(maximumLength: 4)) { try splitter.next() }
  }
}
