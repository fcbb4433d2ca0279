import ClusterAccess
import CoreKinds
import DeploymentKinds
import FoundationEssentials
import HTTPTransport
import Logging
import ResourceClient
import ResourceModel
import Synchronization
import TestSupport
import Testing
import WireFormats

/// Connections that are dead without having been closed: what an Agent knows and holds survives them.
@Suite(
  .enabled(
    if: DroppingLink.isAvailable || Testbed.demandsEverySuite, "needs root, ip and iptables for a network namespace"))
struct DroppedPacketsTests {
  @Test(.timeLimit(.minutes(3)))
  func aForgottenConnectionToTheBackendCostsNeitherTheViewNorTheLease() async throws {
    try await withBackend { try await connectionsAreForgotten($0) }
  }

  /// Over HTTP/2, where every request shares the dead connection.
  @Test(.needs(.cluster), .timeLimit(.minutes(3)))
  func aForgottenConnectionToAnAPIServerCostsNeitherTheViewNorTheLease() async throws {
    try await ClusterSession.use { session in
      try await DroppingLink.use { link in
        let address = session.client.endpoint.baseURL
        let port = Int(address.split(separator: ":").last ?? "") ?? 443
        try await connectionsAreForgotten(
          Line(link: link, port: port, direct: session.client, scheme: "https", namespace: session.namespace))
      }
    }
  }

  @Test(.timeLimit(.minutes(3)))
  func anOutageIsSaidAndOverAtOnceWhenTheServerIsBack() async throws {
    try await withBackend { line in
      let agent = try line.agent()
      let following = Task { await agent.informer.run() }
      defer { following.cancel() }
      try await agent.informer.waitForSync()
      try await line.link.fail()
      try await eventually { agent.informer.problem != nil }
      try await line.create("meanwhile")
      try await line.link.recover()
      try await eventually { agent.informer.object(line.key("meanwhile")) != nil && agent.informer.problem == nil }
    }
  }

  private func connectionsAreForgotten(_ line: Line) async throws {
    let agent = try line.agent()
    let following = Task { await agent.informer.run() }
    defer { following.cancel() }
    try await agent.informer.waitForSync()
    try await agent.elector.acquire()
    let (work, end) = AsyncStream<Void>.makeStream()
    let isLost = Mutex(false)
    let holding = Task {
      await agent.elector.hold(whenLost: { isLost.withLock { $0 = true } }) { for await _ in work {} }
    }
    try await renewal(of: line, after: try await line.renewal()) { !isLost.withLock { $0 } }
    try await line.link.forgetConnections(to: line.port)
    try await line.create("new")
    let last = try await line.renewal()
    try await eventually { agent.informer.object(line.key("new")) != nil }
    try await renewal(of: line, after: last) { !isLost.withLock { $0 } }
    end.finish()
    guard case .finished = await holding.value else {
      Issue.record("the lease was lost")
      return
    }
  }

  /// Waits until the lease was renewed again; a lost one never is.
  private func renewal(of line: Line, after last: String?, isHeld: () -> Bool) async throws {
    try await eventually {
      guard isHeld() else { throw ProgramError(description: "the lease was lost") }
      return try await line.renewal() != last
    }
  }

  private func withBackend(_ body: (Line) async throws -> Void) async throws {
    try await DroppingLink.use { link in
      let folder = try TemporaryFolder()
      let database = "sqlite:\(folder.file("wrktalk.db"))"
      let token = try await CustomerEnvironment.createToken(role: "admin", database)
      let backend = try await RunningProgram.start(
        Testbed.program("wrktalk-backend"), arguments: ["serve", "--listen", "\(link.hostAddress):0"],
        environment: ["WRKTALK_DATABASE_URL": database])
      let said = try await backend.line(containing: "http://\(link.hostAddress):")
      let port = Int(said.split(separator: "http://\(link.hostAddress):").last?.prefix { $0.isNumber } ?? "") ?? 0
      let http = HTTPClient(userAgent: "wrktalk-tests")
      let direct = ResourceClient(
        endpoint: APIEndpoint("http://\(link.hostAddress):\(port)", token: .fixed(token), allowsInsecureHTTP: true),
        http: http)
      let result: Result<Void, any Error>
      do {
        result = .success(
          try await body(Line(link: link, port: port, direct: direct, scheme: "http", namespace: "wrktalk")))
      } catch {
        result = .failure(error)
      }
      await backend.kill()
      try result.get()
    }
  }

  /// Asks until it is so; the suite's time limit ends it.
  private func eventually(_ condition: () async throws -> Bool) async throws {
    while try await !condition() { try await Task.sleep(for: .milliseconds(100)) }
  }
}

/// A server, directly and over a link that loses packets.
private struct Line {
  var link: DroppingLink
  var port: Int
  var direct: ResourceClient
  var scheme: String
  var namespace: String

  func key(_ name: String) -> ObjectKey { ObjectKey(namespace: namespace, name: name) }

  /// What an Agent has of the server, with shorter times than its own.
  func agent() throws -> (informer: Informer<DesiredDeployment>, elector: LeaseElector) {
    var endpoint = direct.endpoint
    endpoint.baseURL = "\(scheme)://\(link.address):\(port)"
    endpoint.tls.isVerificationDisabled = true
    let http = HTTPClient(
      userAgent: "wrktalk-tests",
      peerTimeouts: PeerTimeouts(unacknowledged: .seconds(3), probeAfter: .seconds(1), probeEvery: .seconds(1)))
    let client = ResourceClient(endpoint: endpoint, http: http, timeout: .seconds(5))
    let logger = Logger(label: "tests") { _ in SwiftLogNoOpLogHandler() }
    return (
      Informer(DesiredDeploymentKind.self, client: client, namespace: namespace, logger: logger),
      LeaseElector(
        client: client, lease: key("agent"), identity: "first",
        periods: .init(leaseDuration: .seconds(30), renewDeadline: .seconds(20), retryPeriod: .seconds(1)),
        now: { Timestamp(microseconds: Int64(Date().timeIntervalSince1970 * 1_000_000)) }, logger: logger)
    )
  }

  func create(_ name: String) async throws {
    let object = DesiredDeployment(
      metadata: ObjectMeta(name: name, namespace: namespace),
      spec: DesiredDeploymentSpec(
        version: "1.0.0", runtime: .compose,
        artifact: .init(path: "a.tgz", sha256: String(repeating: "0", count: 64)), compose: .init(projectName: name)))
    _ = try await direct.create(
      DesiredDeploymentKind.definition.names, namespace: namespace, JSONValue(encoding: object))
  }

  /// When the lease was last renewed.
  func renewal() async throws -> String? {
    try await direct.get(LeaseKind.definition.names, key("agent"))["spec"]?["renewTime"]?.string
  }
}
