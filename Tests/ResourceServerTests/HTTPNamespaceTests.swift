import HTTPTransport
import ResourceModel
import Testing
import WireFormats

@testable import ResourceServer

/// Namespaces are there once somebody uses or creates them, and go only when nothing of worth is in them.
@Suite struct HTTPNamespaceTests {
  private static let namespaces = "/api/v1/namespaces"

  private func names(_ server: HTTPTestServer) async throws -> [String] {
    try await server.send("GET", Self.namespaces, token: "viewer").json["items"]?.array?
      .compactMap { $0["metadata"]?["name"]?.string } ?? []
  }

  @Test func theFirstObjectMakesItsNamespace() async throws {
    try await HTTPTestServer.run { server in
      #expect(try await names(server) == [])
      #expect(try await server.send("GET", "\(Self.namespaces)/wrktalk").status == 404)
      try await server.create("one")
      try await server.create("two")
      #expect(try await names(server) == ["wrktalk"])
      let namespace = try await server.send("GET", "\(Self.namespaces)/wrktalk", token: "agent").json
      #expect(namespace["kind"] == "Namespace")
      #expect(namespace["status"]?["phase"] == "Active")
      #expect(namespace["metadata"]?["namespace"] == nil)
      #expect(namespace["metadata"]?["generation"] == nil)
    }
  }

  @Test func namespacesAreDiscoveredAndWatched() async throws {
    try await HTTPTestServer.run { server in
      let resources = try await server.send("GET", "/api/v1").json["resources"]?.array ?? []
      let resource = resources.first { $0["name"] == "namespaces" }
      #expect(resource?["namespaced"] == false)
      #expect(resource?["shortNames"] == ["ns"])
      #expect(resource?["verbs"]?.array?.contains("watch") == true)
      #expect(resource?["verbs"]?.array?.contains("deletecollection") == false)
      let version = try await server.send("GET", Self.namespaces).json["metadata"]?["resourceVersion"]?.string ?? ""
      var watch = try await server.watch("\(Self.namespaces)?watch=1&resourceVersion=\(version)")
      _ = try await server.send("POST", Self.namespaces, ["metadata": ["name": "made"]])
      #expect(try await watch.nextSummary() == "ADDED made")
      try await server.create()
      #expect(try await watch.nextSummary() == "ADDED wrktalk")
    }
  }

  @Test(
    arguments: [
      ("POST", "", ["metadata": ["name": "made"]], "admin", 201),
      ("POST", "", ["metadata": ["name": "made", "labels": ["a": "b"]]], "agent", 403),
      ("POST", "", ["metadata": ["name": "wrktalk"]], "admin", 409),
      ("POST", "", ["metadata": ["name": "with.dot"]], "admin", 422),
      ("PATCH", "/wrktalk", ["metadata": ["labels": ["a": "b"]]], "admin", 200),
      ("PATCH", "/wrktalk", ["metadata": ["labels": ["a": "b"]]], "agent", 403),
      ("DELETE", "/wrktalk", nil, "viewer", 403), ("DELETE", "/wrktalk", nil, "agent", 403),
      ("GET", "/wrktalk/namespaces", nil, "admin", 404), ("GET", "/wrktalk/namespaces/a", nil, "admin", 404),
    ] as [(String, String, JSONValue?, String, Int)])
  func whoMayDoWhat(method: String, path: String, body: JSONValue?, token: String, status: Int) async throws {
    try await HTTPTestServer.run { server in
      try await server.create()
      let type = method == "PATCH" ? "application/strategic-merge-patch+json" : nil
      let answer = try await server.send(method, Self.namespaces + path, body, token: token, contentType: type)
      #expect(answer.status == status, "\(answer.text)")
    }
  }

  @Test func aNamespaceWithADeploymentIsNotDeleted() async throws {
    try await HTTPTestServer.run { server in
      try await server.create("one")
      try await server.create("two")
      let refused = try await server.send("DELETE", "\(Self.namespaces)/wrktalk")
      #expect(refused.status == 409)
      #expect(
        refused.message
          == "the namespace \"wrktalk\" is not deleted, since 2 desireddeployments.deploy.wrktalk.com are in it "
          + "(\"one\"): delete what is in it first")
      #expect(try await names(server) == ["wrktalk"])
      #expect(try await server.send("GET", "\(HTTPTestServer.collection)/one").status == 200)
    }
  }

  @Test func eventsAndLeasesGoWithTheirNamespace() async throws {
    try await HTTPTestServer.run { server in
      let leases = "/apis/coordination.k8s.io/v1/namespaces/wrktalk/leases"
      let events = "/api/v1/namespaces/wrktalk/events"
      _ = try await server.send("POST", leases, ["metadata": ["name": "one"], "spec": [:]], token: "agent")
      _ = try await server.send("POST", events, ["metadata": ["name": "e"], "involvedObject": [:]], token: "agent")
      #expect(try await names(server) == ["wrktalk"])
      #expect(try await server.send("DELETE", "\(Self.namespaces)/wrktalk?dryRun=All").status == 200)
      #expect(try await server.send("GET", "\(leases)/one").status == 200)
      #expect(try await server.send("DELETE", "\(Self.namespaces)/wrktalk").status == 200)
      #expect(try await names(server) == [])
      #expect(try await server.send("GET", "\(leases)/one").status == 404)
      #expect(try await server.send("GET", "\(events)/e").status == 404)
    }
  }

  @Test func whatHoldsALeaseBringsItsNamespaceBack() async throws {
    try await HTTPTestServer.run { server in
      let leases = "/apis/coordination.k8s.io/v1/namespaces/wrktalk/leases"
      _ = try await server.send(
        "POST", leases, ["metadata": ["name": "one", "finalizers": ["example.com/a"]], "spec": [:]])
      #expect(try await server.send("DELETE", "\(Self.namespaces)/wrktalk").status == 200)
      #expect(try await names(server) == ["wrktalk"])
      #expect(
        try await server.send("GET", "\(leases)/one").json["metadata"]?["deletionTimestamp"] != nil)
    }
  }

  @Test func kubectlCreatesANamespaceInProtobuf() async throws {
    try await HTTPTestServer.run { server in
      var object = ProtobufWriter()
      object.message(1) { metadata in
        metadata.text(1, "made")
        metadata.message(11) { label in
          label.text(1, "a")
          label.text(2, "b")
        }
      }
      var envelope = ProtobufWriter()
      envelope.message(1) { type in
        type.text(1, "v1")
        type.text(2, "Namespace")
      }
      envelope.message(2) { $0 = object }
      var request = server.request("POST", Self.namespaces, contentType: "application/vnd.kubernetes.protobuf")
      request.body = .bytes([0x6B, 0x38, 0x73, 0x00] + envelope.bytes)
      let answer = HTTPTestServer.Answer(try await server.http.send(request))
      #expect(answer.status == 201, "\(answer.text)")
      #expect(answer.json["metadata"]?["labels"] == ["a": "b"])
      request.body = .bytes([1, 2, 3])
      let wrong = try await server.http.send(request)
      #expect(wrong.status == 400)
    }
  }

  @Test func namespacesOfAnEarlierDatabaseAreMade() async throws {
    try await HTTPTestServer.run { server in
      try await server.api.makeNamespaces(["a", "b"])
      try await server.api.makeNamespaces(["b", "c"])
      #expect(try await names(server) == ["a", "b", "c"])
    }
  }
}
