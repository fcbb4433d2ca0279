import HTTPTransport
import ResourceModel
import Testing
import WireFormats

@testable import Access
@testable import Backend
@testable import HTTPService
@testable import ResourceServer

@Suite struct HTTPWatchTests {
  static let object = "\(HTTPTestServer.collection)/wrktalk"
  static let merge = "application/merge-patch+json"

  @Test func aWatchTellsEveryChangeAfterItsVersion() async throws {
    try await HTTPTestServer.run { server in
      let created = try await server.create()
      let version = created["metadata"]?["resourceVersion"]?.string ?? ""
      var events = try await server.watch("\(HTTPTestServer.collection)?watch=1&resourceVersion=\(version)")
      #expect(events.status == 200)
      _ = try await server.send("PATCH", Self.object, ["spec": ["suspend": true]], contentType: Self.merge)
      try await server.create("second")
      _ = try await server.send("DELETE", Self.object)
      #expect(try await events.nextSummary() == "MODIFIED wrktalk")
      #expect(try await events.nextSummary() == "ADDED second")
      #expect(try await events.nextSummary() == "DELETED wrktalk")
    }
  }

  @Test func withoutAVersionAWatchBeginsWithWhatIsThere() async throws {
    try await HTTPTestServer.run { server in
      try await server.create("a")
      var events = try await server.watch("\(HTTPTestServer.collection)?watch=true")
      #expect(try await events.nextSummary() == "ADDED a")
      try await server.create("b")
      #expect(try await events.nextSummary() == "ADDED b")
    }
  }

