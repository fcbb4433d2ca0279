/// A file that the kernel makes up as it is read, as those under `/proc` are.
///
/// Such a file says of itself that it is empty, and gives about one page to each call of `read`, at the end of a line. Foundation's
/// `FileManager.contents(atPath:)` takes the first short answer for the end.
package enum KernelFile {
  /// - Parameter limit: in bytes; what is longer is cut off there.
  /// - Returns: the whole text; nil where the file cannot be read.
  package static func text(_ path: String, limit: Int = 64 << 20) -> String? {
    var bytes: [UInt8] = []
    do throws(FileFault) {
      try OpenFile(path: path).read { piece throws(FileFault) in
        bytes += piece.prefix(limit - bytes.count)
      }
    } catch {
      return nil
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
