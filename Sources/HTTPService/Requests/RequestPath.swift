/// What is asked of the path of each request, byte by byte.
public enum RequestPath {
  /// Whether nothing stands between two of its slashes.
  public static func hasEmptyPart(_ path: String) -> Bool {
    var previous: UInt8 = 0
    for byte in path.utf8 {
      if byte == UInt8(ascii: "/"), previous == byte { return true }
      previous = byte
    }
    return false
  }
}
