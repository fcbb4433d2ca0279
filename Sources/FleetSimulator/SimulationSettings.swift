/// What is simulated, and where.
public struct SimulationSettings: Sendable {
  /// The server's address, without a slash at its end.
  public var server: String
  /// Of a person who may write organizations and make keys.
  public var token: String
  public var certificateAuthorityFile: String?
  public var organizations: Int
  /// Names are this, a dash and a number.
  public var namePrefix: String
  /// Keeps what was made, so that the next run finds it.
  public var keysFile: String
  public var behaviour: FleetBehaviour
  /// Requests under way at once.
  public var concurrency: Int
  /// Where webhooks are received; nil where customers only ask.
  public var webhooks: Webhooks?
  /// Nil until it is cancelled.
  public var duration: Duration?
  public var progressInterval: Duration

  public struct Webhooks: Sendable, Hashable {
    public var host: String
    public var port: Int
    /// How the server reaches this machine, such as `http://10.0.0.5:18900`; nil for the address that is listened on.
    public var url: String?
    /// Loopback addresses over which the customers are spread, as if each were a machine of its own; 1 for none.
    public var hosts: Int

    public init(host: String = "127.0.0.1", port: Int = 18_900, url: String? = nil, hosts: Int = 1) {
      self.host = host
      self.port = port
      self.url = url
      self.hosts = hosts
    }

    /// Where the customer's webhooks go.
    func endpoint(of customer: Int) -> String {
      let base: String
      if let url {
        base = url
      } else if hosts > 1 {
        let number = customer % hosts
        base = "http://127.0.\(number / 250).\(number % 250 + 1):\(port)"
      } else {
        base = "http://\(host.contains(":") ? "[\(host)]" : host):\(port)"
      }
      return "\(base)/customers/\(customer)/api/deployment/webhook"
    }
  }

  public init(
    server: String, token: String, certificateAuthorityFile: String? = nil, organizations: Int,
    namePrefix: String = "sim", keysFile: String, behaviour: FleetBehaviour = FleetBehaviour(), concurrency: Int = 500,
    webhooks: Webhooks? = Webhooks(), duration: Duration? = nil, progressInterval: Duration = .seconds(5)
  ) {
    self.server = server
    self.token = token
    self.certificateAuthorityFile = certificateAuthorityFile
    self.organizations = organizations
    self.namePrefix = namePrefix
    self.keysFile = keysFile
    self.behaviour = behaviour
    self.concurrency = concurrency
    self.webhooks = webhooks
    self.duration = duration
    self.progressInterval = progressInterval
  }

  /// `sim-000042`.
  func name(of customer: Int) -> String {
    let digits = String(customer)
    return "\(namePrefix)-" + String(repeating: "0", count: max(0, 6 - digits.count)) + digits
  }
}

/// Why a simulation could not be run.
public struct SimulationError: Error, Sendable, Hashable, CustomStringConvertible {
  public var message: String
  /// What to do.
  public var hint: String?

  public init(_ message: String, hint: String? = nil) {
    self.message = message
    self.hint = hint
  }

  public var description: String { message }
}
