import Logging
import Synchronization

/// Keeps log records for the test to look at.
final class LogRecorder: Sendable {
  struct Record: Sendable {
    var level: Logger.Level
    var message: String
    var metadata: Logger.Metadata
  }

  private let kept = Mutex<[Record]>([])
  var records: [Record] { kept.withLock { $0 } }

  var logger: Logger {
    var logger = Logger(label: "test") { _ in Handler(recorder: self) }
    logger.logLevel = .trace
    return logger
  }

  private struct Handler: LogHandler {
    let recorder: LogRecorder
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.trace

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
      get { metadata[key] }
      set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
      let record = Record(
        level: event.level, message: event.message.description,
        metadata: metadata.merging(event.metadata ?? [:]) { _, own in own })
      recorder.kept.withLock { $0.append(record) }
    }
  }
}
