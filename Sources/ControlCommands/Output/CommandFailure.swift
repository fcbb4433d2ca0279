/// Why a command ends unsuccessfully, as its user reads it.
struct CommandFailure: Error, Hashable, CustomStringConvertible {
  /// One line that says what is wrong, or several where several things are.
  var message: String
  /// What the user can do.
  var hint: String?
  var exitCode: Int32

  /// What a program's own failure and a wrong command line end with (`EX_USAGE`).
  static let generalExitCode: Int32 = 1
  static let usageExitCode: Int32 = 64
  /// As the command `timeout` ends: what is not over yet is no failure to a pipeline.
  static let timeoutExitCode: Int32 = 124

  /// Where a signal ended the command, as a shell would say it.
  static func interruption(by signal: Int32) -> CommandFailure {
    CommandFailure("interrupted", exitCode: 128 + signal)
  }

  var isInterruption: Bool { exitCode > 128 }

  init(_ message: String, hint: String? = nil, exitCode: Int32 = generalExitCode) {
    self.message = message
    self.hint = hint
    self.exitCode = exitCode
  }

  var description: String { hint.map { "\(message)\n\($0)" } ?? message }
}

/// Text from a server or a file, with control characters (which could move the cursor or clear a terminal) made visible.
/// Where it must stay on one line, its lines are joined with ` | `.
func printable(_ text: String, keepingLineEnds: Bool = false) -> String {
  guard text.unicodeScalars.contains(where: isControl) else { return text }
  if !keepingLineEnds, text.contains(where: \.isNewline) {
    let lines = text.split(whereSeparator: \.isNewline).map { printable(String($0).trimmingSpaces) }
    return lines.filter { !$0.isEmpty }.joined(separator: " | ")
  }
  var output = String.UnicodeScalarView()
  for scalar in text.unicodeScalars {
    output.append(isControl(scalar) && !(keepingLineEnds && scalar == "\n") ? "\u{FFFD}" : scalar)
  }
  return String(output)
}

extension String {
  fileprivate var trimmingSpaces: String {
    let isSpace = { (character: Character) in character == " " || character == "\t" }
    guard let first = firstIndex(where: { !isSpace($0) }), let last = lastIndex(where: { !isSpace($0) }) else {
      return ""
    }
    return String(self[first...last])
  }
}

/// What a terminal may obey: control characters, and those that change the direction of writing.
func isControl(_ scalar: Unicode.Scalar) -> Bool {
  switch scalar.value {
  case ..<0x20, 0x7F...0x9F, 0x061C, 0x200E...0x200F, 0x2028...0x202E, 0x2066...0x2069: true
  default: false
  }
}
