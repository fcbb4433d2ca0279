import DeploymentKinds
import HTTPTransport
import ResourceClient
import ResourceModel
import TestSupport
import Testing
import WireFormats

@Suite struct ResourceClientTests {
  private let names = DesiredDeploymentKind.names

  @Test func objectsAreWrittenAndReadTyped() async throws {
    let api = FakeResourceAPI()
    let client = Fixtures.client(api)
    let object: DesiredDeployment = try Fixtures.deployment("a").decoded()
    let created = try await client.create(object)
    #expect(created.metadata.resourceVersion == "11")
    var read = try await client.get(DesiredDeploymentKind.self, Fixtures.key("a"))
    #expect(read.spec.version == "1.0.0")
    read.spec.version = "2.0.0"
    let replaced = try await client.replace(read)
    #expect(replaced.spec.version == "2.0.0")
    await #expect { try await client.replace(read) } throws: { ($0 as? ResourceClientError)?.isConflict == true }
    try await client.delete(names, Fixtures.key("a"))
    await #expect { try await client.get(names, Fixtures.key("a")) } throws: {
      ($0 as? ResourceClientError)?.isNotFound == true
    }
  }

  @Test func statusIsWrittenThroughItsOwnPath() async throws {
    let api = FakeResourceAPI()
    api.put(Fixtures.deployment("a"), at: "\(Fixtures.deployments)/a")
    let client = Fixtures.client(api)
    var object = try await client.get(DesiredDeploymentKind.self, Fixtures.key("a"))
    object.status = DesiredDeploymentStatus(observedGeneration: 1)
    _ = try await client.replaceStatus(object)
    #expect(api.requests.last?.path == "\(Fixtures.deployments)/a/status")
    #expect(api.requests.last?.method == "PUT")
  }

  @Test func optionsBecomeQueryItemsAndContentTypes() async throws {
    let api = FakeResourceAPI()
    api.put(Fixtures.deployment("a"), at: "\(Fixtures.deployments)/a")
    let client = Fixtures.client(api, token: .fixed("secret"))
    _ = try await client.mergePatch(
      names, Fixtures.key("a"), ["spec": ["suspend": true]],
      options: WriteOptions(isDryRun: true, fieldValidation: .strict, fieldManager: "a b"))
    let request = try #require(api.requests.last)
    #expect(request.query == "dryRun=All&fieldValidation=Strict&fieldManager=a%20b")
    #expect(request.headers["Content-Type"] == "application/merge-patch+json")
    #expect(request.headers["Authorization"] == "Bearer secret")
  }

  @Test func theErrorOfWhatIsNoResourceAPIIsReadToo() async throws {
    let api = FakeResourceAPI()
    let client = Fixtures.client(api)
    api.failNext(
      HTTPResponse(
        status: 429, headers: HTTPHeaders([("Retry-After", "7")]), body: Array(#"{"error":"too many uploads"}"#.utf8)))
    await #expect { try await client.post(path: "/api/internal/releases", body: .object([:])) } throws: { error in
      guard case .status(let status) = error as? ResourceClientError else { return false }
      return status.reason == .tooManyRequests && status.message == "too many uploads" && status.retryAfterSeconds == 7
    }
    api.failNext(HTTPResponse(status: 204))
    #expect(try await client.delete(path: "/api/internal/organizations/acme/keys/1") == .null)
    #expect(api.requests.last?.method == "DELETE")
  }

  @Test(arguments: [
    ("..", "%2E%2E"), ("a/b", "a%2Fb"), ("a?b#c", "a%3Fb%23c"), ("ä", "%C3%A4"),
  ])
  func aNameCannotLeaveItsPlaceInTheURL(name: String, segment: String) async throws {
    let api = FakeResourceAPI()
    _ = try? await Fixtures.client(api).get(names, Fixtures.key(name))
    #expect(api.requests.last?.path == "\(Fixtures.deployments)/\(segment)")
  }

  @Test func aSelectorIsSentInItsGrammar() async throws {
    let api = FakeResourceAPI()
    let selector = ObjectSelector(
      labels: [.equals(key: "a", value: "b"), .isIn(key: "c", values: ["y", "x"]), .doesNotExist(key: "d")],
      fields: [.equals(path: "metadata.name", value: "x,y")])
    _ = try await Fixtures.client(api).page(names, namespace: "shop", selector: selector, limit: 5)
    let query = try #require(api.requests.last?.query)
    #expect(query.contains("labelSelector=a%3Db%2Cc%20in%20%28x%2Cy%29%2C%21d"))
    #expect(query.contains("fieldSelector=metadata.name%3Dx%5C%2Cy"))
  }

  @Test func aRefusalCarriesItsReasonAndCauses() async throws {
    let api = FakeResourceAPI()
    let cause = FieldError(field: "spec.version", reason: .required, message: "is required")
    let status = StatusError(.invalid, "not valid", causes: [cause])
    api.failNext(HTTPResponse(status: 422, body: status.json.serialized()))
    let error = await #expect(throws: ResourceClientError.self) {
      try await Fixtures.client(api).get(names, Fixtures.key("a"))
    }
    guard case .status(let received) = error else { throw try #require(error) }
    #expect(received.causes == [cause])
  }

  @Test(arguments: [
    ("Unauthorized", "Unauthorized: the token or client certificate is unknown, revoked or expired"),
    ("Unauthorized: the token is revoked", "Unauthorized: the token is revoked"),
  ])
  func aRefusedCredentialIsNamedWhereTheServerDoesNot(message: String, told: String) async throws {
    let api = FakeResourceAPI()
    api.failNext(HTTPResponse(status: 401, body: StatusError(.unauthorized, message).json.serialized()))
    let error = await #expect(throws: ResourceClientError.self) {
      try await Fixtures.client(api).get(names, Fixtures.key("a"))
    }
    #expect(error?.description == told)
    #expect(error?.reason == .unauthorized)
  }

  @Test(arguments: [
    (401, StatusError.Reason.unauthorized), (403, .forbidden), (404, .notFound), (429, .tooManyRequests),
    (502, .serviceUnavailable),
  ])
  func aProxysAnswerKeepsItsMeaning(status: Int, reason: StatusError.Reason) async {
    let api = FakeResourceAPI()
    api.failNext(HTTPResponse(status: status, body: Array("<html>".utf8)))
    await #expect { try await Fixtures.client(api).get(names, Fixtures.key("a")) } throws: {
      ($0 as? ResourceClientError)?.reason == reason
    }
  }

  @Test func whatDoesNotSpeakTheAPIIsNamedAsSuch() async {
    let api = FakeResourceAPI()
    api.failNext(HTTPResponse(status: 200, body: Array("<html>".utf8)))
    await #expect { try await Fixtures.client(api).get(names, Fixtures.key("a")) } throws: { error in
      guard case .protocolViolation(let text) = error as? ResourceClientError else { return false }
      return text.contains("check that this is the API's address")
    }
  }

  @Test func aRotatedTokenFileIsReadAnew() async throws {
    let folder = try TemporaryFolder()
    let path = try folder.write("first\n", to: "token")
    let api = FakeResourceAPI()
    let client = Fixtures.client(api, token: .file(path: path))
    _ = try? await client.get(names, Fixtures.key("a"))
    try folder.write("second\n", to: "token")
    _ = try? await client.get(names, Fixtures.key("a"))
    #expect(api.requests.map { $0.headers["Authorization"] } == ["Bearer first", "Bearer second"])
  }

  @Test(arguments: ["", "two words", "line\nbreak"])
  func aMalformedTokenIsRefusedWithoutBeingTold(token: String) async {
    let client = Fixtures.client(FakeResourceAPI(), token: .fixed(token))
    await #expect { try await client.get(names, Fixtures.key("a")) } throws: { error in
      guard case .credentials(let text) = error as? ResourceClientError else { return false }
      return token.isEmpty || !text.contains(token)
    }
  }

  @Test func warningsReachTheirReader() async throws {
    let api = FakeResourceAPI()
    api.failNext(
      HTTPResponse(
        status: 200, headers: HTTPHeaders([("warning", #"299 - "unknown field \"spec.x\"""#)]), body: Array("{}".utf8)))
    let (warnings, continuation) = AsyncStream<String>.makeStream()
    let client = ResourceClient(endpoint: APIEndpoint("https://api"), transport: api) { continuation.yield($0) }
    _ = try await client.get(names, Fixtures.key("a"))
    continuation.finish()
    #expect(await warnings.reduce(into: []) { $0.append($1) } == [#"unknown field "spec.x""#])
  }
}
