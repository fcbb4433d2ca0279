import HTTPTransport
import ResourceClient
import ResourceModel
import Testing
import WireFormats

/// What only a Kubernetes API server answers: as the requests are sent.
@Suite struct ClusterRequestTests {
  private static let secrets = ResourceNames(
    group: "", version: "v1", kind: "Secret", plural: "secrets", singular: "secret")
  private static let definitions = ResourceNames(
    group: "apiextensions.k8s.io", version: "v1", kind: "CustomResourceDefinition",
    plural: "customresourcedefinitions", singular: "customresourcedefinition")

  @Test(arguments: [
    (false, false, "fieldManager=wrktalk-agent&force=false"), (true, false, "fieldManager=wrktalk-agent&force=true"),
    (false, true, "dryRun=All&fieldManager=wrktalk-agent&force=false"),
  ])
  func anApplyNamesItsManager(force: Bool, isDryRun: Bool, query: String) async throws {
    let api = FakeResourceAPI()
    let key = Fixtures.key("a")
    api.put(["metadata": ["name": "a"]], at: "/api/v1/namespaces/shop/secrets/a")
    _ = try await Fixtures.client(api).apply(
      Self.secrets, key, ["data": [:]], fieldManager: "wrktalk-agent", force: force,
      options: WriteOptions(isDryRun: isDryRun, fieldManager: "another"))
    let request = try #require(api.requests.last)
    #expect(request.method == "PATCH")
    #expect(request.query == query)
    #expect(request.headers["Content-Type"] == "application/apply-patch+yaml")
  }

  @Test func anObjectOfTheWholeClusterHasNoNamespaceInItsPath() async {
    let api = FakeResourceAPI()
    let client = Fixtures.client(api)
    let key = ObjectKey(namespace: "", name: "desireddeployments.deploy.wrktalk.com")
    _ = try? await client.get(Self.definitions, key)
    _ = try? await client.create(Self.definitions, namespace: "", ["metadata": ["name": .string(key.name)]])
    _ = try? await client.delete(Self.definitions, key)
    let collection = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    #expect(api.requests.map(\.path) == ["\(collection)/\(key.name)", collection, "\(collection)/\(key.name)"])
  }

  @Test func aDeletionSaysWhatBecomesOfOwnedObjects() async throws {
    let api = FakeResourceAPI()
    api.put(["metadata": ["name": "a"]], at: "/api/v1/namespaces/shop/secrets/a")
    try await Fixtures.client(api).delete(
      Self.secrets, Fixtures.key("a"), options: DeleteOptions(propagationPolicy: .foreground))
    #expect(api.requests.last?.body?["propagationPolicy"] == "Foreground")
  }

  @Test func theEndOfALogIsReadAsText() async throws {
    let api = FakeResourceAPI()
    api.failNext(HTTPResponse(status: 200, body: Array("first\nsecond\n".utf8)))
    let log = try await Fixtures.client(api).podLog(
      Fixtures.key("a"), container: "web", previous: true, tailLines: 20, limitBytes: 4096)
    #expect(log == "first\nsecond\n")
    let request = try #require(api.requests.last)
    #expect(request.path == "/api/v1/namespaces/shop/pods/a/log")
    #expect(request.query == "tailLines=20&limitBytes=4096&previous=true&container=web")
  }

  @Test func aLogThatIsNotThereSaysWhy() async {
    let api = FakeResourceAPI()
    let status = StatusError(.badRequest, "previous terminated container \"web\" in pod \"a\" not found")
    api.failNext(HTTPResponse(status: 400, body: status.json.serialized()))
    await #expect {
      try await Fixtures.client(api).podLog(
        Fixtures.key("a"), container: "web", previous: true, tailLines: 20, limitBytes: 4096)
    } throws: {
      ($0 as? ResourceClientError)?.description == status.message
    }
  }
}
