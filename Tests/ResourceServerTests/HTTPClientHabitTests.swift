import FoundationEssentials
import HTTPTransport
import ResourceModel
import ResourceServer
import Testing
import WireFormats

/// What clients of Kubernetes ask and expect beyond plain reading and writing.
@Suite struct HTTPClientHabitTests {
  private static let leases = "/apis/coordination.k8s.io/v1/namespaces/wrktalk/leases"
  private static let strategic = "application/strategic-merge-patch+json"

  private static func lease(_ name: String = "one") -> JSONValue {
    ["apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": ["name": .string(name)], "spec": [:]]
  }

  // MARK: Documents

  @Test(arguments: [
    (nil, "application/json"), ("application/json", "application/json"), ("*/*", "application/json"),
    (
      "application/com.github.proto-openapi.spec.v2@v1.0+protobuf",
      "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"
    ),
    (
      "application/com.github.proto-openapi.spec.v2.v1.0+protobuf",
      "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"
    ),
  ])
  func openAPIVersion2ComesAsTheClientTakesIt(accept: String?, type: String) async throws {
    try await HTTPTestServer.run { server in
      let answer = try await server.send("GET", "/openapi/v2", token: "viewer", accept: accept)
      #expect(answer.status == 200)
      #expect(answer.headers["Content-Type"] == type)
    }
  }

