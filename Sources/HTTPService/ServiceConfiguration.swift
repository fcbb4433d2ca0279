public import Access

/// What a server's front lets through, and how often.
public struct ServiceConfiguration: Sendable {
  /// So many a second for long, and so many at once.
  public struct Allowance: Sendable, Hashable {
    public var rate: Double
    public var burst: Double

    public init(rate: Double, burst: Double) {
      self.rate = rate
      self.burst = burst
    }
  }

  /// For everything but the sending of an answer, so a watch or a long list may take longer.
  public var requestTimeout: Duration = .seconds(30)
  /// Paths whose requests may take longer, because their bodies do (`PathPatterns`): their routes set their own limits.
  public var unhurriedPaths = PathPatterns([])
  /// Paths that need no token (`PathPatterns`); the routes under them check for themselves what must be checked
  /// (`ServiceContext.authenticate`).
  public var openPaths = PathPatterns([])
  /// True where `/metrics` needs no token.
  public var areMetricsOpen = false
  /// Who may say for whom they speak.
  public var proxies = TrustedProxies()
  /// The names by which the server may be addressed.
  public var hosts = HostRule.any
  /// Tokens to look up that this process has not seen yet, from one address.
  public var unknownTokens = Allowance(rate: 50, burst: 400)
  /// Requests that one token may send.
  public var requests = Allowance(rate: 1000, burst: 4000)
  /// Instead of `requests`, for callers that have such a role.
  public var requestsByRole: [Role: Allowance] = [:]
  /// How many callers are counted one by one at the same time; more share one allowance.
  public var maximumCallers = RateLimiter.standardMaximumCallers
  /// Requests under `openPaths` from one address.
  public var openRequests = Allowance(rate: 20, burst: 200)
  /// True where a token may come as the password of `Authorization: Basic` from other machines than this one.
  public var acceptsPasswordsFromAnywhere = false
  /// Other headers in which a token may come.
  public var tokenHeaders: [TokenHeader] = []
  /// Paths whose failures are `{"error": "…"}`, as the specification writes them (spec §14.4), and not Kubernetes' `Status`.
  public var plainErrorPaths = PathPatterns([])

  public init() {}
}
