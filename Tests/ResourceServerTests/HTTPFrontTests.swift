import DeploymentKinds
import HTTPTransport
import ResourceModel
import Testing
import WireFormats

@testable import HTTPService
@testable import ResourceServer

@Suite struct HTTPFrontTests {
  @Test(
    arguments: [
      ("GET", HTTPTestServer.collection, nil, 401), ("GET", HTTPTestServer.collection, "wrong", 401),
      ("GET", HTTPTestServer.collection, "viewer", 200), ("POST", HTTPTestServer.collection, "viewer", 403),
      ("POST", HTTPTestServer.collection, "agent", 403), ("POST", "/api/v1/namespaces/a/events", "viewer", 403),
      ("PUT", HTTPTestServer.collection, "admin", 405), ("POST", "\(HTTPTestServer.collection)/a", "admin", 405),
      ("GET", "/apis/deploy.wrktalk.com/v1/namespaces/a/nothings", "viewer", 404), ("GET", "/nothing", "viewer", 404),
      ("GET", "/nothing", nil, 401), ("GET", "/healthz", nil, 200), ("GET", "/livez", nil, 200),
      ("GET", "/readyz", nil, 200), ("GET", "/metrics", nil, 401), ("GET", "/metrics", "agent", 403),
      ("GET", "/metrics", "viewer", 200), ("GET", "/readyz/", nil, 200), ("POST", "/readyz", nil, 405),
      ("DELETE", "/api/v1/namespaces//events", "admin", 400), ("GET", "//readyz", nil, 400),
      ("GET", "/version", "viewer", 200), ("GET", "/openapi/v2", "viewer", 200), ("DELETE", "/version", "admin", 405),
      ("GET", "/apis/deploy.wrktalk.com/v2", "viewer", 404), ("GET", "/apis/../etc/passwd", "viewer", 404),
      ("GET", "/api/v1/namespaces/anything", "viewer", 404),
    ] as [(String, String, String?, Int)])
  func requestsAreLetThroughOrTurnedAway(method: String, path: String, token: String?, status: Int) async throws {
    try await HTTPTestServer.run { server in
      let answer = try await server.send(method, path, token: token)
      #expect(answer.status == status, "\(answer.text)")
      if status >= 400 {
        #expect(answer.json["kind"] == "Status")
        #expect(answer.json["code"] == .integer(Int64(status)))
      }
    }
  }

  @Test func aForbiddenRequestSaysWhoMayNotDoWhat() async throws {
    try await HTTPTestServer.run { server in
      let answer = try await server.send("DELETE", "\(HTTPTestServer.collection)/wrktalk", token: "agent")
      #expect(answer.message.contains("\"the-agent\" (role agent) cannot delete resource \"desireddeployments\""))
    }
  }

  @Test func aWrongTokenIsNeverRepeated() async throws {
    try await HTTPTestServer.run { server in
      let answer = try await server.send("GET", HTTPTestServer.collection, token: "s3cr3t")
      #expect(!answer.text.contains("s3cr3t"))
      #expect(answer.headers["WWW-Authenticate"] == "Bearer realm=\"wrktalk\"")
    }
  }

  @Test func kubectlWithoutTLSSendsTheTokenAsAPassword() async throws {
    try await HTTPTestServer.run { server in
      var request = server.request("GET", HTTPTestServer.collection, token: nil)
      request.headers.append(("Authorization", "Basic a3ViZWN0bDp2aWV3ZXI="))  // kubectl:viewer
      let withPassword = try await server.http.send(request)
      #expect(withPassword.status == 200)
      request.headers.append(("X-Forwarded-For", "203.0.113.9"))
      let throughProxy = try await server.http.send(request)
      #expect(throughProxy.status == 401)
      request.headers = [("X-Agent-Secret", "agent")]
      let withSecret = try await server.http.send(request)
      #expect(withSecret.status == 200)
    }
  }

  @Test(
    arguments: [
      ("application/yaml", "yaml", 415), ("application/json", "{", 400), ("application/json", "[]", 400),
      ("application/json", "{\"a\":1,\"a\":2}", 400), (nil, "{}", 400), ("application/json", "{}", 400),
      ("application/json", String(repeating: "[", count: 5000), 400),
    ] as [(String?, String, Int)])
  func bodiesThatAreNoObjectAreRefused(type: String?, body: String, status: Int) async throws {
    try await HTTPTestServer.run { server in
      var request = server.request("POST", HTTPTestServer.collection, contentType: type)
      request.body = .bytes(Array(body.utf8))
      let answer = HTTPTestServer.Answer(try await server.http.send(request))
      #expect(answer.status == status, "\(answer.text)")
    }
  }

