import Testing
import WireFormats
import YAMLDocuments

@Suite struct HostileYAMLTests {
  private static let sample = Array(
    """
    # a comment
    apiVersion: deploy.wrktalk.com/v1
    metadata: {name: wrktalk, labels: {a: "b\\u00e9", 'c': d}}
    spec: &spec
      list:
      - key: A
        value: |
          one
            two
      - [1, 0x2, 3.5, true, ~]
      folded: >-
        x
        y
    other: {<<: *spec, more: *spec}
    ---
    - second
    ...

    """.utf8)

  /// Whatever the bytes are, the answer is values or an error with a place in the text, and values read back the same.
  @Test func damagedTextNeverDoesMoreThanFail() throws {
    var generator = SeededGenerator(state: 17)
    let alphabet = Array(" \n\t:-#&*!|>'\"%@`{}[],?<=~0x\u{85}é\u{0}".utf8)
    var readable = 0
    for _ in 0..<3000 {
      var bytes = Self.sample
      for _ in 0..<Int.random(in: 1...4, using: &generator) {
        let place = Int.random(in: 0..<bytes.count, using: &generator)
        switch Int.random(in: 0..<4, using: &generator) {
        case 0: bytes.remove(at: place)
        case 1: bytes.insert(alphabet.randomElement(using: &generator) ?? 0, at: place)
        case 2: bytes[place] = UInt8.random(in: 0...255, using: &generator)
        default: bytes.removeSubrange(place..<min(bytes.count, place + 40))
        }
      }
      do {
        let values = try YAMLStream.parse(bytes, file: "f").map(\.value)
        readable += 1
        #expect(try YAMLStream.parse(YAMLStream.emit(values), file: "g").map(\.value) == values)
      } catch {
        #expect((1...30).contains(error.location.line), "\(error)")
        #expect(error.location.column >= 1 && !error.message.isEmpty, "\(error)")
      }
    }
    #expect(readable > 100)
  }
}
