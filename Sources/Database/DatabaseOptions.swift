/// Limits of a database; the defaults suit a server process.
public struct DatabaseOptions: Sendable {
  /// Connections to PostgreSQL at most, besides the one that listens. SQLite: connections that read, besides the one
  /// that writes.
  public var maximumConnections: Int
  /// How long a caller waits for a free connection.
  public var waitLimit: Duration
  /// How long connecting to PostgreSQL may take; whole seconds, at least 2.
  public var connectTimeout: Duration
  /// How long PostgreSQL works on one statement, and waits for the next one of a transaction, before it gives up.
  public var statementTimeout: Duration
  /// How long SQLite waits for another process that writes.
  public var busyTimeout: Duration
  /// How often a transaction is run at most when the database asks for it to be repeated.
  public var maximumAttempts: Int
  /// For pauses and limits.
  public var clock: any Clock<Duration>
  /// A random number in 0...1, to spread repeated transactions.
  public var jitter: @Sendable () -> Double

  public init(
    maximumConnections: Int = 8, waitLimit: Duration = .seconds(30), connectTimeout: Duration = .seconds(5),
    statementTimeout: Duration = .seconds(30), busyTimeout: Duration = .seconds(5), maximumAttempts: Int = 8,
    clock: any Clock<Duration> = ContinuousClock(), jitter: @escaping @Sendable () -> Double = { .random(in: 0...1) }
  ) {
    self.maximumConnections = maximumConnections
    self.waitLimit = waitLimit
    self.connectTimeout = connectTimeout
    self.statementTimeout = statementTimeout
    self.busyTimeout = busyTimeout
    self.maximumAttempts = maximumAttempts
    self.clock = clock
    self.jitter = jitter
  }
}

extension Duration {
  var wholeMilliseconds: Int64 { components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000 }
}
