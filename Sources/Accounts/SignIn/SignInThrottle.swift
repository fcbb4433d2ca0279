import Cryptography
import Database
import ResourceModel
import WireFormats

/// How long whoever gave wrong passwords waits before the next one is looked at. It grows with each, up to half a minute, and is
/// forgotten a quarter of an hour after the last: guessing is slow, and nobody is locked out for longer than that.
enum SignInThrottle {
  static let maximumDelay = Duration.seconds(30)
  static let memory = Duration.seconds(15 * 60)

  /// What wrong passwords are counted by.
  enum Key: Sendable, Hashable {
    /// A browser that this account has signed in with: it does not wait for what others do.
    case device(String)
    /// The account, from everywhere else.
    case account(email: String)
    /// All accounts, from one address.
    case address(String)
    /// Sign-ins by the identity provider, from one address: there nothing can be guessed, so nobody waits for what others behind it do.
    case provider(String)

    /// How many may be wrong before there is a delay; behind one address there may be an office.
    var free: Int64 {
      switch self {
      case .device, .account: 5
      case .address: 20
      case .provider: .max
      }
    }

    /// Names and addresses that anybody may choose share a bounded number of rows.
    var column: String {
      switch self {
      case .device(let id): "device/\(id)"
      case .account(let email): "account/\(Self.bucket(email.lowercased()))"
      case .address(let address): "address/\(Self.bucket(address))"
      case .provider(let address): "provider/\(Self.bucket(address))"
      }
    }

    private static func bucket(_ text: String) -> String { String(SHA256.digest(of: text).hexadecimal.prefix(4)) }
  }

  struct Failures: Sendable, Hashable {
    var count: Int64
    var lastAt: Timestamp

    static let none = Failures(count: 0, lastAt: Timestamp(seconds: 0))

    /// Those that still count.
    func present(at now: Timestamp) -> Int64 {
      let age = now - lastAt
      // A clock that was set back must not make anybody wait until it is as late again.
      return age > memory || age < .zero ? 0 : count
    }
  }

  /// Nil where the next password is looked at now.
  static func delay(_ failures: Failures, free: Int64, now: Timestamp) -> Duration? {
    let beyond = failures.present(at: now) - free
    guard beyond >= 0 else { return nil }
    let delay = min(maximumDelay, .seconds(1 << min(beyond, 10)))
    let rest = delay - (now - failures.lastAt)
    return rest > .zero ? rest : nil
  }

  // MARK: In a transaction

  /// Counts an attempt as wrong before it is looked at, so that many at once are not all free; `forgive` takes it back.
  /// - Returns: the failures before it, by key.
  /// - Throws: `tooManyRequests` with the time to wait.
  static func begin(
    _ keys: [Key], now: Timestamp, in connection: any SQLConnection
  ) throws -> [Key: Int64] {
    let columns = RowSet("key", of: keys.map(\.column).sorted())
    try connection.execute(
      "DELETE FROM sign_in_failure WHERE last_at < $1", [.integer((now + (.zero - memory)).microseconds)])
    try connection.execute(
      """
      INSERT INTO sign_in_failure (key, failures, last_at)
      SELECT key, 0, 0 FROM \(columns.source(connection.dialect)) ORDER BY key ON CONFLICT (key) DO NOTHING
      """, [columns.parameter])
    let rows = try connection.query(
      """
      SELECT f.key, f.failures, f.last_at FROM sign_in_failure AS f
      WHERE f.key IN (SELECT key FROM \(columns.source(connection.dialect))) ORDER BY f.key
      """ + connection.dialect.forUpdate(of: "f"), [columns.parameter])
    var found: [String: Failures] = [:]
    for row in rows {
      found[row[0].text ?? ""] = Failures(
        count: row[1].integer ?? 0, lastAt: Timestamp(microseconds: row[2].integer ?? 0))
    }
    let waits = keys.compactMap { delay(found[$0.column] ?? .none, free: $0.free, now: now) }
    if let wait = waits.max() {
      let seconds = max(1, Int((wait / .seconds(1)).rounded(.up)))
      throw StatusError(
        .tooManyRequests, "too many wrong passwords: the next one is looked at in \(seconds) s",
        retryAfterSeconds: seconds)
    }
    var before: [Key: Int64] = [:]
    var counted = RowSet([("key", .text), ("failures", .integer)])
    for key in keys {
      let count = (found[key.column] ?? .none).present(at: now)
      before[key] = count
      counted.append([.text(key.column), .integer(min(count + 1, 1_000_000))])
    }
    try connection.execute(
      """
      UPDATE sign_in_failure SET last_at = $2,
        failures = (SELECT r.failures FROM \(counted.source(connection.dialect)) WHERE r.key = sign_in_failure.key)
      WHERE key IN (SELECT r.key FROM \(counted.source(connection.dialect)))
      """, [counted.parameter, .integer(now.microseconds)])
    return before
  }

  /// An attempt that nobody could look at is none.
  static func takeBack(_ keys: [Key], in connection: any SQLConnection) throws {
    for key in keys {
      try connection.execute(
        "UPDATE sign_in_failure SET failures = failures - 1 WHERE key = $1 AND failures > 0", [.text(key.column)])
    }
  }

  /// After the right password: what was counted for the person is forgotten; for an address, only the attempt itself.
  static func forgive(_ keys: [Key], in connection: any SQLConnection) throws {
    for key in keys {
      switch key {
      case .device, .account:
        try connection.execute("DELETE FROM sign_in_failure WHERE key = $1", [.text(key.column)])
      case .address, .provider: try takeBack([key], in: connection)
      }
    }
  }
}
