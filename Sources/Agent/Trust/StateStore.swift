/// Where an Agent keeps what only it may write: documents by name.
///
/// One Agent at a time uses it, the one that has the lease.
public protocol StateStore: Sendable {
  /// In words, for messages: `the folder /var/lib/wrktalk-agent/.agent/trust`.
  var place: String { get }

  /// How a person who administers the machine removes all of it, in words.
  var removal: String { get }

  /// Every document as it is now.
  func load() async throws(RuntimeFailure) -> [String: [UInt8]]

  /// Writes documents, each as a whole and durably, in this order; nil removes. A call that fails may have written the first
  /// of them.
  /// - Parameter documents: all of them as they are to be afterwards.
  func write(
    _ changes: [(name: String, content: [UInt8]?)], leaving documents: [String: [UInt8]]
  ) async throws(RuntimeFailure)
}
