import HTTPTransport
import ResourceModel
import ResourceServer
import Testing
import WireFormats

/// An Agent may change the finalizers of a deployment and nothing else of it.
@Suite struct HTTPFinalizerTests {
  private static let object = "\(HTTPTestServer.collection)/wrktalk"
  private static let merge = "application/merge-patch+json"
  private static let finalizer = "deploy.wrktalk.com/uninstall"

  private func patch(_ server: HTTPTestServer, _ body: JSONValue, token: String = "agent") async throws
    -> HTTPTestServer.Answer
  {
    try await server.send("PATCH", Self.object, body, token: token, contentType: Self.merge)
  }

  @Test func anAgentSetsAndRemovesItsFinalizer() async throws {
    try await HTTPTestServer.run { server in
      let created = try await server.create()
      let set = try await patch(
        server,
        [
          "metadata": [
            "finalizers": [.string(Self.finalizer)], "resourceVersion": created["metadata"]?["resourceVersion"] ?? "",
          ]
        ])
      #expect(set.status == 200, "\(set.text)")
      #expect(set.json["metadata"]?["finalizers"] == [.string(Self.finalizer)])
      #expect(set.json["metadata"]?["generation"] == 1)
      let stale = try await patch(
        server,
        ["metadata": ["finalizers": [], "resourceVersion": created["metadata"]?["resourceVersion"] ?? ""]])
      #expect(stale.status == 409)
      _ = try await server.send("DELETE", Self.object)
      #expect(try await server.send("GET", Self.object).status == 200)
      let freed = try await patch(server, ["metadata": ["finalizers": []]])
      #expect(freed.status == 200, "\(freed.text)")
      #expect(freed.json["kind"] == "DesiredDeployment")
      #expect(try await server.send("GET", Self.object).status == 404)
    }
  }

  @Test func theWholeObjectMayBeSentBackWithOtherFinalizers() async throws {
    try await HTTPTestServer.run { server in
      var object = try await server.create()
      object["metadata"]?["finalizers"] = [.string(Self.finalizer)]
      object["status"] = ["observedGeneration": 9]
      let answer = try await server.send("PUT", Self.object, object, token: "agent")
      #expect(answer.status == 200, "\(answer.text)")
      #expect(answer.json["metadata"]?["finalizers"] == [.string(Self.finalizer)])
      #expect(answer.json["status"] == nil)
    }
  }

  @Test(
    arguments: [
      (["spec": ["suspend": true]], "spec.suspend"),
      (["spec": ["suspend": true], "metadata": ["finalizers": ["example.com/a"]]], "spec.suspend"),
      (["metadata": ["labels": ["a": "b"]]], "metadata.labels.a"),
      (["metadata": ["labels": ["kept": .null]]], "metadata.labels.kept"),
      (["metadata": ["annotations": ["a": "b"], "finalizers": ["example.com/a"]]], "metadata.annotations.a"),
      (
        ["metadata": ["annotations": ["a": "b"], "labels": ["a": "b"]], "spec": ["version": "2.0.0"]],
        "metadata.annotations.a, metadata.labels.a, spec.version"
      ),
    ] as [(JSONValue, String)])
  func whatElseItChangesIsForbidden(body: JSONValue, fields: String) async throws {
    try await HTTPTestServer.run { server in
      let before = try await server.create { $0["metadata"]?["labels"] = ["kept": "yes"] }
      let answer = try await patch(server, body)
      #expect(answer.status == 403)
      #expect(answer.json["reason"] == "Forbidden")
      #expect(
        answer.message.contains(
          "User \"the-agent\" (role agent) cannot patch resource \"desireddeployments\" in API group"))
      #expect(
        answer.message.hasSuffix("it may change metadata.finalizers only, and this request changes \(fields)"),
        "\(answer.message)")
      #expect(try await server.send("GET", Self.object).json == before)
    }
  }

  @Test func aDeletedObjectIsNotChangedOnItsWayOut() async throws {
    try await HTTPTestServer.run { server in
      try await server.create { $0["metadata"]?["finalizers"] = [.string(Self.finalizer)] }
      _ = try await server.send("DELETE", Self.object)
      let answer = try await patch(server, ["metadata": ["finalizers": []], "spec": ["suspend": true]])
      #expect(answer.status == 403)
      #expect(try await server.send("GET", Self.object).status == 200)
    }
  }

  @Test func aPatchThatChangesNothingIsNoOffence() async throws {
    try await HTTPTestServer.run { server in
      try await server.create()
      #expect(try await patch(server, ["spec": ["suspend": false]]).status == 200)
      #expect(try await patch(server, ["metadata": ["finalizers": []]], token: "viewer").status == 403)
      #expect(try await server.send("DELETE", Self.object, token: "agent").status == 403)
    }
  }
}
