import FoundationEssentials
import Glibc

/// The folder an archive is unpacked into before anybody may see it: next to its final place, and removed with all its
/// content unless `moveIntoPlace()` succeeds.
///
/// Only folders and regular files are made in it, and each only where nothing is yet, so no entry can lead a later one
/// astray.
struct UnpackingFolder: ~Copyable {
  private let path: String
  private let destination: String
  private var isMoved = false

  private init(path: String, destination: String) {
    self.path = path
    self.destination = destination
  }

  static func make(for destination: String) throws(ArchiveError) -> UnpackingFolder {
    guard access(destination, F_OK) != 0 else { throw destinationExists(destination) }
    let name = destination.split(separator: "/").last.map(String.init) ?? ""
    guard !destination.hasSuffix("/"), !["", ".", ".."].contains(name) else {
      throw ArchiveError(code: .cannotWrite, message: "\"\(destination)\" is no name of a folder")
    }
    let random = String(UInt64.random(in: .min ... .max), radix: 36)
    let path = "\(destination.dropLast(name.count)).\(name).unpacking-\(random)"
    if mkdir(path, 0o700) != 0 { throw failure("cannot make the folder", entry: nil) }
    return UnpackingFolder(path: path, destination: destination)
  }

  deinit { if !isMoved { try? FileManager.default.removeItem(atPath: path) } }

  func makeFolder(_ entry: String) throws(ArchiveError) {
    if mkdir("\(path)/\(entry)", 0o700) != 0 { throw Self.failure("cannot make the folder", entry: entry) }
  }

  func setMode(of folder: String, _ mode: mode_t) throws(ArchiveError) {
    if chmod("\(path)/\(folder)", mode) != 0 {
      throw Self.failure("cannot set the mode of the folder", entry: folder)
    }
  }

  /// Makes a file and hands its descriptor to `body`.
  func makeFile(
    _ entry: String, mode: mode_t, _ body: (Int32) throws(ArchiveError) -> Void
  ) throws(ArchiveError) {
    let file = open("\(path)/\(entry)", O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
    guard file >= 0 else { throw Self.failure("cannot make the file", entry: entry) }
    var isOpen = true
    defer { if isOpen { close(file) } }
    try body(file)
    // Not left to `open`, which the process's mask limits.
    if fchmod(file, mode) != 0 { throw Self.failure("cannot set the mode of the file", entry: entry) }
    isOpen = false
    // A full disk may be told only now.
    if close(file) != 0 { throw Self.failure("cannot write the file", entry: entry) }
  }

  static func write(_ bytes: ArraySlice<UInt8>, to file: Int32, entry: String) throws(ArchiveError) {
    var rest = bytes
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) }
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else { throw failure("cannot write the file", entry: entry) }
      rest = rest.dropFirst(count)
    }
  }

  /// Gives the folder its final name, all at once.
  consuming func moveIntoPlace() throws(ArchiveError) {
    // Never replaces anything: a folder cannot take the name of a file, nor of a folder that holds something.
    if rename(path, destination) != 0 {
      if [EEXIST, ENOTEMPTY, ENOTDIR].contains(errno) { throw Self.destinationExists(destination) }
      throw Self.failure("cannot give the folder its name", entry: nil)
    }
    isMoved = true
  }

  private static func destinationExists(_ destination: String) -> ArchiveError {
    ArchiveError(code: .destinationExists, message: "the folder \"\(destination)\" exists already")
  }

  private static func failure(_ what: String, entry: String?) -> ArchiveError {
    let number = errno
    let isFull = number == ENOSPC || number == EDQUOT
    return ArchiveError(
      code: isFull ? .diskFull : .cannotWrite, entry: entry, message: "\(what): \(systemMessage(number))")
  }
}
