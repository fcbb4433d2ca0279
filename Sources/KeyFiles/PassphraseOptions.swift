public import ArgumentParser
import Synchronization
import SystemPackage

#if canImport(Glibc)
  import Glibc
#endif

/// Where a passphrase comes from: never from an argument, which everybody on the machine can read.
public struct PassphraseOptions: ParsableArguments {
  @Option(
    help: "A file whose first line is the passphrase of the keys; else the terminal is asked.", completion: .file())
  public var passphraseFile: String?

  @Option(help: "The number of an open descriptor whose first line is the passphrase of the keys.")
  public var passphraseFd: Int32?

  public init() {}

  static let maximumLength = 1024

  /// A descriptor can be read only once, and several keys may need its passphrase.
  private static let known = Mutex<[Int32: [UInt8]]>([:])

  /// True where nobody has to be asked.
  public var isGiven: Bool { passphraseFile != nil || passphraseFd != nil }

  /// - Parameter isNew: asks twice at a terminal, so that nobody locks himself out by a slip.
  public func passphrase(of what: String, isNew: Bool = false) throws(KeyFileError) -> [UInt8] {
    if passphraseFile != nil, passphraseFd != nil {
      throw KeyFileError("use --passphrase-file or --passphrase-fd, not both", kind: .usage)
    }
    if let passphraseFile {
      return try Self.firstLine(SmallFile.read(passphraseFile), of: passphraseFile)
    }
    if let passphraseFd {
      if let passphrase = Self.known.withLock({ $0[passphraseFd] }) { return passphrase }
      let passphrase = try Self.firstLine(
        Self.read(descriptor: passphraseFd), of: "descriptor \(passphraseFd)")
      Self.known.withLock { $0[passphraseFd] = passphrase }
      return passphrase
    }
    let passphrase = try Self.ask("Passphrase of \(what): ")
    if isNew, try Self.ask("Once more: ") != passphrase {
      throw KeyFileError("the two passphrases differ, so nothing was made")
    }
    return passphrase
  }

  static func firstLine(_ bytes: [UInt8], of source: String) throws(KeyFileError) -> [UInt8] {
    var line = Array(bytes.prefix { $0 != UInt8(ascii: "\n") })
    if line.last == UInt8(ascii: "\r") { line.removeLast() }
    guard (1...maximumLength).contains(line.count) else {
      throw KeyFileError("\(source) holds no passphrase: its first line must have from 1 to \(maximumLength) bytes")
    }
    return line
  }

  private static func read(descriptor: Int32) throws(KeyFileError) -> [UInt8] {
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: maximumLength)
    do {
      while !bytes.contains(UInt8(ascii: "\n")), bytes.count <= maximumLength {
        let count = try unsafe buffer.withUnsafeMutableBytes {
          try unsafe FileDescriptor(rawValue: descriptor).read(into: $0)
        }
        if count == 0 { break }
        bytes += buffer[..<count]
      }
      return bytes
    } catch {
      throw KeyFileError("the passphrase cannot be read from descriptor \(descriptor): \(error)")
    }
  }

  /// Asks the terminal, which shows nothing of the answer.
  private static func ask(_ question: String) throws(KeyFileError) -> [UInt8] {
    let terminal = unsafe open("/dev/tty", O_RDWR | O_CLOEXEC)
    var state = termios()
    guard terminal >= 0, unsafe tcgetattr(terminal, &state) == 0 else {
      if terminal >= 0 { close(terminal) }
      throw KeyFileError(
        "a passphrase is needed, and there is no terminal to ask for it",
        hint: "Use --passphrase-file FILE or --passphrase-fd NUMBER.")
    }
    // Signals are not made of keys meanwhile: an interrupted program would leave a terminal that shows nothing. Each key
    // comes at once, so that Ctrl-C does not wait for the end of the line.
    var silent = state
    silent.c_lflag &= ~tcflag_t(ECHO | ISIG | ICANON)
    unsafe withUnsafeMutableBytes(of: &silent.c_cc) { keys in
      unsafe keys[Int(VMIN)] = 1
      unsafe keys[Int(VTIME)] = 0
    }
    unsafe tcsetattr(terminal, TCSAFLUSH, &silent)
    defer {
      unsafe tcsetattr(terminal, TCSAFLUSH, &state)
      close(terminal)
    }
    let device = FileDescriptor(rawValue: terminal)
    _ = try? device.writeAll(question.utf8)
    defer { _ = try? device.writeAll("\n".utf8) }
    return try firstLine(line(from: device), of: "the terminal's answer")
  }

  private static func line(from terminal: FileDescriptor) throws(KeyFileError) -> [UInt8] {
    var line = HiddenLine(maximumLength: maximumLength)
    while let key = nextKey(of: terminal) {
      switch line.take(key) {
      case .unfinished: continue
      case .finished: return line.bytes
      case .interrupted: throw KeyFileError("interrupted", kind: .interrupted)
      }
    }
    return line.bytes
  }

  /// Nil where the terminal is gone.
  private static func nextKey(of terminal: FileDescriptor) -> UInt8? {
    var buffer: [UInt8] = [0]
    let count = try? unsafe buffer.withUnsafeMutableBytes { try unsafe terminal.read(into: $0) }
    return count == 1 ? buffer[0] : nil
  }
}
