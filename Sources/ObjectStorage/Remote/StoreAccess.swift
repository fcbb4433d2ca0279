public import HTTPTransport
public import Timing
public import WireFormats

/// How a store over HTTP is asked: by which client, how often, and by which clocks.
public struct StoreAccess: Sendable {
  var http: HTTPClient
  var tls: TLSSettings
  /// How often the store is asked in all, where it fails in a way that may pass; at least once.
  var attempts: Int
  var backoff: Backoff
  var clock: any Clock<Duration>
  var now: @Sendable () -> Timestamp
  var random: @Sendable () -> Double
  /// A line on which nothing moves for so long is given up.
  var stallTimeout: Duration
  var uploads: UploadSizes

  /// - Parameters:
  ///   - attempts: how often the store is asked in all, where it fails in a way that may pass; at least once.
  ///   - backoff: between two of them.
  ///   - now: the time of day, for signatures: stores refuse requests that are more than 15 minutes off.
  ///   - random: from 0 to below 1, for the jitter of `backoff`.
  ///   - stallTimeout: a line on which nothing moves for so long is given up.
  public init(
    http: HTTPClient, tls: TLSSettings = TLSSettings(), attempts: Int = 4,
    backoff: Backoff = Backoff(base: .milliseconds(200), maximum: .seconds(5), jitter: 0.5),
    clock: any Clock<Duration> = ContinuousClock(), now: @escaping @Sendable () -> Timestamp = SystemTime.now,
    random: @escaping @Sendable () -> Double = randomFraction, stallTimeout: Duration = .seconds(30),
    uploads: UploadSizes = UploadSizes()
  ) {
    self.http = http
    self.tls = tls
    self.attempts = max(attempts, 1)
    self.backoff = backoff
    self.clock = clock
    self.now = now
    self.random = random
    self.stallTimeout = stallTimeout
    self.uploads = uploads
  }

  /// Asks again while the failure may pass.
  /// - Parameter renew: is asked once, where the store refuses the credentials: whether there are newer ones to try.
  func retrying<Value>(
    bucket: String, key: String?, renew: () async -> Bool = { false },
    _ attempt: () async throws(ObjectStorageError) -> Value
  ) async throws(ObjectStorageError) -> Value {
    var failures = 0
    var isRenewed = false
    while true {
      do throws(ObjectStorageError) {
        return try await attempt()
      } catch {
        if error.code == .accessDenied, !isRenewed {
          isRenewed = true
          if await renew() { continue }
        }
        failures += 1
        guard error.isTransient, failures < attempts else { throw error }
        try await pause(afterFailures: failures, bucket: bucket, key: key)
      }
    }
  }

  func pause(afterFailures failures: Int, bucket: String, key: String?) async throws(ObjectStorageError) {
    do {
      try await clock.sleep(for: backoff.delay(failures: failures, random: random()))
    } catch {
      throw .cancelled(bucket: bucket, key: key)
    }
  }
}

/// When an object is stored in pieces, and how large they are.
public struct UploadSizes: Sendable, Hashable {
  /// A larger object goes in pieces.
  public var single: Int
  /// In memory at once. S3 takes 5 MiB at least (but for the last), Google's cloud multiples of 256 KiB.
  public var part: Int

  public init(single: Int = 32 << 20, part: Int = 8 << 20) {
    self.single = single
    self.part = max(part, 256 << 10) & ~((256 << 10) - 1)
  }

  /// Of a piece, by how many came before it: larger towards the end, since no store takes more than 10,000 (S3) or 50,000
  /// (Azure) of them. So 8 MiB pieces hold 8 GB in the first thousand, and 585 GB in all.
  func part(after count: Int) -> Int { count < 1000 ? part : part * 8 }
}

extension ObjectStorageError {
  static func cancelled(bucket: String, key: String?) -> ObjectStorageError {
    ObjectStorageError(code: .cancelled, bucket: bucket, key: key, detail: "the task was cancelled")
  }
}