  @Test func aBodyThatIsTooLargeIsRefused() async throws {
    try await HTTPTestServer.run { server in
      var object = HTTPTestServer.deployment("wrktalk")
      let count = DesiredDeploymentKind.definition.limits.requestBytes
      object["metadata"]?["annotations"] = ["a": .string(String(repeating: "x", count: count))]
      let answer = try await server.send("POST", HTTPTestServer.collection, object)
      #expect(answer.status == 413)
      #expect(answer.json["reason"] == "RequestEntityTooLarge")
      #expect(answer.message.contains("at most \(count) bytes"))
    }
  }

  /// As long as it is sent an answer lies in memory.
  @Test func largeAnswersThatNobodyReadsAreCounted() async throws {
    var configuration = ResourceAPI.Configuration()
    configuration.largeTransfersPerIdentity = 1
    // However slowly this machine goes, the client that does not read stays connected.
    var connections = ConnectionLimits()
    connections.writeTimeout = .seconds(3600)
    try await HTTPTestServer.run(configuration: configuration, connections: connections) { server in
      try await server.fill(count: 40, bytes: 300_000)
      let unread = try await UnreadAnswer.begin(
        "GET \(HTTPTestServer.collection) HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer admin\r\n"
          + "Connection: close\r\n\r\n", port: server.port)
      #expect(unread.start.hasPrefix("HTTP/1.1 200 OK"))
      let refused = try await server.send("GET", HTTPTestServer.collection)
      #expect(refused.status == 429 && refused.message.contains("large answers"), "\(refused.message)")
      #expect(try await server.send("GET", "/version").status == 200)
      #expect(try await server.send("GET", HTTPTestServer.collection, token: "viewer").status == 200)
      try await unread.readToEnd()
      // The place is given back when the last byte is on its way, which the client may see first.
      while try await server.send("GET", HTTPTestServer.collection).status == 429 {}
    }
  }

  @Test func aListEndsWithItsToken() async throws {
    let tokens = FixedTokens()
    try await HTTPTestServer.run(tokens: tokens) { server in
      try await server.fill(count: 1600, bytes: 12_000)
      let list = try await server.http.stream(server.request("GET", HTTPTestServer.collection, token: "viewer"))
      tokens.revoke("viewer")
      await #expect(throws: (any Error).self) { for try await _ in list.body {} }
    }
  }

  @Test func whoSendsTooMuchIsSlowedDownAloneAndToldForHowLong() async throws {
    var service = ServiceConfiguration()
    service.requests = .init(rate: 0.001, burst: 2)
    try await HTTPTestServer.run(service: service) { server in
      for _ in 0..<2 { #expect(try await server.send("GET", "/version").status == 200) }
      let refused = try await server.send("GET", "/version")
      #expect(refused.status == 429)
      #expect(refused.json["reason"] == "TooManyRequests")
      #expect(Int(refused.headers["Retry-After"] ?? "") != nil)
      #expect(try await server.send("GET", "/version", token: "viewer").status == 200)
    }
  }

  @Test(arguments: [
    ("application/json", 200), ("*/*", 200), ("application/yaml,application/json", 200),
    ("application/vnd.kubernetes.protobuf,application/json", 200), ("application/yaml", 406), ("text/html", 406),
  ])
  func answersAreJSONOrNothing(accept: String, status: Int) async throws {
    try await HTTPTestServer.run { server in
      let answer = try await server.send("GET", HTTPTestServer.collection, accept: accept)
      #expect(answer.status == status)
    }
  }

  @Test func discoveryNamesEveryKind() async throws {
    try await HTTPTestServer.run { server in
      #expect(try await server.send("GET", "/api").json["versions"] == ["v1"])
      let groups = try await server.send("GET", "/apis").json["groups"]?.array?.compactMap { $0["name"]?.string }
      #expect(groups == ["deploy.wrktalk.com", "coordination.k8s.io"])
      let resources = try await server.send("GET", "/apis/deploy.wrktalk.com/v1").json["resources"]?.array
      #expect(
        resources?.compactMap { $0["name"]?.string } == ["desireddeployments", "desireddeployments/status"])
      #expect(resources?.first?["shortNames"] == ["dd"])
      let index = try await server.send("GET", "/openapi/v3").json["paths"]?["apis/deploy.wrktalk.com/v1"]
      let document = try await server.send("GET", index?["serverRelativeURL"]?.string ?? "/")
      #expect(document.json["openapi"] == "3.0.0")
    }
  }

