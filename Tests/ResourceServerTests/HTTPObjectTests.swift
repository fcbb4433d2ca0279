import CoreKinds
import DeploymentKinds
import HTTPTransport
import ResourceModel
import ResourceServer
import Testing
import WireFormats

@Suite struct HTTPObjectTests {
  static let object = "\(HTTPTestServer.collection)/wrktalk"
  static let merge = "application/merge-patch+json"

  @Test func anObjectIsCreatedReadChangedAndDeleted() async throws {
    try await HTTPTestServer.run { server in
      let created = try await server.send("POST", HTTPTestServer.collection, HTTPTestServer.deployment("wrktalk"))
      #expect(created.status == 201)
      #expect(created.json["metadata"]?["creationTimestamp"] == "2027-01-15T08:00:00Z")
      #expect(try await server.send("GET", Self.object).json == created.json)

      var wanted = created.json
      wanted["spec"]?["suspend"] = true
      let replaced = try await server.send("PUT", Self.object, wanted)
      #expect(replaced.status == 200)
      #expect(replaced.json["metadata"]?["generation"] == 2)

      let again = try await server.send("PUT", Self.object, wanted)
      #expect(again.status == 409)
      #expect(again.json["reason"] == "Conflict")

      let deleted = try await server.send("DELETE", Self.object, ["propagationPolicy": "Background"])
      #expect(deleted.json["status"] == "Success")
      #expect(deleted.json["details"]?["uid"] == "uid-1")
      #expect(try await server.send("GET", Self.object).status == 404)
    }
  }

  @Test func aWriteThatChangesNothingKeepsTheVersion() async throws {
    try await HTTPTestServer.run { server in
      let created = try await server.create()
      let patched = try await server.send(
        "PATCH", Self.object, ["spec": ["failurePolicy": "RollBack"]], contentType: Self.merge)
      #expect(patched.json["metadata"]?["resourceVersion"] == created["metadata"]?["resourceVersion"])
    }
  }