  @Test func theRootNamesThePathsAndPingAnswers() async throws {
    try await HTTPTestServer.run { server in
      let root = try await server.send("GET", "/", token: "viewer")
      #expect(root.json["paths"]?.array?.contains("/apis/deploy.wrktalk.com/v1") == true)
      #expect(try await server.send("GET", "/livez/ping", token: nil).text == "ok")
      let definitions = try await server.send(
        "GET", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", token: "viewer")
      #expect(definitions.json["items"] == [])
    }
  }

  // MARK: HTTP

  @Test(arguments: ["/healthz", "/version", "/openapi/v3", "/metrics", "/nothing", HTTPTestServer.collection])
  func theAnswerToHEADHasNoBody(path: String) async throws {
    try await HTTPTestServer.run { server in
      let answer = try await server.rawExchange(
        """
        HEAD \(path) HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer admin\r\n\r\n\
        HEAD /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n
        """)
      #expect(answer.components(separatedBy: "HTTP/1.1 ").count == 3, "\(answer)")
      for head in answer.components(separatedBy: "HTTP/1.1 ").dropFirst() {
        #expect(head.hasSuffix("\n\n"), "\(answer)")
        #expect(head.components(separatedBy: "\n\n").count == 2, "\(answer)")
      }
    }
  }

  @Test(
    arguments: [
      ("PUT", HTTPTestServer.collection, "GET, POST, DELETE"),
      ("POST", "\(HTTPTestServer.collection)/a", "GET, PUT, PATCH, DELETE"),
      ("DELETE", "\(HTTPTestServer.collection)/a/status", "GET, PUT, PATCH"),
      ("DELETE", "/apis/deploy.wrktalk.com/v1/desireddeployments", "GET"),
      ("POST", "/apis/deploy.wrktalk.com/v1/desireddeployments", "GET"),
      ("DELETE", "/api/v1/namespaces", "GET, POST"), ("POST", "/version", "GET, HEAD"),
    ] as [(String, String, String)])
  func whatIsNotAllowedSaysWhatIs(method: String, path: String, allowed: String) async throws {
    try await HTTPTestServer.run { server in
      try await server.create()
      let answer = try await server.send(method, path, method == "DELETE" ? nil : HTTPTestServer.deployment("b"))
      #expect(answer.status == 405)
      #expect(answer.headers["Allow"] == allowed)
      #expect(try await server.send("GET", "\(HTTPTestServer.collection)/wrktalk").status == 200)
    }
  }

  @Test func whoAsksMayGoOnWithTheBodyAtOnce() async throws {
    try await HTTPTestServer.run { server in
      let body = Self.lease().text
      let answer = try await server.rawExchange(
        """
        POST \(Self.leases) HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer admin\r\nExpect: 100-continue\r\n\
        Connection: close\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)
        """)
      #expect(answer.hasPrefix("HTTP/1.1 100 Continue\n\nHTTP/1.1 201 Created\n"), "\(answer)")
    }
  }

  /// The official Python client says no type; a browser could be made to send such a request with a password it keeps.
  @Test(arguments: [("Bearer admin", 201), ("Basic a3ViZWN0bDphZG1pbg==", 415)])
  func aBodyWithoutATypeIsJSONUnlessAPasswordCameWithIt(authorization: String, status: Int) async throws {
    try await HTTPTestServer.run { server in
      var request = server.request("POST", Self.leases, token: nil)
      request.headers = [("Authorization", authorization)]
      request.body = .bytes(Self.lease().serialized())
      let answer = try await server.http.send(request)
      #expect(answer.status == status)
    }
  }

  // MARK: Forms

  @Test func metadataAloneIsServedAsKubernetesServesIt() async throws {
    try await HTTPTestServer.run { server in
      let object = try await server.create()
      let one = try await server.send(
        "GET", "\(HTTPTestServer.collection)/wrktalk",
        accept: "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1")
      #expect(one.json["kind"] == "PartialObjectMetadata")
      #expect(one.json["metadata"] == object["metadata"])
      #expect(one.json["spec"] == nil)
      let list = try await server.send(
        "GET", HTTPTestServer.collection,
        accept: "application/vnd.kubernetes.protobuf;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,"
          + "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1")
      #expect(list.json["kind"] == "PartialObjectMetadataList")
      #expect(list.json["items"] == [one.json])
      var watch = try await server.watch(
        "\(HTTPTestServer.collection)?watch=1",
        accept: "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1")
      #expect(try await watch.next()?["object"] == one.json)
    }
  }

  // MARK: Writing

  @Test func leasesTakeStrategicMergePatchesAndDeploymentsDoNot() async throws {
    try await HTTPTestServer.run { server in
      _ = try await server.send("POST", Self.leases, Self.lease())
      let patched = try await server.send(
        "PATCH", "\(Self.leases)/one", ["spec": ["holderIdentity": "me"]], contentType: Self.strategic)
      #expect(patched.status == 200, "\(patched.text)")
      #expect(patched.json["spec"]?["holderIdentity"] == "me")
      let refused = try await server.send(
        "PATCH", "\(Self.leases)/one", ["spec": ["$retainKeys": []]], contentType: Self.strategic)
      #expect(refused.status == 400)
      try await server.create()
      let deployment = try await server.send(
        "PATCH", "\(HTTPTestServer.collection)/wrktalk", ["spec": ["suspend": true]], contentType: Self.strategic)
      #expect(deployment.status == 415)
    }
  }

  @Test func aPUTMakesTheLeaseThatIsMissing() async throws {
    try await HTTPTestServer.run { server in
      #expect(try await server.send("PUT", "\(Self.leases)/one", Self.lease(), token: "viewer").status == 403)
      let made = try await server.send("PUT", "\(Self.leases)/one", Self.lease(), token: "agent")
      #expect(made.status == 201, "\(made.text)")
      #expect(made.json["metadata"]?["uid"] != nil)
      var seen = Self.lease("two")
      seen["metadata"]?["resourceVersion"] = "7"
      #expect(try await server.send("PUT", "\(Self.leases)/two", seen, token: "agent").status == 404)
      #expect(try await server.send("PUT", "\(Self.leases)/three", Self.lease("two")).status == 400)
      let deployment = HTTPTestServer.deployment("two")
      #expect(try await server.send("PUT", "\(HTTPTestServer.collection)/two", deployment).status == 404)
    }
  }

  @Test func timesOfLeasesAndEventsHaveSixDigitsOfFraction() async throws {
    try await HTTPTestServer.run { server in
      var lease = Self.lease()
      lease["spec"] = ["acquireTime": "2026-11-24T03:00:32Z", "renewTime": "2026-11-24T05:00:32.5+02:00"]
      let made = try await server.send("POST", Self.leases, lease)
      #expect(made.json["spec"]?["acquireTime"] == "2026-11-24T03:00:32.000000Z")
      #expect(made.json["spec"]?["renewTime"] == "2026-11-24T03:00:32.500000Z")
      #expect(made.json["metadata"]?["generation"] == nil)
      let event = try await server.send(
        "POST", "/api/v1/namespaces/wrktalk/events",
        [
          "metadata": ["name": "e"], "involvedObject": ["namespace": "wrktalk"], "type": "Error",
          "eventTime": "2026-11-24T03:00:32Z",
        ])
      #expect(event.status == 201, "\(event.text)")
      #expect(event.json["type"] == "Error")
      #expect(event.json["eventTime"] == "2026-11-24T03:00:32.000000Z")
    }
  }

  @Test(arguments: ["apiVersion", "kind"])
  func anObjectThatDoesNotSayWhatItIsIsRefused(member: String) async throws {
    try await HTTPTestServer.run { server in
      var object = HTTPTestServer.deployment("one")
      object[member] = nil
      let answer = try await server.send("POST", HTTPTestServer.collection, object)
      #expect(answer.status == 400)
      #expect(answer.message.contains(member))
    }
  }

  @Test func theAnswerThatFreesADeletedObjectShowsItWithoutFinalizers() async throws {
    try await HTTPTestServer.run { server in
      try await server.create { $0["metadata"]?["finalizers"] = ["example.com/a"] }
      let path = "\(HTTPTestServer.collection)/wrktalk"
      _ = try await server.send("DELETE", path)
      let freed = try await server.send(
        "PATCH", path, [["op": "remove", "path": "/metadata/finalizers"]], contentType: "application/json-patch+json")
      #expect(freed.status == 200)
      #expect(freed.json["metadata"]?["finalizers"] == nil)
      #expect(freed.json["metadata"]?["name"] == "wrktalk")
      #expect(try await server.send("GET", path).status == 404)
    }
  }

  // MARK: Deleting

  private func names(_ server: HTTPTestServer) async throws -> [String] {
    try await server.send("GET", HTTPTestServer.collection).json["items"]?.array?
      .compactMap { $0["metadata"]?["name"]?.string } ?? []
  }

  @Test func deletingACollectionEndsAfterThePageThatWasAskedFor() async throws {
    try await HTTPTestServer.run { server in
      for name in ["a", "b", "c", "d"] { try await server.create(name) }
      #expect(try await server.send("DELETE", "\(HTTPTestServer.collection)?limit=1").status == 200)
      #expect(try await names(server) == ["b", "c", "d"])
      #expect(try await server.send("DELETE", "\(HTTPTestServer.collection)?continue=nonsense").status == 400)
      #expect(try await names(server) == ["b", "c", "d"])
      #expect(try await server.send("DELETE", HTTPTestServer.collection).status == 200)
      #expect(try await names(server) == [])
    }
  }

  @Test(
    arguments: [
      ("?propagationPolicy=Sideways", nil, 422), ("?propagationPolicy=Orphan&orphanDependents=true", nil, 422),
      ("?gracePeriodSeconds=-1", nil, 400), ("?dryRun=Some", nil, 400), ("", ["kind": "Lease"], 400),
      ("", ["propagationPolicy": "Sideways"], 422), ("", ["propagationPolicy": 3], 422),
      ("", ["preconditions": ["uid": 3]], 400), ("", ["preconditions": ["uid": "other"]], 409), ("", [], 400),
      ("", ["dryRun": "All"], 400), ("", ["dryRun": ["a": 1]], 400), ("", ["dryRun": ["Some"]], 400),
      ("", ["dryrun": ["All"]], 400), ("", ["preconditions": "nope"], 400),
      ("", ["preconditions": [["uid": "nope"]]], 400),
      ("", ["preconditions": ["UID": "nope"]], 400), ("", ["apiVersion": "zzz"], 400), ("", ["dryRun": []], 200),
      ("", ["preconditions": nil, "dryRun": nil], 200),
      ("?propagationPolicy=Orphan", nil, 200), ("", ["kind": "DeleteOptions", "apiVersion": "v1"], 200),
      ("", ["propagationPolicy": "Background", "gracePeriodSeconds": 0], 200),
    ] as [(String, JSONValue?, Int)])
  func nothingIsDeletedWithOptionsThatAreNotValid(query: String, body: JSONValue?, status: Int) async throws {
    try await HTTPTestServer.run { server in
      try await server.create()
      let path = "\(HTTPTestServer.collection)/wrktalk"
      let answer = try await server.send("DELETE", path + query, body)
      #expect(answer.status == status, "\(answer.text)")
      #expect(try await server.send("GET", path).status == (status == 200 ? 404 : 200))
    }
  }

  @Test func aFieldManagerHasAtMost128Characters() async throws {
    try await HTTPTestServer.run { server in
      let manager = String(repeating: "m", count: 129)
      let answer = try await server.send(
        "POST", "\(HTTPTestServer.collection)?fieldManager=\(manager)", HTTPTestServer.deployment("one"))
      #expect(answer.status == 422)
    }
  }
}
