/// Why an archive was not unpacked. Nothing of it is left on disk.
public struct ArchiveError: Error, Sendable, Hashable, CustomStringConvertible {
  /// Stable names, for conditions and metrics.
  public enum Code: String, Sendable, Hashable, CaseIterable {
    case cannotRead = "CannotReadArchive"
    case notGzip = "NotGzip"
    case notTar = "NotTar"
    case damaged = "DamagedArchive"
    case empty = "EmptyArchive"
    /// Absolute, or leading outside, or holding characters no path of a bundle needs.
    case unsafePath = "UnsafePath"
    case pathTooLong = "PathTooLong"
    /// A link, device, pipe or socket.
    case unsupportedEntry = "UnsupportedEntry"
    case sparseEntry = "SparseEntry"
    /// Two entries that are one file here or on another system.
    case duplicateEntry = "DuplicateEntry"
    case tooManyEntries = "TooManyEntries"
    case entryTooLarge = "EntryTooLarge"
    case tooLarge = "ArchiveTooLarge"
    case suspiciousCompression = "SuspiciousCompression"
    case destinationExists = "DestinationExists"
    case diskFull = "DiskFull"
    case cannotWrite = "CannotWrite"
    case cancelled = "Cancelled"
  }

  public var code: Code
  /// The entry at fault, with everything unprintable escaped.
  public var entry: String?
  /// What is wrong and what to do.
  public var message: String

  public init(code: Code, entry: String? = nil, message: String) {
    self.code = code
    self.entry = entry
    self.message = message
  }

  /// Whether the same archive may unpack well at another time.
  public var isTransient: Bool {
    switch code {
    case .cannotRead, .diskFull, .cannotWrite, .cancelled: true
    default: false
    }
  }

  public var description: String { entry.map { "entry \"\($0)\": \(message)" } ?? message }
}