  @Test(
    arguments: [
      (Self.merge, ["spec": ["suspend": true]], 200, ""),
      ("application/json-patch+json", [["op": "add", "path": "/spec/suspend", "value": true]], 200, ""),
      ("application/json-patch+json", [["op": "test", "path": "/spec/suspend", "value": true]], 422, "test failed"),
      ("application/json-patch+json", ["op": "add"], 400, "array"),
      (Self.merge, [1], 400, "must be an object"),
      (Self.merge, ["metadata": ["resourceVersion": "1"], "spec": ["suspend": true]], 409, "has been modified"),
      ("application/strategic-merge-patch+json", [:], 415, "application/merge-patch+json"),
      ("text/plain", [:], 415, "application/json-patch+json"),
      ("text/plain", [:], 415, "application/apply-patch+yaml"),
      ("application/apply-patch+cbor", [:], 415, "application/apply-patch+yaml"),
    ] as [(String, JSONValue, Int, String)])
  func patchesAreAppliedOrRefusedClearly(type: String, patch: JSONValue, status: Int, message: String) async throws {
    try await HTTPTestServer.run { server in
      try await server.create()
      let answer = try await server.send("PATCH", Self.object, patch, contentType: type)
      #expect(answer.status == status, "\(answer.text)")
      #expect(answer.message.contains(message) || message.isEmpty, "\(answer.message)")
      if status == 200 { #expect(answer.json["spec"]?["suspend"] == true) }
    }
  }

  @Test func statusIsWrittenThroughItsOwnPathOnly() async throws {
    try await HTTPTestServer.run { server in
      try await server.create()
      let status: JSONValue = ["status": ["observedGeneration": 1], "spec": ["suspend": true]]
      let main = try await server.send("PATCH", Self.object, status, contentType: Self.merge)
      #expect(main.json["status"] == nil)
      #expect(main.json["spec"]?["suspend"] == true)
      let path = "\(Self.object)/status"
      let patched = try await server.send(
        "PATCH", path, ["status": ["observedGeneration": 2], "spec": ["suspend": false]], token: "agent",
        contentType: Self.merge)
      #expect(patched.status == 200)
      #expect(patched.json["status"]?["observedGeneration"] == 2)
      #expect(patched.json["spec"]?["suspend"] == true)
      #expect(patched.json["metadata"]?["generation"] == 2)
      #expect(try await server.send("GET", path).json == patched.json)
    }
  }

  @Test func aDryRunAnswersAsIfAndStoresNothing() async throws {
    try await HTTPTestServer.run { server in
      let object = HTTPTestServer.deployment("wrktalk")
      let tried = try await server.send("POST", "\(HTTPTestServer.collection)?dryRun=All", object)
      #expect(tried.status == 201)
      #expect(tried.json["spec"]?["drift"] == "Correct")
      #expect(try await server.send("GET", Self.object).status == 404)
      let created = try await server.create()
      #expect(try await server.send("POST", "\(HTTPTestServer.collection)?dryRun=All", object).status == 409)
      let patched = try await server.send(
        "PATCH", "\(Self.object)?dryRun=All", ["spec": ["suspend": true]], contentType: Self.merge)
      #expect(patched.json["spec"]?["suspend"] == true)
      #expect(patched.json["metadata"]?["generation"] == 2)
      _ = try await server.send("DELETE", "\(Self.object)?dryRun=All")
      #expect(try await server.send("GET", Self.object).json == created)
    }
  }

  @Test func aDryRunRefusesAnObjectThatIsTooLarge() async throws {
    try await HTTPTestServer.run { server in
      let leases = "/apis/coordination.k8s.io/v1/namespaces/wrktalk/leases"
      let text = JSONValue.string(String(repeating: "x", count: LeaseKind.definition.limits.objectBytes))
      var lease: JSONValue = [
        "apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": ["name": "one"], "spec": [:],
      ]
      #expect(try await server.send("POST", leases, lease).status == 201)
      let patched = try await server.send(
        "PATCH", "\(leases)/one?dryRun=All", ["metadata": ["annotations": ["a": text]]], contentType: Self.merge)
      #expect(patched.status == 413 && patched.json["reason"] == "RequestEntityTooLarge", "\(patched.text)")
      lease["metadata"] = ["name": "two", "annotations": ["a": text]]
      let created = try await server.send("POST", "\(leases)?dryRun=All", lease)
      #expect(created.status == 413 && created.message.contains("the object is too large"), "\(created.text)")
    }
  }

  @Test func unknownFieldsAreHandledAsAskedFor() async throws {
    try await HTTPTestServer.run { server in
      var object = HTTPTestServer.deployment("wrktalk")
      object["spec"]?["nope"] = 1
      let path = HTTPTestServer.collection
      let strict = try await server.send("POST", "\(path)?fieldValidation=Strict", object)
      #expect(strict.status == 400)
      #expect(strict.message.contains("unknown field \"spec.nope\""))
      let ignored = try await server.send("POST", "\(path)?fieldValidation=Ignore&dryRun=All", object)
      #expect(ignored.headers["Warning"] == nil)
      let warned = try await server.send("POST", path, object)
      #expect(warned.status == 201)
      #expect(warned.headers["Warning"] == "299 - \"unknown field \\\"spec.nope\\\"\"")
      #expect(warned.json["spec"]?["nope"] == nil)
    }
  }

  @Test func wrongFieldsAreNamedWithTheirCauses() async throws {
    try await HTTPTestServer.run { server in
      var object = HTTPTestServer.deployment("wrktalk")
      object["spec"]?["version"] = "x"
      object["spec"]?["artifact"]?["sha256"] = "short"
      let answer = try await server.send("POST", HTTPTestServer.collection, object)
      #expect(answer.status == 422)
      let fields = answer.json["details"]?["causes"]?.array?.compactMap { $0["field"]?.string }
      #expect(fields.map(Set.init)?.isSubset(of: ["spec.version", "spec.artifact.sha256"]) == true)
      #expect(answer.json["details"]?["name"] == "wrktalk")
    }
  }

  @Test func finalizersKeepADeletedObjectUntilTheyAreGone() async throws {
    try await HTTPTestServer.run { server in
      try await server.create { $0["metadata"]?["finalizers"] = ["example.com/one"] }
      let marked = try await server.send("DELETE", Self.object)
      #expect(marked.json["metadata"]?["deletionTimestamp"] == "2027-01-15T08:00:00Z")
      #expect(try await server.send("GET", Self.object).status == 200)
      _ = try await server.send("PATCH", Self.object, ["metadata": ["finalizers": .null]], contentType: Self.merge)
      #expect(try await server.send("GET", Self.object).status == 404)
    }
  }

  @Test func deletionKeepsToItsPreconditions() async throws {
    try await HTTPTestServer.run { server in
      try await server.create()
      let refused = try await server.send("DELETE", Self.object, ["preconditions": ["uid": "other"]])
      #expect(refused.status == 409)
      #expect(try await server.send("DELETE", Self.object, ["preconditions": ["uid": "uid-1"]]).status == 200)
    }
  }

  @Test func aCollectionIsDeletedBySelector() async throws {
    try await HTTPTestServer.run { server in
      for name in ["a", "b", "c"] {
        try await server.create(name) { $0["metadata"]?["labels"] = ["keep": name == "b" ? "yes" : "no"] }
      }
      #expect(try await server.send("DELETE", "\(HTTPTestServer.collection)?labelSelector=keep%3Dno").status == 200)
      let list = try await server.send("GET", HTTPTestServer.collection)
      #expect(list.json["items"]?.array?.count == 1)
    }
  }

  @Test func manyPatchesAtOnceAllCount() async throws {
    try await HTTPTestServer.run { server in
      try await server.create()
      try await withThrowingTaskGroup(of: Int.self) { group in
        for number in 0..<6 {
          group.addTask {
            try await server.send(
              "PATCH", Self.object, ["metadata": ["labels": ["n\(number)": "x"]]], contentType: Self.merge
            ).status
          }
        }
        for try await status in group { #expect(status == 200) }
      }
      let labels = try await server.send("GET", Self.object).json["metadata"]?["labels"]?.object
      #expect(labels?.count == 6)
    }
  }
}
