import CoreKinds
import HTTPTransport
import Logging
import ResourceClient
import ResourceModel
import TestSupport
import Testing
import WireFormats

/// A database is restored from a backup under a Backend that serves and clients that watch: whatever they saw of what is no more,
/// they end up with what is there.
@Suite(.needs(.postgresql), .postgreSQLServer, .timeLimit(.minutes(10)))
struct RestoredDatabaseTests {
  private static let names = LeaseKind.definition.names
  private static let objectCount = 60

  /// How the backup comes back.
  enum Restoration: CaseIterable {
    /// Under the running Backend.
    case underTheBackend
    /// While no Backend runs; and before anybody watches again, more is written than was lost.
    case betweenTwoRuns
  }

  @Test(arguments: Restoration.allCases)
  func watchersAndInformersEndUpWithWhatIsThere(_ restoration: Restoration) async throws {
    let backend = try await BackendProcess(try await PostgreSQLServer.current.createDatabase())
    let http = HTTPClient(userAgent: "wrktalk-tests")
    let token = try await backend.createToken("test")
    let client = backend.client(token, http)
    for number in 0..<Self.objectCount { try await Self.put(number, 1, client) }
    let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    let informers = (0..<3).map { _ in
      Informer(Self.names, client: client, namespace: "restored", decode: { $0 }, logger: logger)
    }
    try await withThrowingTaskGroup(of: Void.self) { group in
      for informer in informers {
        group.addTask { await informer.run() }
        group.addTask { for await _ in informer.changes {} }
      }
      for informer in informers { try await informer.waitForSync() }

      let backup = try TemporaryFolder()
      let file = backup.file("backup.sql")
      try await Self.database("pg_dump", backend, ["--clean", "--if-exists", "-f", file])
      // What the backup knows nothing of: changed, made, gone.
      for number in 0..<20 { try await Self.put(number, 2, client) }
      for number in 0..<20 { try await Self.put(Self.objectCount + number, 2, client) }
      for number in 20..<40 {
        try await client.delete(Self.names, ObjectKey(namespace: "restored", name: "object-\(number)"))
      }
      try await Self.wait(for: informers) { $0.count == Self.objectCount }

      switch restoration {
      case .underTheBackend:
        try await Self.database("psql", backend, ["-q", "-1", "-v", "ON_ERROR_STOP=1", "-f", file])
      case .betweenTwoRuns:
        await backend.program.kill()
        try await Self.database("psql", backend, ["-q", "-1", "-v", "ON_ERROR_STOP=1", "-f", file])
        try await backend.start()
      }
      // Written once it is noticed that what was read is no more, or before.
      for number in 40..<(restoration == .betweenTwoRuns ? Self.objectCount : 45) {
        for content in 3...6 { try await Self.put(number, Int64(content), client) }
      }
      let truth = Dictionary(
        uniqueKeysWithValues: try await client.list(Self.names, namespace: "restored").items.map {
          ($0["metadata"]?["name"]?.string ?? "", $0["spec"]?["leaseTransitions"]?.integer ?? 0)
        })
      #expect(truth.count == Self.objectCount && truth["object-0"] == 1 && truth["object-30"] == 1)
      #expect(truth["object-40"] == 6)
      try await Self.wait(for: informers) { seen in
        seen.count == truth.count
          && seen.allSatisfy { key, object in truth[key.name] == object["spec"]?["leaseTransitions"]?.integer }
      }
      group.cancelAll()
    }
    await backend.program.stop()
    await http.shutdown()
  }

  private static func put(_ number: Int, _ content: Int64, _ client: ResourceClient) async throws {
    let key = ObjectKey(namespace: "restored", name: "object-\(number)")
    var object: JSONValue = ["metadata": ["name": .string(key.name)], "spec": ["leaseTransitions": .integer(content)]]
    do throws(ResourceClientError) {
      let current = try await client.get(names, key)
      object["metadata"]?["resourceVersion"] = current["metadata"]?["resourceVersion"]
      _ = try await client.replace(names, key, object)
    } catch {
      guard error.isNotFound else { throw error }
      _ = try await client.create(names, namespace: key.namespace, object)
    }
  }

  private static func wait(
    for informers: [Informer<JSONValue>], _ isReached: ([ObjectKey: JSONValue]) -> Bool
  ) async throws {
    while !informers.allSatisfy({ isReached($0.objects) }) { try await Task.sleep(for: .milliseconds(20)) }
  }

  private static func database(_ program: String, _ backend: BackendProcess, _ arguments: [String]) async throws {
    try await CustomerEnvironment.command(
      ["\(try PostgreSQLServer.current.binaries)/\(program)", "-d", backend.databaseURL] + arguments)
  }
}
