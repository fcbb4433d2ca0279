import FoundationEssentials
import SystemPackage

#if canImport(Glibc)
  import Glibc
#endif

/// Where a command prints: results to standard output, everything else to standard error.
struct Console: Sendable {
  /// True where standard error is a terminal that can rewrite its last line.
  let hasLiveLine: Bool
  /// True where standard output is a terminal that can rewrite its last lines.
  var hasLiveBlock = false
  /// True where standard output is a terminal that shows colours.
  let hasColour: Bool

  static func standard(environment: [String: String]) -> Console {
    let isCapable = environment["TERM"] != "dumb" && environment["TERM"] != nil
    return Console(
      hasLiveLine: isCapable && isatty(STDERR_FILENO) == 1,
      hasLiveBlock: isCapable && isatty(STDOUT_FILENO) == 1,
      hasColour: isCapable && (environment["NO_COLOR"] ?? "").isEmpty && isatty(STDOUT_FILENO) == 1)
  }

  /// Writes text to standard output at once.
  /// - Throws: `CommandFailure` where it cannot be written, as on a full disk.
  func write(_ text: String) throws(CommandFailure) {
    do {
      try FileDescriptor.standardOutput.writeAll(text.utf8)
    } catch {
      throw CommandFailure("the output cannot be written: \(error)")
    }
  }

  /// Writes a line to standard error. A standard error that is gone is nobody's loss.
  func note(_ line: String) {
    _ = try? FileDescriptor.standardError.writeAll((line + "\n").utf8)
  }

  /// Puts `text` in place of the live line, or prints it as a line where there is none.
  func progress(_ text: String) {
    if hasLiveLine {
      let width = max(20, Self.terminalWidth() - 1)
      let shown = text.count <= width ? text : text.prefix(width - 1) + "…"
      _ = try? FileDescriptor.standardError.writeAll("\r\u{1B}[K\(shown)".utf8)
    } else {
      note(text)
    }
  }

  /// Removes the live line.
  func endProgress() {
    if hasLiveLine { _ = try? FileDescriptor.standardError.writeAll("\r\u{1B}[K".utf8) }
  }

  func coloured(_ text: String, _ colour: Colour) -> String {
    hasColour ? "\u{1B}[\(colour.rawValue)m\(text)\u{1B}[0m" : text
  }

  enum Colour: Int {
    case bold = 1
    case red = 31
    case green = 32
    case yellow = 33
    case cyan = 36
  }

  private static func terminalWidth() -> Int { terminalSize(STDERR_FILENO).columns }

  /// Of the terminal that is standard output.
  static func terminalSize() -> (columns: Int, rows: Int) { terminalSize(STDOUT_FILENO) }

  private static func terminalSize(_ descriptor: Int32) -> (columns: Int, rows: Int) {
    var size = winsize()
    guard unsafe ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return (80, 24) }
    return (Int(size.ws_col), size.ws_row > 0 ? Int(size.ws_row) : 24)
  }
}

/// Lines at the end of a terminal that are written again in their place.
struct LiveBlock {
  let console: Console
  private var height = 0

  init(console: Console) { self.console = console }

  /// - Parameter lines: each fits into one line of the terminal, and all into its height.
  mutating func draw(_ lines: [String]) throws(CommandFailure) {
    let home = height > 0 ? "\u{1B}[\(height)A\r\u{1B}[J" : ""
    try console.write(home + lines.map { $0 + "\n" }.joined())
    height = lines.count
  }
}
