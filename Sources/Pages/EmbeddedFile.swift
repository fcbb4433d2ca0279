import CPageFiles

/// A file that was compiled into the program.
struct EmbeddedFile: Sendable, Hashable {
  /// Below the folder of all of them, such as `shared/api.js`.
  var path: String
  var bytes: [UInt8]

  static func all(of folder: PageFolder) -> [EmbeddedFile] {
    UnsafeBufferPointer(start: folder.files, count: folder.count).map { file in
      EmbeddedFile(
        path: "\(String(cString: folder.name))/\(String(cString: file.name))",
        bytes: Array(UnsafeBufferPointer(start: file.bytes, count: file.count)))
    }
  }
}
