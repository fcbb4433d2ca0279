import CoreKinds
import DeploymentKinds
import HTTPTransport
import ResourceModel
import ResourceStorage
import Testing
import WireFormats

@testable import ResourceServer

@Suite struct HTTPDepthTests {
  static let events = "/api/v1/namespaces/wrktalk/events"

  private static func nested(_ depth: Int) -> JSONValue { (0..<depth).reduce(.null) { value, _ in [value] } }

  static func event(_ name: String, _ owners: JSONValue = []) -> JSONValue {
    [
      "apiVersion": "v1", "kind": "Event",
      "metadata": ["name": .string(name), "namespace": "wrktalk", "ownerReferences": owners],
      "involvedObject": ["kind": "DesiredDeployment", "name": "wrktalk", "namespace": "wrktalk"], "type": "Normal",
      "reason": "Deployed", "message": "It runs.",
    ]
  }

  /// 16 operations of a few bytes would nest 100,000 levels deep.
  @Test(arguments: ["", "?dryRun=All"]) func aPatchThatDoublesTheDepthIsRefused(query: String) async throws {
    try await HTTPTestServer.run { server in
      try await server.create()
      #expect(try await server.send("POST", Self.events, Self.event("a"), token: "agent").status == 201)
      var operations: [JSONValue] = [["op": "add", "path": "/x", "value": [[]]]]
      for step in 0..<16 {
        operations.append([
          "op": "copy", "from": "/x", "path": .string("/x" + String(repeating: "/0", count: 1 << step)),
        ])
      }
      let answer = try await server.send(
        "PATCH", "\(Self.events)/a\(query)", .array(operations), token: "agent",
        contentType: "application/json-patch+json")
      #expect(answer.status == 422)
      #expect(answer.message.contains("operation 7: "), "\(answer.message)")
      #expect(try await server.send("GET", "\(Self.events)/a").status == 200)
    }
  }

  @Test(arguments: ["POST", "PUT", "PATCH"]) func tooDeepABodyNamesTheField(method: String) async throws {
    try await HTTPTestServer.run { server in
      if method != "POST" { _ = try await server.send("POST", Self.events, Self.event("a")) }
      var body = Self.event("a")
      body["metadata"]?["annotations"] = ["deep": Self.nested(110)]
      let answer = try await server.send(
        method, method == "POST" ? Self.events : "\(Self.events)/a", body,
        contentType: method == "PATCH" ? "application/merge-patch+json" : nil)
      #expect(answer.status == 422)
      #expect(
        answer.message.contains("metadata.annotations.deep[0][0][0]…: Invalid value: nested more than 100 levels"))
    }
  }

  @Test(arguments: [(210_000, 422, "more than 200000 values"), (260_000, 400, "more than 250000 values")])
  func tooManyValuesAreRefused(count: Int, status: Int, message: String) async throws {
    try await HTTPTestServer.run { server in
      var body = HTTPTestServer.deployment("a")
      body["metadata"]?["annotations"] = ["many": .array(Array(repeating: 1, count: count))]
      let answer = try await server.send("POST", HTTPTestServer.collection, body)
      #expect(answer.status == status)
      #expect(answer.message.contains(message))
    }
  }

  @Test(
    arguments: [
      [["name": "only"]],
      .array((0..<65).map { ["apiVersion": "v1", "kind": "Pod", "name": "a", "uid": .string("u\($0)")] }),
      [["apiVersion": "v1", "kind": "Pod", "name": "a", "uid": [[]]]], [["apiVersion": "v1", "kind": 7]],
    ] as [JSONValue])
  func ownerReferencesHaveASchema(owners: JSONValue) async throws {
    try await HTTPTestServer.run { server in
      let answer = try await server.send("POST", Self.events, Self.event("a", owners))
      #expect(answer.status == 422)
      #expect(answer.message.contains("metadata.ownerReferences"))
    }
  }

  /// What a former version stored: 200 levels were accepted.
  @Test func aStoredObjectThatIsTooDeepCanBeReadMendedAndDeleted() async throws {
    try await HTTPTestServer.run { server in
      for (name, depth) in [("a", 200), ("b", 200), ("c", 1000)] {
        _ = try await server.store.write(
          Event.definition,
          .create(object: Self.event(name, Self.nested(depth))))
      }
      #expect(try await server.send("GET", "\(Self.events)/a").status == 200)
      #expect(try await server.send("GET", Self.events).status == 200)
      #expect(try await server.send("GET", Self.events, accept: HTTPListTests.table).status == 200)
      let mended = try await server.send(
        "PATCH", "\(Self.events)/a", ["metadata": ["ownerReferences": nil]],
        contentType: "application/merge-patch+json")
      #expect(mended.status == 200, "\(mended.text)")
      #expect(try await server.send("DELETE", "\(Self.events)/b").status == 200)
      #expect(try await server.send("DELETE", Self.events).status == 200)
      #expect(try await server.send("GET", Self.events).json["items"] == [])
    }
  }
}
