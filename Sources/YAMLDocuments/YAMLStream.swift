/// YAML text: any number of documents, each a JSON value.
///
/// The YAML is that of `kubectl` (`sigs.k8s.io/yaml`): YAML 1.1 with libyaml's syntax. So `yes`, `no`, `on`, `off`, `y`
/// and `n` without quotation marks are booleans, `0x1F`, `0o17`, `017` and `0b11` are integers, and a time is a string.
/// Anchors, aliases and merge keys (`<<`) work within bounds. Tags other than YAML's own are refused. A key that is no
/// string is an error, and so is one that stands twice. JSON is YAML, so JSON files parse too.
public enum YAMLStream {
  public static let maximumByteCount = 4 << 20
  public static let maximumDepth = 100
  /// How much all aliases of a document may add to it, in bytes.
  public static let maximumAliasByteCount = 4 << 20

  /// What keys may be.
  public enum KeyRules: Sendable, Hashable {
    /// Strings, each once.
    case strict
    /// Any scalar, as it is written; of a key that stands twice the last counts. What is tagged `!!binary` is taken. So Helm reads what charts rendered.
    case lenient
    /// As `lenient`, and tags of an application's own, such as Compose's `!reset`, are passed over.
    case untagged
  }

  /// The documents of `bytes`, without the empty ones.
  ///
  /// - Parameters:
  ///   - file: what errors and locations call the text: a file's name, or `stdin`.
  ///   - limit: more bytes are an error; whole MiB.
  public static func parse(
    _ bytes: [UInt8], file: String, keys: KeyRules = .strict, limit: Int = maximumByteCount,
    maximumNodeCount: Int = .max
  ) throws(YAMLError) -> [YAMLDocument] {
    guard bytes.count <= limit else {
      throw YAMLError(SourceLocation(file: file, line: 1, column: 1), "the file has more than \(limit >> 20) MiB")
    }
    return try bytes.withUnsafeBufferPointer { buffer throws(YAMLError) in
      var events = YAMLEventParser(buffer, file: file)
      var composer = YAMLComposer(file: file, keys: keys, maximumNodeCount: maximumNodeCount)
      return try composer.compose(&events)
    }
  }

  public static func parse(
    _ text: String, file: String, keys: KeyRules = .strict, limit: Int = maximumByteCount
  ) throws(YAMLError) -> [YAMLDocument] {
    try parse(Array(text.utf8), file: file, keys: keys, limit: limit)
  }
}

/// A place in a text, both numbers counted from 1.
public struct SourceLocation: Sendable, Hashable, CustomStringConvertible {
  public var file: String
  public var line: Int
  /// In characters.
  public var column: Int

  public init(file: String, line: Int, column: Int) {
    self.file = file
    self.line = line
    self.column = column
  }

  public var description: String { "\(file):\(line):\(column)" }
}

/// Why a text is no YAML that this program takes, and where.
public struct YAMLError: Error, Sendable, Hashable, CustomStringConvertible {
  public var location: SourceLocation
  public var message: String

  public init(_ location: SourceLocation, _ message: String) {
    self.location = location
    self.message = message
  }

  public var description: String { "\(location): \(message)" }
}
