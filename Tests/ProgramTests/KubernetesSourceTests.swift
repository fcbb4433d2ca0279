import DeploymentKinds
import FoundationEssentials
import ResourceClient
import ResourceModel
import TestSupport
import Testing
import WireFormats

/// The client against a real Kubernetes API server that holds the CRD.
@Suite(.needs(.cluster), .needs(.kubectl), .timeLimit(.minutes(10)))
struct KubernetesSourceTests {
  private static let secrets = ResourceNames(
    group: "", version: "v1", kind: "Secret", plural: "secrets", singular: "secret")
  private static let configMaps = ResourceNames(
    group: "", version: "v1", kind: "ConfigMap", plural: "configmaps", singular: "configmap")

  /// Runs `body` while the informer works.
  private func following<Object>(
    _ informer: Informer<Object>, _ body: () async throws -> Void
  ) async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { await informer.run() }
      try await body()
      group.cancelAll()
    }
  }

  @Test func theDefinitionIsAcceptedAndChecksAndFillsIn() async throws {
    try await ClusterSession.use { session in
      try await session.kubectl("apply", "-f", session.manifest("shop", spec: ClusterSession.spec()))
      let object = try await session.client.get(DesiredDeploymentKind.self, session.key("shop"))
      #expect(object.spec.failurePolicy == .rollBack)
      #expect(object.metadata.generation == 1)
      #expect(try await session.kubectl("get", "dd").contains("NAME   READY   STATUS   DESIRED   CURRENT   AGE"))
      var wrong = ClusterSession.spec()
      wrong["runtime"] = "Rocket"
      let refusal = try await session.failure("apply", "-f", session.manifest("wrong", spec: wrong))
      #expect(refusal.contains("spec.runtime"))
    }
  }

  @Test func theStatusIsWrittenApartFromTheSpec() async throws {
    try await ClusterSession.use { session in
      try await session.kubectl("apply", "-f", session.manifest("shop", spec: ClusterSession.spec()))
      var object = try await session.client.get(DesiredDeploymentKind.self, session.key("shop"))
      object.spec.version = "9.9.9"
      object.status = DesiredDeploymentStatus(observedGeneration: 1)
      let written = try await session.client.replaceStatus(object)
      #expect(written.status?.observedGeneration == 1)
      #expect(written.spec.version == "1.0.0")
      #expect(written.metadata.generation == 1)
      let late = await #expect(throws: ResourceClientError.self) { try await session.client.replaceStatus(object) }
      #expect(late?.isConflict == true)
    }
  }

  @Test func anInformerFollowsWhatKubectlDoes() async throws {
    try await ClusterSession.use { session in
      let informer = Informer(
        DesiredDeploymentKind.self, client: session.client, namespace: session.namespace, logger: session.logger)
      try await following(informer) {
        try await informer.waitForSync()
        #expect(informer.objects.isEmpty)
        var keys = informer.changes.makeAsyncIterator()
        try await session.kubectl("apply", "-f", session.manifest("shop", spec: ClusterSession.spec()))
        #expect(await keys.next() == session.key("shop"))
        #expect(informer.object(session.key("shop"))?.spec.version == "1.0.0")
        try await session.kubectl("apply", "-f", session.manifest("shop", spec: ClusterSession.spec(version: "2.0.0")))
        #expect(await keys.next() == session.key("shop"))
        #expect(informer.object(session.key("shop"))?.spec.version == "2.0.0")
        try await session.kubectl("delete", "dd", "shop")
        #expect(await keys.next() == session.key("shop"))
        #expect(informer.objects.isEmpty)
        #expect(informer.problem == nil)
      }
    }
  }

  @Test func ofMetadataAloneNoSecretIsSeen() async throws {
    try await ClusterSession.use { session in
      let selector = ObjectSelector(labels: [.equals(key: "test", value: "yes")])
      let informer = Informer<JSONValue>(
        Self.secrets, client: session.client, namespace: session.namespace, selector: selector,
        representation: .metadata, decode: { $0 }, logger: session.logger)
      func create(_ name: String) async throws {
        let object: JSONValue = [
          "metadata": ["name": .string(name), "labels": ["test": "yes"]], "stringData": ["password": "secret"],
        ]
        _ = try await session.client.create(Self.secrets, namespace: session.namespace, object)
      }
      try await create("listed")
      try await following(informer) {
        var keys = informer.changes.makeAsyncIterator()
        #expect(await keys.next() == session.key("listed"))
        try await create("watched")
        #expect(await keys.next() == session.key("watched"))
        for (key, object) in informer.objects {
          #expect(object["metadata"]?["name"]?.string == key.name)
          #expect(object["data"] == nil)
        }
        #expect(informer.objects.count == 2)
      }
    }
  }

  @Test func whatMayNotBeReadIsAProblemThatNamesTheRight() async throws {
    try await ClusterSession.use { session in
      try await session.kubectl("create", "serviceaccount", "nobody")
      let token = try await session.kubectl("create", "token", "nobody")
      var endpoint = session.client.endpoint
      endpoint.token = .fixed(token)
      let informer = Informer(
        DesiredDeploymentKind.self, client: ResourceClient(endpoint: endpoint, http: session.http),
        namespace: session.namespace, logger: session.logger)
      try await following(informer) {
        let problem = try #require(try await informer.waitForSyncOrProblem())
        #expect(problem.reason == .forbidden)
        #expect(problem.description.contains("\(session.namespace):nobody"))
        #expect(problem.description.contains(#"cannot list resource "desireddeployments""#))
      }
    }
  }

  @Test func aFieldBelongsToWhoAppliedItUntilItIsTakenOver() async throws {
    try await ClusterSession.use { session in
      let key = session.key("settings")
      func apply(
        _ value: String, by manager: String, force: Bool, dryRun: Bool = false
      ) async throws(ResourceClientError) -> JSONValue {
        let object: JSONValue = [
          "apiVersion": "v1", "kind": "ConfigMap", "metadata": ["name": .string(key.name)],
          "data": ["a": .string(value)],
        ]
        return try await session.client.apply(
          Self.configMaps, key, object, fieldManager: manager, force: force, options: WriteOptions(isDryRun: dryRun))
      }
      _ = try await apply("1", by: "first", force: false)
      let conflict = await #expect(throws: ResourceClientError.self) {
        try await apply("2", by: "second", force: false)
      }
      #expect(conflict?.isConflict == true)
      let tried = try await apply("2", by: "second", force: true, dryRun: true)
      #expect(tried["data"] == ["a": "2"])
      #expect(try await session.client.get(Self.configMaps, key)["data"] == ["a": "1"])
      _ = try await apply("2", by: "second", force: true)
      #expect(try await session.client.get(Self.configMaps, key)["data"] == ["a": "2"])
    }
  }

  @Test func kindsAreDiscoveredWithTheirScope() async throws {
    try await ClusterSession.use { session in
      let discovery = APIDiscovery(client: session.client)
      let own = try await discovery.names(apiVersion: "deploy.wrktalk.com/v1", kind: "DesiredDeployment")
      #expect(own?.names.plural == "desireddeployments")
      #expect(own?.isNamespaced == true)
      let namespace = try #require(try await discovery.names(apiVersion: "v1", kind: "Namespace"))
      #expect(!namespace.isNamespaced)
      let key = ObjectKey(namespace: "", name: session.namespace)
      #expect(try await session.client.get(namespace.names, key)["status"]?["phase"] == "Active")
      #expect(try await discovery.names(apiVersion: "example.com/v1", kind: "Rocket") == nil)
    }
  }

  @Test func anEventStandsInTheDescription() async throws {
    try await ClusterSession.use { session in
      try await session.kubectl("apply", "-f", session.manifest("shop", spec: ClusterSession.spec()))
      let object = try await session.client.get(DesiredDeploymentKind.self, session.key("shop"))
      let recorder = EventRecorder(
        client: session.client, component: "wrktalk-agent", host: "here",
        now: { Timestamp(seconds: Int64(Date().timeIntervalSince1970)) }, logger: session.logger)
      for _ in 0..<3 { recorder.record(.warning, reason: "Tested", message: "It was tried.", about: .init(object)) }
      recorder.finish()
      await recorder.run()
      let description = try await session.kubectl("describe", "dd", "shop")
      #expect(description.contains("It was tried."))
      #expect(description.contains("(x3 over"))
    }
  }

  @Test func aCandidateTakesOverTheLeaseOfOneThatDied() async throws {
    try await ClusterSession.use { session in
      // Who is alive has all the time that a busy machine may need to renew.
      func elector(_ identity: String, leaseDuration: Duration = .seconds(600)) -> LeaseElector {
        LeaseElector(
          client: session.client, lease: session.key("agent"), identity: identity,
          periods: .init(
            leaseDuration: leaseDuration, renewDeadline: .seconds(300), retryPeriod: .milliseconds(500)),
          now: { Timestamp(seconds: Int64(Date().timeIntervalSince1970)) }, logger: session.logger)
      }
      @Sendable func holder() async throws -> String {
        try await session.kubectl("get", "lease", "agent", "-o", "jsonpath={.spec.holderIdentity}")
      }
      // One that never renews is one that died.
      try await elector("first", leaseDuration: .seconds(2)).acquire()
      #expect(try await holder() == "first")
      let second = elector("second")
      try await second.acquire()
      guard case .finished("second") = await second.hold({ (try? await holder()) ?? "" }) else {
        Issue.record("the lease was lost")
        return
      }
      #expect(try await holder() == "")
      try await elector("third").acquire()
      #expect(try await session.kubectl("get", "lease", "agent", "-o", "jsonpath={.spec.leaseTransitions}") == "2")
    }
  }
}
