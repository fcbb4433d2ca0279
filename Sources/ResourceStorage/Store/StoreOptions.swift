public import WireFormats

/// Limits of a `SQLResourceStore`; the defaults suit a server process.
public struct StoreOptions: Sendable {
  /// Most objects of one page, also where a caller asks for more.
  public var maximumPage: Int
  /// How many changes of each kind the log keeps for watchers that come back and lists that go on.
  public var keptChanges: Int
  /// How many bytes of them.
  public var keptBytes: Int
  /// How long it keeps them.
  public var keptAge: Duration
  /// Bytes of the newest changes that are kept in memory, about.
  public var windowSize: Int
  /// Bytes of writes that wait for the database; beyond that they are refused, to come again later.
  public var maximumPendingBytes: Int
  /// How often the log is looked at even if nothing was notified.
  public var pollInterval: Duration
  /// How often a watcher to which nothing happens is told the revision.
  public var bookmarkInterval: Duration
  public var clock: any Clock<Duration>
  /// The time of day, for the age of changes.
  public var now: @Sendable () -> Timestamp
  /// Who keeps what people write; nil where nobody does.
  public var audit: (any WriteAudit)?

  public init(
    maximumPage: Int = 500, keptChanges: Int = 20_000, keptBytes: Int = 64 << 20,
    keptAge: Duration = .seconds(3600), windowSize: Int = 16 << 20, maximumPendingBytes: Int = 8 << 20,
    pollInterval: Duration = .seconds(2), bookmarkInterval: Duration = .seconds(60),
    clock: any Clock<Duration> = ContinuousClock(), audit: (any WriteAudit)? = nil,
    now: @escaping @Sendable () -> Timestamp
  ) {
    self.maximumPage = maximumPage
    self.keptChanges = keptChanges
    self.keptBytes = keptBytes
    self.keptAge = keptAge
    self.windowSize = windowSize
    self.maximumPendingBytes = maximumPendingBytes
    self.pollInterval = pollInterval
    self.bookmarkInterval = bookmarkInterval
    self.clock = clock
    self.now = now
    self.audit = audit
  }
}
