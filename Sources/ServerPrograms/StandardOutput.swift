import SystemPackage

/// Whole lines on standard output, at once: who waits for a line in a pipe or a file must not wait for a buffer to fill.
public enum StandardOutput {
  public static func write(line: String) {
    // Where nobody reads, nothing is lost.
    _ = writes(line: line)
  }

  /// - Returns: false where it could not be written, as on a full disk.
  public static func writes(line: String) -> Bool {
    (try? FileDescriptor.standardOutput.writeAll(Array((line + "\n").utf8))) != nil
  }
}

/// What is said to a person beside a command's output.
public enum StandardError {
  public static func write(line: String) {
    _ = try? FileDescriptor.standardError.writeAll(Array((line + "\n").utf8))
  }
}
