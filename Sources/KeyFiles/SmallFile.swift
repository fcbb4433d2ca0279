import Files
import Glibc
import SystemPackage

/// Files of keys: read whole, written whole or not at all.
public enum SmallFile {
  public static let maximumLength = 1 << 20

  /// Also of a pipe, as a shell makes it of a command's output.
  public static func read(_ path: String) throws(KeyFileError) -> [UInt8] {
    do {
      let file = try FileDescriptor.open(FilePath(path), .readOnly)
      return try file.closeAfter { try read(file, name: path) }
    } catch let error as KeyFileError {
      throw error
    } catch {
      throw KeyFileError("\(path) cannot be read: \(error)")
    }
  }

  private static func read(_ file: FileDescriptor, name: String) throws -> [UInt8] {
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = try unsafe buffer.withUnsafeMutableBytes { try unsafe file.read(into: $0) }
      if count == 0 { return bytes }
      bytes += buffer[..<count]
      if bytes.count > maximumLength { throw KeyFileError("\(name) is larger than \(maximumLength >> 10) KB") }
    }
  }

  /// - Parameter isSecret: it is its owner's alone.
  /// - Throws: where there is a file of that name already.
  public static func create(_ text: String, at path: String, isSecret: Bool = false) throws(KeyFileError) {
    do throws(FileFault) {
      let file = try ReplacementFile(path: path, isReadableByAll: !isSecret)
      try file.write(Array(text.utf8))
      try file.commitNew()
    } catch {
      if error.number == EEXIST {
        throw KeyFileError(
          "\(path) exists already, and nothing is overwritten", hint: "Choose another name, or move it away.")
      }
      throw KeyFileError("\(path) cannot be written: \(error.text)")
    }
  }
}
