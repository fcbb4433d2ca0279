public import Logging
public import WireFormats

/// Writes log records as lines of `LogFormat`.
public struct StructuredLogHandler: LogHandler {
  public var logLevel: Logger.Level
  public var metadata: Logger.Metadata = [:]
  public var metadataProvider: Logger.MetadataProvider?

  private let label: String
  private let format: LogFormat
  private let isColoured: Bool
  private let now: @Sendable () -> Timestamp
  private let write: @Sendable ([UInt8]) -> Void

  /// - Parameter write: takes one whole line with its line feed; called by many tasks at once.
  public init(
    label: String, level: Logger.Level, format: LogFormat, isColoured: Bool = false,
    metadataProvider: Logger.MetadataProvider? = nil, now: @escaping @Sendable () -> Timestamp,
    write: @escaping @Sendable ([UInt8]) -> Void
  ) {
    self.label = label
    self.logLevel = level
    self.format = format
    self.isColoured = isColoured
    self.metadataProvider = metadataProvider
    self.now = now
    self.write = write
  }

  public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  public func log(event: LogEvent) {
    // What is said at the call wins over the logger's own fields, and these over the surroundings'.
    var fields = metadataProvider?.get() ?? [:]
    fields.merge(metadata) { _, own in own }
    if let given = event.metadata { fields.merge(given) { _, own in own } }
    if let error = event.error, fields["error"] == nil { fields["error"] = .string(String(describing: error)) }
    let record = LogRecord(
      time: now(), level: event.level, label: label, message: event.message.description, metadata: fields)
    write(record.line(format, isColoured: isColoured))
  }
}
