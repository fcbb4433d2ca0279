import DeploymentKinds
import HTTPTransport
import ResourceModel
import ResourceServer
import ResourceStorage
import TestSupport
import Testing
import WireFormats

@Suite struct HTTPListTests {
  static let table = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"

  @Test func aListShowsItsVersionAndEveryObject() async throws {
    try await HTTPTestServer.run { server in
      for name in ["b", "a"] { try await server.create(name) }
      let list = try await server.send("GET", "/apis/deploy.wrktalk.com/v1/desireddeployments").json
      #expect(list["kind"] == "DesiredDeploymentList")
      #expect(list["apiVersion"] == "deploy.wrktalk.com/v1")
      #expect(list["metadata"] == ["resourceVersion": "4"])
      #expect(list["items"]?.array?.compactMap { $0["metadata"]?["name"]?.string } == ["a", "b"])
      let elsewhere = try await server.send("GET", "/apis/deploy.wrktalk.com/v1/namespaces/x/desireddeployments")
      #expect(elsewhere.json["items"] == [])
    }
  }

  @Test func aListComesInPagesWhereAskedFor() async throws {
    try await HTTPTestServer.run { server in
      for name in ["a", "b", "c"] { try await server.create(name) }
      let first = try await server.send("GET", "\(HTTPTestServer.collection)?limit=2").json
      #expect(first["items"]?.array?.count == 2)
      #expect(first["metadata"]?["remainingItemCount"] == 1)
      let token = try #require(first["metadata"]?["continue"]?.string)
      let second = try await server.send("GET", "\(HTTPTestServer.collection)?limit=2&continue=\(token)").json
      #expect(second["items"]?.array?.count == 1)
      #expect(second["metadata"]?["continue"] == nil)
    }
  }

  @Test func aListOfManyPagesArrivesWhole() async throws {
    try await HTTPTestServer.run { server in
      for number in 0..<1203 {
        var object = HTTPTestServer.deployment("d\(number)")
        object["metadata"]?["namespace"] = "wrktalk"
        _ = try await server.store.write(DesiredDeploymentKind.definition, .create(object: object))
      }
      let all = try await server.send("GET", HTTPTestServer.collection).json
      #expect(Set(all["items"]?.array?.compactMap { $0["metadata"]?["name"]?.string } ?? []).count == 1203)
      let limited = try await server.send("GET", "\(HTTPTestServer.collection)?limit=1100").json
      #expect(limited["items"]?.array?.count == 1100)
      #expect(limited["metadata"]?["remainingItemCount"] == 103)
      let rows = try await server.send("GET", HTTPTestServer.collection, accept: Self.table).json
      #expect(rows["rows"]?.array?.count == 1203)
    }
  }

  @Test(arguments: [2, 40, 700])
  func aLargeListIsCompressedForWhoCanUnpackIt(_ count: Int) async throws {
    try await HTTPTestServer.run { server in
      try await server.fill(count: count, bytes: 5000)
      let plain = try await server.http.send(server.request("GET", HTTPTestServer.collection))
      #expect(plain.headers["content-encoding"] == nil)
      for refusal in ["deflate, br", "gzip;q=0", ""] {
        let answer = try await server.http.send(
          server.request("GET", HTTPTestServer.collection, acceptEncoding: refusal))
        #expect(answer.headers["content-encoding"] == nil && answer.body == plain.body)
      }
      let packed = try await server.http.send(
        server.request("GET", HTTPTestServer.collection, acceptEncoding: "deflate;q=0.5, gzip"))
      guard count > 2 else {
        #expect(packed.headers["content-encoding"] == nil)
        return
      }
      #expect(packed.headers["content-encoding"] == "gzip" && packed.headers["vary"] == "Accept-Encoding")
      #expect(packed.body.count < plain.body.count / 10)
      #expect(try await Gunzip.unpacked(packed.body) == plain.body)
    }
  }

  @Test func kubectlGetsRowsAndColumns() async throws {
    try await HTTPTestServer.run { server in
      try await server.create()
      let list = try await server.send("GET", HTTPTestServer.collection, accept: Self.table).json
      #expect(list["kind"] == "Table")
      let names = list["columnDefinitions"]?.array?.filter { $0["priority"] == 0 }.compactMap { $0["name"]?.string }
      #expect(names?.map { $0.uppercased() } == ["NAME", "READY", "STATUS", "DESIRED", "CURRENT", "AGE"])
      #expect(list["rows"]?.array?.first?["cells"]?.array?.first == "wrktalk")
      #expect(list["rows"]?.array?.first?["object"]?["kind"] == "PartialObjectMetadata")
      let one = try await server.send("GET", "\(HTTPTestServer.collection)/wrktalk", accept: Self.table).json
      #expect(one["rows"]?.array?.count == 1)
    }
  }

  @Test(arguments: [
    ("labelSelector=tier%3Dprod", ["a"]), ("labelSelector=tier", ["a", "b"]), ("labelSelector=!tier", ["c"]),
    ("labelSelector=tier+in+(prod,test)", ["a", "b"]), ("fieldSelector=metadata.name%3Db", ["b"]),
    ("fieldSelector=metadata.name!%3Db&labelSelector=tier", ["a"]),
  ])
  func selectorsChoose(query: String, names: [String]) async throws {
    try await HTTPTestServer.run { server in
      try await server.create("a") { $0["metadata"]?["labels"] = ["tier": "prod"] }
      try await server.create("b") { $0["metadata"]?["labels"] = ["tier": "test"] }
      try await server.create("c")
      let list = try await server.send("GET", "\(HTTPTestServer.collection)?\(query)").json
      #expect(list["items"]?.array?.compactMap { $0["metadata"]?["name"]?.string } == names)
    }
  }

  @Test(arguments: [
    ("labelSelector=a%20b%20c", 400), ("fieldSelector=spec.x%3D1", 400), ("limit=-1", 400), ("limit=x", 400),
    ("resourceVersion=x", 400), ("resourceVersion=999", 504), ("resourceVersion=1&resourceVersionMatch=Exact", 410),
    ("resourceVersionMatch=Never", 422), ("resourceVersion=1&resourceVersionMatch=Never", 422),
    ("resourceVersionMatch=Exact", 422), ("resourceVersion=0&resourceVersionMatch=Exact", 422),
    ("sendInitialEvents=true", 422), ("watch=1&sendInitialEvents=true", 422),
    ("watch=1&resourceVersionMatch=NotOlderThan", 422), ("continue=1&resourceVersion=2", 400),
    ("continue=1&resourceVersion=2&resourceVersionMatch=NotOlderThan", 422), ("a=%zz", 400), ("resourceVersion=0", 200),
    ("resourceVersion=2", 200),
  ])
  func optionsThatCannotBeMetAreRefused(query: String, status: Int) async throws {
    try await HTTPTestServer.run { server in
      try await server.create()
      #expect(try await server.send("GET", "\(HTTPTestServer.collection)?\(query)").status == status)
    }
  }
}
