import DeploymentKinds
import HTTPTransport
import ResourceClient
import ResourceModel
import TestSupport
import Testing
import WireFormats

/// Two Backend processes share one PostgreSQL: what is written through either is seen through both, once and in order.
@Suite(.needs(.postgresql), .postgreSQLServer, .timeLimit(.minutes(10)))
struct TwoBackendsTests {
  @Test func everyWatcherSeesEveryChangeOnceAndInOrder() async throws {
    let writers = 1000
    let url = try await PostgreSQLServer.current.createDatabase()
    let token = try await CustomerEnvironment.createToken(role: "admin", url)
    let http = HTTPClient(userAgent: "wrktalk-tests")
    var backends: [RunningProgram] = []
    var clients: [ResourceClient] = []
    for _ in 0..<2 {
      let backend = try await RunningProgram.start(
        Testbed.program("wrktalk-backend"),
        arguments: ["serve", "--listen", "127.0.0.1:0", "--requests-per-second", "100000"],
        environment: ["WRKTALK_DATABASE_URL": url])
      backends.append(backend)
      let port = try await CustomerEnvironment.port(of: backend)
      clients.append(
        ResourceClient(endpoint: APIEndpoint("http://127.0.0.1:\(port)", token: .fixed(token)), http: http))
    }
    let names = DesiredDeploymentKind.definition.names
    let start = try await clients[0].list(names, namespace: nil).resourceVersion

    let seen = try await withThrowingTaskGroup(of: [Sighting].self) { group in
      for watcher in 0..<10 {
        let client = clients[watcher % 2]
        group.addTask { try await Self.sightings(client, from: start, count: 2 * writers) }
      }
      // Each writer creates an object through one Backend and changes it through the other.
      try await withThrowingTaskGroup(of: Void.self) { writing in
        for writer in 0..<writers {
          if writer >= 32 { try await writing.next() }
          let (first, second) = (clients[writer % 2], clients[(writer + 1) % 2])
          writing.addTask { try await Self.write(writer, first, second) }
        }
        try await writing.waitForAll()
      }
      var seen: [[Sighting]] = []
      for try await sightings in group { seen.append(sightings) }
      return seen
    }

    #expect(seen.count == 10)
    for sightings in seen {
      #expect(sightings == seen[0], "all watchers see the same changes in the same order")
      #expect(zip(sightings, sightings.dropFirst()).allSatisfy { $0.revision < $1.revision })
      #expect(Set(sightings.map(\.revision)).count == 2 * writers)
    }
    for backend in backends { await backend.stop() }
    await http.shutdown()
  }

  private struct Sighting: Equatable, Sendable {
    var name: String
    var generation: Int64
    var revision: Int64
  }

  private static func write(_ writer: Int, _ first: ResourceClient, _ second: ResourceClient) async throws {
    let artifact = DesiredDeploymentSpec.Artifact(path: "a.tar.gz", sha256: String(repeating: "a", count: 64))
    let spec = DesiredDeploymentSpec(
      version: "1.0.0", runtime: .compose, artifact: artifact, compose: .init(projectName: "p\(writer)"))
    var object = try await first.create(
      DesiredDeployment(metadata: ObjectMeta(name: "writer-\(writer)", namespace: "wrktalk"), spec: spec))
    object.spec.version = "1.0.1"
    _ = try await second.replace(object)
  }

  private static func sightings(_ client: ResourceClient, from start: String, count: Int) async throws -> [Sighting] {
    var seen: [Sighting] = []
    let changes = try await client.watch(DesiredDeploymentKind.definition.names, namespace: nil, from: start)
    for try await change in changes {
      let object: JSONValue
      switch change {
      case .added(let value), .modified(let value), .deleted(let value): object = value
      case .bookmark: continue
      }
      let metadata = object["metadata"]
      seen.append(
        Sighting(
          name: metadata?["name"]?.string ?? "", generation: metadata?["generation"]?.integer ?? 0,
          revision: Int64(metadata?["resourceVersion"]?.string ?? "") ?? 0))
      if seen.count == count { break }
    }
    return seen
  }
}
