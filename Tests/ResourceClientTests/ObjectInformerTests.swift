import HTTPTransport
import ResourceClient
import ResourceModel
import TestSupport
import Testing
import WireFormats

/// Informers of objects that no Swift type describes.
@Suite struct ObjectInformerTests {
  private static let pods = ResourceNames(group: "", version: "v1", kind: "Pod", plural: "pods", singular: "pod")
  private static let nodes = ResourceNames(group: "", version: "v1", kind: "Node", plural: "nodes", singular: "node")

  private struct Running {
    let api = FakeResourceAPI()
    let clock = ManualClock()
    let informer: Informer<JSONValue>

    init(
      _ names: ResourceNames = ObjectInformerTests.pods, namespace: String? = "shop",
      representation: Representation = .object, decode: @escaping @Sendable (JSONValue) -> JSONValue? = { $0 }
    ) {
      informer = Informer(
        names, client: Fixtures.client(api), namespace: namespace, representation: representation, decode: decode,
        clock: clock, random: { 1 }, logger: Fixtures.logger)
    }

    func put(_ name: String, phase: String) {
      api.put(
        [
          "metadata": ["name": .string(name), "namespace": "shop", "managedFields": []],
          "status": ["phase": .string(phase)],
        ], at: "/api/v1/namespaces/shop/pods/\(name)")
    }

    func run(_ body: (ChangedKeys) async throws -> Void) async throws {
      try await Fixtures.running(informer, body)
    }

    func watches(_ count: Int) async {
      await api.watches(count)
    }
  }

  @Test func objectsAreKeptAsTheirReaderWantsThem() async throws {
    let running = Running(decode: { pod in
      var kept: JSONValue = ["phase": pod["status"]?["phase"] ?? .null]
      kept["kind"] = pod["kind"]
      return kept
    })
    running.put("a", phase: "Pending")
    try await running.run { keys in
      let problem = try await running.informer.waitForSyncOrProblem()
      #expect(problem == nil)
      #expect(await keys.next() == Fixtures.key("a"))
      // The items of a list do not name their kind; the informer does.
      #expect(running.informer.object(Fixtures.key("a")) == ["phase": "Pending", "kind": "Pod"])
      await running.watches(1)
      running.put("a", phase: "Running")
      #expect(await keys.next() == Fixtures.key("a"))
      #expect(running.informer.objects == [Fixtures.key("a"): ["phase": "Running"]])
    }
  }

  @Test func metadataIsAskedForInTheFormsOfListAndWatch() async throws {
    let running = Running(representation: .metadata)
    try await running.run { _ in await running.watches(1) }
    #expect(
      running.api.requests.map { $0.headers["Accept"] } == [
        "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io,application/json",
        "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io,application/json",
      ])
  }

  /// As API servers write an empty list of metadata.
  @Test func itemsOfNullAreNoItems() async throws {
    let running = Running()
    running.api.failNext(
      HTTPResponse(status: 200, body: Array(#"{"metadata":{"resourceVersion":"7"},"items":null}"#.utf8)))
    try await running.run { _ in
      try await running.informer.waitForSync()
      #expect(running.informer.objects.isEmpty)
    }
  }

  @Test func objectsOfTheWholeClusterHaveNoNamespace() async throws {
    let running = Running(Self.nodes, namespace: nil)
    running.api.put(["metadata": ["name": "n1"]], at: "/api/v1/nodes/n1")
    try await running.run { keys in
      #expect(await keys.next() == ObjectKey(namespace: "", name: "n1"))
      #expect(running.api.requests.first?.path == "/api/v1/nodes")
    }
  }

  @Test func aListThatIsForbiddenIsAProblemUntilItIsAllowed() async throws {
    let running = Running()
    running.put("a", phase: "Running")
    running.api.failNext(FakeResourceAPI.failure(.forbidden))
    #expect(running.informer.problem == nil)
    try await running.run { _ in
      #expect(try await running.informer.waitForSyncOrProblem()?.reason == .forbidden)
      #expect(running.informer.problem?.reason == .forbidden)
      #expect(!running.informer.hasSynced)
      await running.clock.waitForSleepers(1)
      running.clock.advance(by: .seconds(1))
      try await running.informer.waitForSync()
      #expect(running.informer.problem == nil)
    }
  }

  @Test func aWatchThatFailsIsAProblemWhileTheListStays() async throws {
    let running = Running()
    running.put("a", phase: "Running")
    try await running.run { keys in
      #expect(await keys.next() == Fixtures.key("a"))
      await running.watches(1)
      running.api.setDown(true)
      running.api.endWatches()
      await running.clock.waitForSleepers(1)
      running.clock.advance(by: .seconds(1))
      await running.watches(2)
      await running.clock.waitForSleepers(1)
      #expect(running.informer.problem?.isTransient == true)
      let problem = try await running.informer.waitForSyncOrProblem()
      #expect(problem == nil)
      #expect(running.informer.objects.count == 1)
      running.api.setDown(false)
      running.clock.advance(by: .seconds(1))
      running.put("b", phase: "Running")
      #expect(await keys.next() == Fixtures.key("b"))
      #expect(running.informer.problem == nil)
    }
  }

  @Test(arguments: [true, false])
  func waitingCanBeCancelled(waitsForProblemToo: Bool) async {
    let running = Running()
    let waiting = Task {
      if waitsForProblemToo { return try await running.informer.waitForSyncOrProblem() }
      try await running.informer.waitForSync()
      return nil
    }
    waiting.cancel()
    await #expect(throws: CancellationError.self) { try await waiting.value }
  }
}
