/// What a child process left behind.
public struct ProcessResult: Sendable, Hashable {
  public var status: ExitStatus
  public var standardOutput: CapturedOutput
  public var standardError: CapturedOutput

  public init(
    status: ExitStatus, standardOutput: CapturedOutput = CapturedOutput(),
    standardError: CapturedOutput = CapturedOutput()
  ) {
    self.status = status
    self.standardOutput = standardOutput
    self.standardError = standardError
  }
}

/// The end of what a process wrote to one stream; the beginning is given up when it writes more than the limit.
public struct CapturedOutput: Sendable, Hashable {
  public var bytes: [UInt8]
  /// Bytes that were written before `bytes` and not kept.
  public var droppedByteCount: Int

  public init(bytes: [UInt8] = [], droppedByteCount: Int = 0) {
    self.bytes = bytes
    self.droppedByteCount = droppedByteCount
  }

  /// Bytes that are not UTF-8 are replaced.
  public var text: String { String(decoding: bytes, as: UTF8.self) }

  /// Where a program says why it failed.
  public var lastLine: String? {
    text.split(whereSeparator: \.isNewline).last { $0.contains { !$0.isWhitespace } }.map(String.init)
  }
}

/// One line of a child process as it comes, without its end.
public struct OutputLine: Sendable, Hashable {
  public enum Stream: Sendable, Hashable {
    case standardOutput
    case standardError
  }

  public var stream: Stream
  public var text: String

  public init(stream: Stream, text: String) {
    self.stream = stream
    self.text = text
  }
}
