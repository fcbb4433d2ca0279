import Cryptography
import HTTPTransport
import Synchronization
import WireFormats

/// Makes the customers of a simulation known to the server, as a person would with `org create` and `org key create`: what is
/// there already is left.
struct FleetEnrolment: Sendable {
  static let concurrency = 64

  let settings: SimulationSettings
  let http: HTTPClient

  /// - Returns: the customers in the order of their numbers.
  func run(progress: @escaping @Sendable (String) -> Void) async throws -> [CustomerKey] {
    var ring = try KeyRing(path: settings.keysFile)
    defer { ring.close() }
    let wanted = (0..<settings.organizations).map { settings.name(of: $0) }
    try await checkKeys(wanted.compactMap { ring.keys[$0] })
    let missing = wanted.indices.filter { !isComplete(ring.keys[wanted[$0]], $0) }
    if !missing.isEmpty {
      progress("Making \(missing.count) of \(wanted.count) organizations, with keys and secrets…")
      try await make(missing, &ring, progress)
    }
    return try wanted.map { name in
      guard let key = ring.keys[name] else { throw SimulationError("the organization \(name) has no key") }
      return key
    }
  }

  private func isComplete(_ key: CustomerKey?, _ customer: Int) -> Bool {
    guard let key else { return false }
    guard let webhooks = settings.webhooks else { return true }
    return !key.secret.isEmpty && key.webhook == webhooks.endpoint(of: customer)
  }

  /// A file of keys may be of another server, or of one that was emptied.
  private func checkKeys(_ keys: [CustomerKey]) async throws {
    guard let first = keys.first, let last = keys.last else { return }
    for key in first == last ? [first] : [first, keys[keys.count / 2], last] {
      let request = HTTPRequest(
        url: CustomerRequest.updates(settings.server, key.organization),
        headers: [("Authorization", "Bearer \(key.key)")], tls: tls)
      let response = try await send(request)
      if [401, 403, 404].contains(response.status) {
        throw SimulationError(
          "\(settings.server) does not accept the key of \(key.organization) in \(settings.keysFile) (HTTP \(response.status))",
          hint: "The file is of another server, or its organizations were deleted: give another file with --keys.")
      }
    }
  }

  private func make(
    _ customers: [Int], _ ring: inout KeyRing, _ progress: @Sendable (String) -> Void
  ) async throws {
    var began = ContinuousClock.now
    var done = 0
    let known = ring.keys
    try await withThrowingTaskGroup(of: CustomerKey.self) { group in
      var rest = customers[...]
      func start() {
        guard let customer = rest.popFirst() else { return }
        let key = known[settings.name(of: customer)]
        group.addTask { try await make(customer, known: key) }
      }
      for _ in 0..<Self.concurrency { start() }
      while let key = try await group.next() {
        try ring.add(key)
        done += 1
        if ContinuousClock.now - began > .seconds(5) {
          began = .now
          progress("\(done) of \(customers.count) organizations made")
        }
        start()
      }
    }
    progress("\(done) organizations made")
  }

  private func make(_ customer: Int, known: CustomerKey?) async throws -> CustomerKey {
    let name = settings.name(of: customer)
    let path = "/apis/deploy.wrktalk.com/v1/organizations"
    let webhook = settings.webhooks?.endpoint(of: customer) ?? ""
    let created = try await call("POST", path, organization(customer, name, webhook), accepting: [409])
    if created == nil {
      // It is there; only where its webhooks go may have changed.
      let endpoint: JSONValue = webhook.isEmpty ? .null : .string(webhook)
      _ = try await call("PATCH", "\(path)/\(name)", ["spec": ["webhookEndpoint": endpoint]])
    }
    var key = CustomerKey(organization: name, key: known?.key ?? "", secret: known?.secret ?? "", webhook: webhook)
    if key.key.isEmpty {
      let answer = try await call("POST", "/api/internal/organizations/\(name)/keys", .object([:]))
      guard let text = answer?["key"]?.string else { throw SimulationError("\(settings.server) answered no key") }
      key.key = text
    }
    if !webhook.isEmpty, key.secret.isEmpty || created != nil {
      key.secret = key.secret.isEmpty ? SecureRandom.token() : key.secret
      _ = try await call("PUT", "/api/internal/organizations/\(name)/webhook-secret", ["secret": .string(key.secret)])
    }
    return key
  }

  private func organization(_ customer: Int, _ name: String, _ webhook: String) -> JSONValue {
    let traits = settings.behaviour.traits(of: customer)
    var spec: JSONValue = ["deploymentType": traits.isDocker ? "Docker" : "Kubernetes"]
    if !webhook.isEmpty { spec["webhookEndpoint"] = .string(webhook) }
    return [
      "apiVersion": "deploy.wrktalk.com/v1", "kind": "Organization",
      "metadata": [
        "name": .string(name),
        "labels": ["simulated": "true", "tier": .string(traits.tier), "region": .string(traits.region)],
      ],
      "spec": spec,
    ]
  }

  /// Tries again what passes.
  /// - Returns: nil for a status among `accepting`.
  private func call(
    _ method: String, _ path: String, _ body: JSONValue, accepting: Set<Int> = []
  ) async throws -> JSONValue? {
    var attempt = 0
    while true {
      attempt += 1
      let type = method == "PATCH" ? "application/merge-patch+json" : "application/json"
      let request = HTTPRequest(
        method: method, url: settings.server + path,
        headers: [
          ("Authorization", "Bearer \(settings.token)"), ("Content-Type", type), ("Accept", "application/json"),
        ], body: .bytes(body.serialized()), timeout: .seconds(60), tls: tls)
      let response = try await send(request)
      if accepting.contains(response.status) { return nil }
      if response.isSuccess { return (try? JSONValue(parsing: response.body)) ?? .null }
      let passes = response.status == 429 || response.status >= 500
      guard passes, attempt < 8 else {
        let json = try? JSONValue(parsing: response.body)
        let message = json?["error"]?.string ?? json?["message"]?.string ?? "no reason given"
        throw SimulationError(
          "\(method) \(path) failed with HTTP \(response.status): \(message)",
          hint: [401, 403].contains(response.status)
            ? "The token must be one that may write organizations and make keys: an admin's." : nil)
      }
      let seconds = response.headers["Retry-After"].flatMap { Int($0) } ?? attempt
      try await Task.sleep(for: .seconds(min(max(seconds, 1), 30)))
    }
  }

  private func send(_ request: HTTPRequest) async throws -> HTTPResponse {
    do {
      return try await http.send(request)
    } catch {
      if error.code == .cancelled { throw CancellationError() }
      throw SimulationError("cannot reach \(settings.server): \(error.message)")
    }
  }

  private var tls: TLSSettings { TLSSettings(certificateAuthorityFile: settings.certificateAuthorityFile) }
}