  @Test(arguments: [
    ("agent", "patch", "status", true), ("agent", "patch", "finalizers", true), ("agent", "patch", "", false),
    ("admin", "patch", "", true),
  ])
  func canIIsAnsweredInJSON(token: String, verb: String, subresource: String, isAllowed: Bool) async throws {
    try await HTTPTestServer.run { server in
      let answer = try await server.send(
        "POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
        [
          "spec": [
            "resourceAttributes": [
              "verb": .string(verb), "group": "deploy.wrktalk.com", "resource": "desireddeployments",
              "subresource": .string(subresource),
            ]
          ]
        ], token: token)
      #expect(answer.status == 201)
      #expect(answer.json["status"]?["allowed"] == .bool(isAllowed))
    }
  }

  @Test func theAgentsSecretIsTakenFromAgentsOnly() async throws {
    try await HTTPTestServer.run { server in
      var request = server.request("GET", HTTPTestServer.collection, token: nil)
      request.headers.append(("X-Agent-Secret", "admin"))
      let answer = try await server.http.send(request)
      #expect(answer.status == 401)
    }
  }

  @Test(
    arguments: [
      ("127.0.0.1", true), ("127.8.0.1", true), ("::1", true), ("::ffff:127.0.0.1", true), ("10.0.0.1", false),
      ("2001:db8::1", false), ("::ffff:10.0.0.1", false), (nil, false),
    ] as [(String?, Bool)])
  func passwordsAreTakenFromThisMachine(address: String?, isLoopback: Bool) {
    #expect(PeerAddress.isLoopback(address) == isLoopback)
  }

  @Test(
    arguments: [
      ("192.0.2.7", "192.0.2.7"), ("::ffff:192.0.2.7", "192.0.2.7"), ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
      ("2001:db8:1:2::9", "2001:db8:1:2::/64"), ("fe80::1%eth0", "fe80:0:0:0::/64"), ("::1", "0:0:0:0::/64"),
      (nil, "local"),
    ] as [(String?, String)])
  func addressesOfOneNetworkCountAsOne(address: String?, key: String) {
    #expect(PeerAddress.limitKey(address) == key)
  }

  @Test func whoTriesTokensIsStoppedBeforeTheyAreLookedUp() async throws {
    let tokens = FixedTokens()
    var service = ServiceConfiguration()
    service.unknownTokens = .init(rate: 1e-6, burst: 20)
    try await HTTPTestServer.run(service: service, tokens: tokens) { server in
      var statuses: [Int] = []
      for number in 0..<25 {
        statuses.append(try await server.send("GET", "/version", token: "guess-\(number)").status)
      }
      // Each is charged once.
      #expect(statuses == Array(repeating: 401, count: 20) + Array(repeating: 429, count: 5))
      #expect(tokens.lookupCount == 20)
      #expect(try await server.send("GET", "/version", token: "viewer").status == 200)
    }
  }

  @Test(arguments: [
    ("GET", "attacker.example", 403), ("GET", "attacker.example:3000", 403), ("GET", "backend.example.", 200),
    ("GET", "LOCALHOST:3000", 200), ("GET", "127.0.0.1:1", 200), ("GET", "[::1]:3000", 200), ("GET", "1.2.3.4.5", 403),
    ("GET", "evil.com:1:2", 403),
  ])
  func aServerAnswersUnderItsNamesOnly(method: String, host: String, status: Int) async throws {
    var service = ServiceConfiguration()
    service.hosts = .names(["backend.example"])
    try await HTTPTestServer.run(service: service) { server in
      var request = server.request(method, "/version")
      request.headers.append(("Host", host))
      let answer = try await server.http.send(request)
      #expect(answer.status == status)
    }
  }

  @Test func aLateWriteIsAnsweredWithItsOutcome() async throws {
    let (cancellations, cancelled) = AsyncStream<Void>.makeStream()
    let answer = try await withDeadline(.milliseconds(1)) {
      // Goes on although it is cancelled, as a commit does.
      await withTaskCancellationHandler {
        await Task.detached {
          for await _ in cancellations { break }
          return "written"
        }.value
      } onCancel: {
        cancelled.yield()
      }
    }
    #expect(answer == "written")
  }

  @Test func aLateFailureIsATimeout() async throws {
    let error = await #expect(throws: StatusError.self) {
      try await withDeadline(.milliseconds(1)) { try await Task.sleep(for: .seconds(3600)) }
    }
    #expect(error?.reason == .timeout)
  }
}
