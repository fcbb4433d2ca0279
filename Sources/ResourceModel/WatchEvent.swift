/// One change that a watch reports.
public enum WatchEventType: String, Sendable, Hashable, Codable {
  case added = "ADDED"
  case modified = "MODIFIED"
  case deleted = "DELETED"
  /// Carries only a resource version: everything up to it was sent.
  case bookmark = "BOOKMARK"
  /// Carries a `Status`; the watch ends.
  case error = "ERROR"
}
