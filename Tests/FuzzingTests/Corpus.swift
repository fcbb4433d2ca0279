import FoundationEssentials

/// The inputs that are kept for a target: seeds, and what once showed a fault.
enum Corpus {
  struct Input {
    var path: String
    var bytes: [UInt8]
  }

  static func inputs(_ target: String, file: String = #filePath) throws -> [Input] {
    let tests = URL(filePath: file).deletingLastPathComponent().deletingLastPathComponent()
    let folder = tests.appending(path: "Fixtures/fuzzing/\(target)")
    return try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted().map { name in
      Input(path: "\(target)/\(name)", bytes: Array(try Data(contentsOf: folder.appending(path: name))))
    }
  }
}
