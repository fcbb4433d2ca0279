import FoundationEssentials
import TestSupport
import Testing

@testable import ControlCommands
@testable import KeyFiles

@Suite(.timeLimit(.minutes(5))) struct HiddenLineTests {
  @Test(arguments: [
    ("word\n", "word"), ("word\r", "word"), ("word\u{4}", "word"), ("\n", ""), ("worn\u{7F}d\n", "word"),
    ("\u{8}\u{7F}word\n", "word"), ("wrong\u{15}word\n", "word"), ("two words\u{17}\n", "two "),
    ("two  \u{17}one\n", "one"), ("añ\u{7F}\n", "a"), ("a€\u{7F}b\n", "ab"), ("a\tb\n", "a\tb"),
  ])
  func keysEditTheLine(keys: String, text: String) {
    var line = HiddenLine(maximumLength: 100)
    var progress = HiddenLine.Progress.unfinished
    for key in keys.utf8 {
      #expect(progress == .unfinished)
      progress = line.take(key)
    }
    #expect(progress == .finished)
    #expect(String(decoding: line.bytes, as: UTF8.self) == text)
  }

  @Test(arguments: [0x03, 0x1C] as [UInt8]) func anInterruptDoesNotWaitForTheEndOfTheLine(key: UInt8) {
    var line = HiddenLine(maximumLength: 100)
    #expect(line.take(UInt8(ascii: "a")) == .unfinished)
    #expect(line.take(key) == .interrupted)
  }

  @Test func aLineThatIsTooLongIsSeenToBeSo() {
    var line = HiddenLine(maximumLength: 3)
    for _ in 0..<10 { _ = line.take(UInt8(ascii: "a")) }
    #expect(line.bytes.count == 4)
  }

  /// At a terminal of its own, which `script` makes.
  @Test(arguments: [("\\003", Int32(130)), ("correct horsf\\177e\\n", 0), ("wrong\\n", 1)])
  func aTerminalIsAskedAndIsAfterwardsAsItWas(keys: String, code: Int32) async throws {
    let desk = try SigningDesk()
    try desk.folder.write("correct horse\n", to: "right")
    try await desk.succeed("trust", "init", "--product", "wrktalk", "--dir", "trust", "--passphrase-file", "right")
    try desk.writeManifest()
    try desk.folder.write(
      """
      stty -a >before
      '\(Testbed.program("wrktalkctl"))' release sign release.json --key trust/release.key -o signed.json
      echo $? >code
      stty -a >after
      """, to: "session")
    // The keys are pressed when the question is there; then nothing more comes.
    try desk.folder.write(
      """
      mkfifo keys
      (exec 3>keys; while ! grep -q Passphrase screen; do sleep 0.05; done; printf '\(keys)' >&3; while ! test -s after; do sleep 0.05; done) &
      script --quiet --flush --command 'sh session' screen <keys >/dev/null
      """, to: "person")
    #expect(try await desk.shell("touch screen; timeout 60 sh person"))
    let screen = try desk.text("screen")
    #expect(try desk.text("code") == "\(code)\n", "\(screen)")
    #expect(try desk.text("before") == desk.text("after"))
    #expect(!screen.contains("correct"))
    #expect(try desk.names.contains("signed.json") == (code == 0))
  }
}
