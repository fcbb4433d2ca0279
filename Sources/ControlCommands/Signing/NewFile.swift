import ArgumentParser
import Files
import Glibc

/// Files that are written whole or not at all.
enum NewFile {
  /// Makes a file; one that is there already stays as it is.
  /// - Parameter isSecret: it is its owner's alone.
  static func create(_ text: String, at path: String, isSecret: Bool = false) throws(CommandFailure) {
    try create(Array(text.utf8), at: path, isSecret: isSecret)
  }

  static func create(_ bytes: [UInt8], at path: String, isSecret: Bool = false) throws(CommandFailure) {
    do throws(FileFault) {
      let file = try ReplacementFile(path: path, isReadableByAll: !isSecret)
      try file.write(bytes)
      try file.commitNew()
    } catch {
      if error.number == EEXIST {
        throw CommandFailure(
          "\(printable(path)) exists already, and nothing is overwritten", hint: "Choose another name, or move it away."
        )
      }
      throw CommandFailure("\(printable(path)) cannot be written: \(error.text)")
    }
  }

  /// Puts a file in the place of the one that it was made from.
  static func replace(_ path: String, with text: String) throws(CommandFailure) {
    do throws(FileFault) {
      var file = try ReplacementFile(path: path, isReadableByAll: true)
      try file.write(Array(text.utf8))
      try file.commit()
    } catch {
      throw CommandFailure("\(printable(path)) cannot be written: \(error.text)")
    }
  }

  /// Refuses early what could not be created in the end, before anybody is asked for a passphrase.
  static func checkIsFree(_ path: String) throws(CommandFailure) {
    guard unsafe access(path, F_OK) == 0 else { return }
    throw CommandFailure(
      "\(printable(path)) exists already, and nothing is overwritten", hint: "Choose another name, or move it away.")
  }
}

/// Where a document goes: standard output, or a file that is not there yet.
enum DocumentOutput: ExpressibleByArgument, Hashable {
  case standardOutput
  case file(String)

  /// A file's name, or `-` for standard output.
  init?(argument: String) {
    if argument.isEmpty { return nil }
    self = argument == "-" ? .standardOutput : .file(argument)
  }

  func checkIsFree() throws(CommandFailure) {
    if case .file(let path) = self { try NewFile.checkIsFree(path) }
  }

  func write(_ text: String, console: Console) throws(CommandFailure) {
    switch self {
    case .standardOutput: try console.write(text)
    case .file(let path): try NewFile.create(text, at: path)
    }
  }
}
