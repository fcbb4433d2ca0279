import CoreMetrics
import FoundationEssentials
import Glibc
public import Logging
import NIOSSL
public import ProgramConfiguration
public import ServiceLifecycle
import Synchronization

/// The certificate chain and the private key of a server, read again when their files change, as when a certificate is
/// renewed: new connections get the new one, and those that are open stay as they are.
public final class TLSCredentials: Service, CustomStringConvertible {
  private struct Loaded {
    var context: NIOSSLContext
    var files: [FileState?]
    /// Seconds since 1970; of the server's own certificate.
    var expiry: Int
  }

  /// What tells one state of a file from the next. Of what a link points at: Kubernetes puts a new version of a Secret in
  /// place by changing a link.
  private struct FileState: Hashable {
    var seconds: Int
    var nanoseconds: Int
    var size: Int64
    var device: UInt64
    var inode: UInt64

    init?(_ path: String) {
      var status = stat()
      guard unsafe stat(path, &status) == 0 else { return nil }
      seconds = status.st_mtim.tv_sec
      nanoseconds = status.st_mtim.tv_nsec
      size = Int64(status.st_size)
      device = UInt64(status.st_dev)
      inode = UInt64(status.st_ino)
    }
  }

  private let certificateFile: String
  private let keyFile: String
  private let interval: Duration
  private let clock: any Clock<Duration>
  private let logger: Logger
  private let loaded: Mutex<Loaded>
  private let expiry = Gauge(label: "wrktalk_tls_certificate_expiry_timestamp_seconds")

  public var description: String { "TLSCredentials" }

  /// The most bytes that either file may have.
  private static let maximumByteCount = 1 << 20

  /// - Parameters:
  ///   - certificateFile: the certificate, and after it those that lead to its root, as PEM.
  ///   - keyFile: the private key without a passphrase, as PEM.
  ///   - interval: how often the files are looked at.
  /// - Throws: `ConfigurationError`, which names the file at fault and never holds any of the key.
  public init(
    certificateFile: String, keyFile: String, interval: Duration = .seconds(10),
    clock: any Clock<Duration> = ContinuousClock(), logger: Logger
  ) throws(ConfigurationError) {
    self.certificateFile = certificateFile
    self.keyFile = keyFile
    self.interval = interval
    self.clock = clock
    self.logger = logger
    let first = try Self.load(certificateFile, keyFile)
    loaded = Mutex(first)
    expiry.record(first.expiry)
  }

  /// What a new connection is opened with.
  var context: NIOSSLContext { loaded.withLock { $0.context } }

  /// Looks at the files until the server ends.
  public func run() async throws {
    try? await cancelWhenGracefulShutdown {
      var failed: [FileState?]?
      while true {
        try await self.clock.sleep(for: self.interval)
        let files = [FileState(self.certificateFile), FileState(self.keyFile)]
        // What cannot be used is said once, not at every look.
        guard files != self.loaded.withLock({ $0.files }), files != failed else { continue }
        failed = self.reload() ? nil : files
      }
    }
  }

  /// Reads the files anew. Where they cannot be used, or one of the two is not there yet, what was read before stays.
  /// - Returns: whether they could be used.
  @discardableResult
  func reload() -> Bool {
    do throws(ConfigurationError) {
      let next = try Self.load(certificateFile, keyFile)
      loaded.withLock { $0 = next }
      expiry.record(next.expiry)
      logger.info(
        "Reloaded the TLS certificate",
        metadata: ["file": "\(certificateFile)", "expires": "\(Self.date(next.expiry))"])
      return true
    } catch {
      logger.warning("Kept the TLS certificate that was read before", metadata: ["error": "\(error)"])
      return false
    }
  }

  private static func load(_ certificateFile: String, _ keyFile: String) throws(ConfigurationError) -> Loaded {
    // Taken before the content, so that what is replaced in between is read again.
    let files = [FileState(certificateFile), FileState(keyFile)]
    let certificates = try read(certificateFile, "certificate")
    guard let chain = try? NIOSSLCertificate.fromPEMBytes(certificates), let own = chain.first else {
      throw ConfigurationError("the TLS certificate \(certificateFile) holds no certificates as PEM")
    }
    let keyBytes = try read(keyFile, "private key")
    guard let key = try? NIOSSLPrivateKey(bytes: keyBytes, format: .pem) else {
      throw ConfigurationError("the TLS private key \(keyFile) holds no private key as PEM, or one with a passphrase")
    }
    var configuration = TLSConfiguration.makeServerConfiguration(
      certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(key))
    configuration.minimumTLSVersion = .tlsv12
    configuration.applicationProtocols = ["http/1.1"]
    do {
      return Loaded(
        context: try NIOSSLContext(configuration: configuration), files: files, expiry: Int(own.notValidAfter))
    } catch {
      throw ConfigurationError(
        "the TLS private key \(keyFile) is not that of the first certificate in \(certificateFile)")
    }
  }

  private static func read(_ path: String, _ name: String) throws(ConfigurationError) -> [UInt8] {
    guard let data = FileManager.default.contents(atPath: path) else {
      throw ConfigurationError("the TLS \(name) \(path) cannot be read")
    }
    guard data.count <= maximumByteCount else {
      throw ConfigurationError("the TLS \(name) \(path) has more than \(maximumByteCount) bytes")
    }
    return Array(data)
  }

  private static func date(_ seconds: Int) -> String {
    Date(timeIntervalSince1970: Double(seconds)).ISO8601Format()
  }
}
