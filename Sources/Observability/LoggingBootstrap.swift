import Glibc
public import Logging
import Synchronization
import SystemPackage
import Timing

/// How a program logs, decided once at its start.
public struct LoggingBootstrap: Sendable {
  public var level: Logger.Level
  public var format: LogFormat

  public init(level: Logger.Level = .info, format: LogFormat = .json) {
    self.level = level
    self.format = format
  }

  /// Reads `trace`, `debug`, `info`, `notice`, `warning` (`warn`), `error` or `critical`, in any case; nil otherwise.
  public static func level(named name: String) -> Logger.Level? {
    switch name.lowercased() {
    case "warn": .warning
    case "fatal": .critical
    case let name: Logger.Level(rawValue: name)
    }
  }

  /// The names `level(named:)` accepts, for error messages.
  public static let levelNames = Logger.Level.allCases.map(\.rawValue)

  /// Makes every logger of the program write to standard error. To be called once, before the first logger is made.
  /// - Parameter metadataProvider: adds fields to every record, such as those of the current reconcile pass.
  public func install(metadataProvider: Logger.MetadataProvider? = nil) {
    let (level, format) = (level, format)
    let isColoured = format == .text && isatty(STDERR_FILENO) == 1
    let now = SystemTime.now
    LoggingSystem.bootstrap { label in
      StructuredLogHandler(
        label: label, level: level, format: format, isColoured: isColoured, metadataProvider: metadataProvider,
        now: now,
        write: StandardErrorLines.write)
    }
  }
}

/// Whole lines on standard error, one after the other.
private enum StandardErrorLines {
  private static let lock = Mutex(())

  @Sendable static func write(_ line: [UInt8]) {
    lock.withLock { _ in
      // A log that cannot be written has nowhere to be reported.
      _ = try? FileDescriptor.standardError.writeAll(line)
    }
  }
}
