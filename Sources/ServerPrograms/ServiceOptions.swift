import Addresses
public import ArgumentParser
import Glibc
public import HTTPService
public import Logging
public import ProgramConfiguration
public import ServiceLifecycle
import WireFormats

/// What `serve` of every server program takes: where and how it listens, and what it lets through.
public struct ServiceOptions: ParsableArguments {
  @Option(help: "Host and port; port 0 for any free one, :PORT for every address of the machine.")
  var listen = ListenAddress(host: "127.0.0.1", port: 3000)

  @Option(
    help: ArgumentHelp(
      "Serve HTTPS with this certificate chain (PEM); read again when the file changes. Also WRKTALK_TLS_CERT_FILE.",
      valueName: "file"))
  var tlsCertFile: String?

  @Option(
    help: ArgumentHelp(
      "The private key of the certificate (PEM, without passphrase). Also WRKTALK_TLS_KEY_FILE.", valueName: "file"))
  var tlsKeyFile: String?

  @Flag(help: "Serve /metrics without a token.")
  var openMetrics = false

  @Option(help: "How many requests a second one token may send for long; four times as many at once.")
  var requestsPerSecond = 1000.0

  @Flag(help: "Take tokens as the password of 'Authorization: Basic' from other machines too, not only from this one.")
  var basicFromAnywhere = false

  @Option(
    name: .customLong("allowed-host"),
    help: ArgumentHelp(
      "A name by which the server may be addressed (may be repeated). Without it: any name, or on a loopback address "
        + "localhost alone; addresses written as numbers always.", valueName: "name"))
  var allowedHosts: [String] = []

  @Option(
    name: .customLong("trusted-proxy"),
    help: ArgumentHelp(
      "An address or a range such as 10.0.0.0/8 of proxies whose X-Forwarded-For says who the client is (may be repeated): "
        + "limits and the audit then count that client.", valueName: "range"),
    transform: ServiceOptions.range)
  var trustedProxies: [AddressRange] = []

  @Option(
    help: ArgumentHelp(
      "Connections at the same time (default: as many as the limit of open files lets, at most 4096); a quarter of them "
        + "may come from one address.", valueName: "number"))
  var maxConnections: Int?

  @Option(
    help: ArgumentHelp(
      "How long requests that are being answered may go on once the program is asked to stop (default: 10s).",
      valueName: "span"),
    transform: ServiceOptions.span)
  var shutdownTimeout = DurationText(.seconds(10))

  public init() {}

  private static func range(_ text: String) throws -> AddressRange {
    guard let range = AddressRange(text) else {
      throw ValidationError("must be an address such as 10.0.0.5 or a range such as 10.0.0.0/8")
    }
    return range
  }

  private static func span(_ text: String) throws -> DurationText {
    guard let span = DurationText(text), span.duration > .zero else {
      throw ValidationError("must be a span of time such as 10s or 1m")
    }
    return span
  }

  public func validate() throws {
    guard (0.01...1_000_000).contains(requestsPerSecond) else {
      throw ValidationError("--requests-per-second must be from 0.01 to 1000000")
    }
    if let maxConnections, maxConnections < 16 { throw ValidationError("--max-connections must be at least 16") }
  }

  /// What a program starts from; it adds what is its own.
  public var service: ServiceConfiguration {
    var service = ServiceConfiguration()
    service.areMetricsOpen = openMetrics
    service.requests = ServiceConfiguration.Allowance(
      rate: requestsPerSecond, burst: max(1, requestsPerSecond * 4))
    service.acceptsPasswordsFromAnywhere = basicFromAnywhere
    service.proxies = TrustedProxies(trustedProxies)
    service.hosts =
      allowedHosts.isEmpty && !listen.isLoopback ? .any : .names(Set(allowedHosts.map { $0.lowercased() }))
    return service
  }

  public var connections: ConnectionLimits {
    var limits = ConnectionLimits(maximumConnections: maxConnections ?? 4096, openFileLimit: Self.openFileLimit())
    limits.proxies = TrustedProxies(trustedProxies)
    return limits
  }

  /// How many descriptors this process may have, which is made as many as the system lets it have by itself.
  private static func openFileLimit() -> Int {
    let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
    var limit = rlimit()
    guard unsafe getrlimit(resource, &limit) == 0 else { return 1024 }
    var wanted = limit
    wanted.rlim_cur = min(limit.rlim_max, 1 << 16)
    if wanted.rlim_cur > limit.rlim_cur, unsafe setrlimit(resource, &wanted) == 0 { limit = wanted }
    return Int(clamping: limit.rlim_cur)
  }

  /// Whether other machines reach it, without a proxy that may speak TLS for it.
  var speaksPlainlyToOthers: Bool { !listen.isLoopback && trustedProxies.isEmpty }

  /// Nil for plain HTTP.
  /// - Throws: `ConfigurationError` where one of the two files is missing, or cannot be used.
  public func credentials(
    environment: [String: String], logger: Logger
  ) throws(ConfigurationError) -> TLSCredentials? {
    func path(_ option: String?, _ variable: String) -> String? {
      option ?? environment[variable].flatMap { $0.isEmpty ? nil : $0 }
    }
    switch (path(tlsCertFile, "WRKTALK_TLS_CERT_FILE"), path(tlsKeyFile, "WRKTALK_TLS_KEY_FILE")) {
    case (nil, nil): return nil
    case (let certificate?, let key?):
      return try TLSCredentials(certificateFile: certificate, keyFile: key, logger: logger)
    case (_?, nil):
      throw ConfigurationError("a TLS certificate needs its key: add --tls-key-file or WRKTALK_TLS_KEY_FILE")
    case (nil, _?):
      throw ConfigurationError("a TLS key needs its certificate: add --tls-cert-file or WRKTALK_TLS_CERT_FILE")
    }
  }

  /// Serves `front` until the program is asked to stop.
  /// - Parameters:
  ///   - services: what runs beside it.
  ///   - name: of the program, for the line that says where it serves.
  public func serve(
    _ front: ServiceFront, beside services: [any Service], credentials: TLSCredentials?, name: String, logger: Logger
  ) async throws {
    if credentials == nil, speaksPlainlyToOthers {
      logger.warning(
        "Other machines are served without TLS, so that whoever is on the way reads tokens and passwords: give --tls-cert-file and --tls-key-file, or --trusted-proxy where a proxy speaks TLS",
        metadata: ["address": "\(listen)"])
    }
    do {
      try await HTTPServer(
        front: front, limits: connections, address: listen, credentials: credentials,
        shutdownTimeout: shutdownTimeout.duration, services: services, logger: logger,
        announce: { url in StandardOutput.write(line: "\(name) serves \(url)") }
      ).run()
    } catch let error as ConfigurationError {
      throw ListeningError(description: "\(error)")
    }
  }
}

extension ListenAddress: ExpressibleByArgument {
  public init?(argument: String) { self.init(argument) }
  public var defaultValueDescription: String { description }
}