  @Test func initialEventsEndWithABookmark() async throws {
    try await HTTPTestServer.run { server in
      try await server.create("a")
      var events = try await server.watch(
        "\(HTTPTestServer.collection)?watch=1&sendInitialEvents=true&allowWatchBookmarks=true"
          + "&resourceVersionMatch=NotOlderThan")
      #expect(try await events.nextSummary() == "ADDED a")
      let bookmark = try await events.next()
      #expect(bookmark?["type"] == "BOOKMARK")
      #expect(
        bookmark?["object"]?["metadata"]
          == ["resourceVersion": "3", "annotations": ["k8s.io/initial-events-end": "true"]])
    }
  }

  @Test func oneObjectIsWatchedByItsPath() async throws {
    try await HTTPTestServer.run { server in
      var events = try await server.watch("\(HTTPTestServer.collection)/b?watch=1")
      try await server.create("a")
      try await server.create("b")
      #expect(try await events.nextSummary() == "ADDED b")
    }
  }

  @Test func kubectlGetsRowsWithTheColumnsOnce() async throws {
    try await HTTPTestServer.run { server in
      try await server.create("a")
      try await server.create("b")
      var events = try await server.watch("\(HTTPTestServer.collection)?watch=1", accept: HTTPListTests.table)
      let (first, second) = (try await events.next(), try await events.next())
      #expect(first?["object"]?["kind"] == "Table")
      #expect(first?["object"]?["columnDefinitions"]?.array?.isEmpty == false)
      #expect(second?["object"]?["columnDefinitions"] == .null)
      #expect(second?["object"]?["rows"]?.array?.first?["cells"]?.array?.first == "b")
    }
  }

  @Test func aVersionThatIsTooOldIsGone() async throws {
    try await HTTPTestServer.run { server in
      try await server.create()
      try await server.create("b")
      server.store.compact()
      let answer = try await server.send("GET", "\(HTTPTestServer.collection)?watch=1&resourceVersion=1")
      #expect(answer.status == 410)
      #expect(answer.json["reason"] == "Expired")
    }
  }

  @Test func aWatchThatTheStoreEndsSaysWhy() async throws {
    try await HTTPTestServer.run { server in
      try await server.create()
      var events = try await server.watch("\(HTTPTestServer.collection)?watch=1&resourceVersion=2")
      server.store.failWatchers()
      let error = try await events.next()
      #expect(error?["type"] == "ERROR")
      #expect(error?["object"]?["code"] == 410)
      #expect(try await events.next() == nil)
    }
  }

  @Test func aWatchEndsAfterItsTime() async throws {
    try await HTTPTestServer.run { server in
      var events = try await server.watch("\(HTTPTestServer.collection)?watch=1&timeoutSeconds=1")
      #expect(try await events.next() == nil)
    }
  }

  @Test func moreWatchersThanThereMayBeAreToldToComeBack() async throws {
    var configuration = ResourceAPI.Configuration()
    configuration.maximumWatchers = 1
    try await HTTPTestServer.run(configuration: configuration) { server in
      try await server.create()
      var events = try await server.watch("\(HTTPTestServer.collection)?watch=1")
      _ = try await events.next()
      let refused = try await server.send("GET", "\(HTTPTestServer.collection)?watch=1")
      #expect(refused.status == 429)
      #expect(refused.headers["Retry-After"] == "5")
    }
  }

  @Test func aClientThatLeavesFreesItsPlace() async throws {
    var configuration = ResourceAPI.Configuration()
    configuration.maximumWatchers = 1
    try await HTTPTestServer.run(configuration: configuration) { server in
      try await server.create()
      try await watchOneEvent(server)
      // Succeeds only once the first watcher's place is free.
      while true {
        var events = try await server.watch("\(HTTPTestServer.collection)?watch=1")
        if events.status == 200 {
          #expect(try await events.nextSummary() == "ADDED wrktalk")
          return
        }
      }
    }
  }

  private func watchOneEvent(_ server: HTTPTestServer) async throws {
    var events = try await server.watch("\(HTTPTestServer.collection)?watch=1")
    #expect(try await events.nextSummary() == "ADDED wrktalk")
  }

  @Test func shutdownEndsWatchesInOrder() async throws {
    try await HTTPTestServer.run { server in
      try await server.create()
      var events = try await server.watch("\(HTTPTestServer.collection)?watch=1")
      _ = try await events.next()
      // `run` returns only when the server has ended: an open watch must not hold it.
    }
  }

  @Test func aWatchEndsWithItsToken() async throws {
    var configuration = ResourceAPI.Configuration()
    configuration.watchRecheckInterval = .milliseconds(1)
    let tokens = FixedTokens()
    try await HTTPTestServer.run(configuration: configuration, tokens: tokens) { server in
      try await server.create()
      var events = try await server.watch("\(HTTPTestServer.collection)?watch=1")
      #expect(try await events.nextSummary() == "ADDED wrktalk")
      tokens.revoke("admin")
      let end = try await events.next()
      #expect(end?["type"] == "ERROR")
      #expect(end?["object"]?["code"] == 401)
      #expect(try await events.next() == nil)
    }
  }

  @Test func oneTokenCannotTakeThePlacesOfAllOthers() async throws {
    var configuration = ResourceAPI.Configuration()
    configuration.maximumWatchersPerIdentity = 1
    try await HTTPTestServer.run(configuration: configuration) { server in
      try await server.create()
      var events = try await server.watch("\(HTTPTestServer.collection)?watch=1")
      _ = try await events.next()
      let refused = try await server.send("GET", "\(HTTPTestServer.collection)?watch=1")
      #expect(refused.status == 429)
      #expect(refused.message == "too many watches: the-admin has 1 already")
      let other = try await server.http.stream(
        server.request("GET", "\(HTTPTestServer.collection)?watch=1", token: "viewer"))
      #expect(other.status == 200)
    }
  }

  @Test func someWatchesAreForAgentsAlone() throws {
    let count = PlaceCount("watches", maximum: 8, perIdentity: 100, reservedForMachines: 64)
    let (viewer, agent) = (Identity(name: "v", role: .viewer), Identity(name: "a", role: .agent))
    var leases = try (0..<6).map { _ in try count.enter(viewer, isMachine: false) }
    #expect(throws: StatusError.self) { try count.enter(viewer, isMachine: false) }
    for _ in 0..<2 { leases.append(try count.enter(agent, isMachine: true)) }
    #expect(throws: StatusError.self) { try count.enter(agent, isMachine: true) }
    leases.removeFirst().end()
    #expect(throws: StatusError.self) { try count.enter(viewer, isMachine: false) }
    leases.append(try count.enter(agent, isMachine: true))
    #expect(count.current == 8)
    leases = []
    #expect(count.current == 0)
  }

  /// The client below never reads: what is sent to it fills the buffers on the way, and then its connection is closed.
  @Test func aWatcherThatDoesNotReadIsCutOff() async throws {
    var connections = ConnectionLimits()
    connections.writeTimeout = .milliseconds(20)
    try await HTTPTestServer.run(connections: connections) { server in
      var request = server.request("GET", "\(HTTPTestServer.collection)?watch=1")
      request.timeout = nil
      let stalled = try await server.http.stream(request)
      #expect(stalled.status == 200)
      let large = JSONValue.string(String(repeating: "x", count: 200_000))
      var number = 0
      while server.api.watchers.current > 0 {
        try await server.create("large-\(number)") { $0["metadata"]?["annotations"] = ["a": large] }
        number += 1
      }
      withExtendedLifetime(stalled) {}
    }
  }
}
