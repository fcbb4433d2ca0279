import DeploymentKinds
import HTTPTransport
import ResourceModel
import ResourceServer
import Testing
import WireFormats

/// Server-side apply, and who manages what, over HTTP.
@Suite struct HTTPApplyTests {
  private static let object = "\(HTTPTestServer.collection)/wrktalk"
  private static let leases = "/apis/coordination.k8s.io/v1/namespaces/wrktalk/leases"
  private static let applyType = "application/apply-patch+yaml"
  private static let merge = "application/merge-patch+json"

  private func apply(
    _ server: HTTPTestServer, _ configuration: JSONValue, by manager: String = "kubectl", path: String = object,
    options: String = "", token: String = "admin"
  ) async throws -> HTTPTestServer.Answer {
    try await server.send(
      "PATCH", "\(path)?fieldManager=\(manager)\(options)", configuration, token: token, contentType: Self.applyType)
  }

  private static func configuration(_ change: (inout JSONValue) -> Void = { _ in }) -> JSONValue {
    var object = HTTPTestServer.deployment("wrktalk")
    change(&object)
    return object
  }

  /// A configuration of these fields of `spec` alone.
  private static func partial(_ spec: JSONValue) -> JSONValue { configuration { $0["spec"] = spec } }

  /// `kubectl Apply`, `agent Update status`.
  private static func managers(_ object: JSONValue) -> [String] {
    (object["metadata"]?["managedFields"]?.array ?? []).map { entry in
      ["manager", "operation", "subresource"].compactMap { entry[$0]?.string }.joined(separator: " ")
    }
  }

  private static func fields(_ object: JSONValue, of manager: String) throws -> [String] {
    let entry = object["metadata"]?["managedFields"]?.array?.first { $0["manager"]?.string == manager }
    return try FieldSet(fieldsV1: entry?["fieldsV1"] ?? [:]).paths()
  }

  @Test func whatIsNotThereIsCreatedAndThenChanged() async throws {
    try await HTTPTestServer.run { server in
      let created = try await apply(server, Self.configuration())
      #expect(created.status == 201, "\(created.text)")
      #expect(created.json["metadata"]?["generation"] == 1)
      #expect(created.json["spec"]?["failurePolicy"] == "RollBack")
      #expect(
        try Self.fields(created.json, of: "kubectl") == [
          ".spec.artifact.path", ".spec.artifact.sha256", ".spec.compose.projectName", ".spec.runtime", ".spec.version",
        ])
      let again = try await apply(server, Self.configuration())
      #expect(again.status == 200)
      #expect(again.json == created.json)
      let changed = try await apply(server, Self.configuration { $0["spec"]?["suspend"] = true })
      #expect(changed.json["metadata"]?["generation"] == 2)
      #expect(changed.json["spec"]?["suspend"] == true)
      let dropped = try await apply(server, Self.configuration())
      #expect(dropped.json["spec"]?["suspend"] == false, "the default comes back")
      #expect(try await server.send("GET", "/api/v1/namespaces/wrktalk").status == 200)
    }
  }

  @Test func aConfigurationMayBeYAML() async throws {
    try await HTTPTestServer.run { server in
      let text = """
        # A comment
        apiVersion: deploy.wrktalk.com/v1
        kind: DesiredDeployment
        metadata: {name: wrktalk, labels: {tier: gold}}
        spec: {rollbackTo: {revision: 3}, runtime: Compose, compose: {projectName: wrktalk}}
        """
      func send(_ text: String) async throws -> HTTPTestServer.Answer {
        var request = server.request(
          "PATCH", "\(Self.object)?fieldManager=curl", [:], contentType: Self.applyType + "; charset=utf-8")
        request.body = .bytes(Array(text.utf8))
        return HTTPTestServer.Answer(try await server.http.send(request))
      }
      let created = try await send(text)
      #expect(created.status == 201, "\(created.text)")
      #expect(created.json["metadata"]?["labels"] == ["tier": "gold"])
      #expect(created.json["spec"]?["rollbackTo"] == ["revision": 3])
      for wrong in ["", "a: [", "a: 1\n---\na: 2", "- a", "{\"a\": 1", "a: 1\na: 2"] {
        let answer = try await send(wrong)
        #expect(answer.status == 400, "\(answer.text)")
      }
    }
  }

  @Test func twoManagersShareAnObjectAndConflict() async throws {
    try await HTTPTestServer.run { server in
      _ = try await apply(server, Self.configuration(), by: "vendor")
      let shared = try await apply(server, Self.partial(["version": "1.0.0", "suspend": true]), by: "customer")
      #expect(shared.status == 200, "\(shared.text)")
      #expect(Self.managers(shared.json) == ["customer Apply", "vendor Apply"])

      let refused = try await apply(server, Self.partial(["version": "2.0.0", "suspend": true]), by: "customer")
      #expect(refused.status == 409)
      #expect(refused.json["reason"] == "Conflict")
      #expect(refused.message == #"Apply failed with 1 conflict: conflict with "vendor": .spec.version"#)
      #expect(
        refused.json["details"]?["causes"] == [
          [
            "reason": "FieldManagerConflict", "message": #"conflict with "vendor""#, "field": ".spec.version",
          ]
        ])
      let forced = try await apply(
        server, Self.partial(["version": "2.0.0", "suspend": true]), by: "customer", options: "&force=true")
      #expect(forced.status == 200)
      #expect(forced.json["spec"]?["version"] == "2.0.0")
      #expect(try !Self.fields(forced.json, of: "vendor").contains(".spec.version"))
      let back = try await apply(server, Self.configuration(), by: "vendor")
      #expect(back.message == #"Apply failed with 1 conflict: conflict with "customer": .spec.version"#)
    }
  }

  @Test func otherWritesAreOfTheirManagersToo() async throws {
    try await HTTPTestServer.run { server in
      let created = try await server.create()
      #expect(Self.managers(created) == ["test Update"])
      #expect(created["metadata"]?["managedFields"]?.array?.first?["time"] == "2027-01-15T08:00:00Z")
      let patched = try await server.send(
        "PATCH", "\(Self.object)?fieldManager=console", ["spec": ["suspend": true]], contentType: Self.merge)
      #expect(try Self.fields(patched.json, of: "console") == [".spec.suspend"])
      var object = patched.json
      object["spec"]?["version"] = "1.1.0"
      let replaced = try await server.send("PUT", "\(Self.object)?fieldManager=editor", object)
      #expect(try Self.fields(replaced.json, of: "editor") == [".spec.version"])
      let reported = try await server.send(
        "PATCH", "\(Self.object)/status?fieldManager=agent", ["status": ["observedGeneration": 1]],
        contentType: Self.merge)
      #expect(Self.managers(reported.json).contains("agent Update status"))
      #expect(try Self.fields(reported.json, of: "agent") == [".status", ".status.observedGeneration"])
      let refused = try await apply(server, Self.configuration { $0["spec"]?["suspend"] = false })
      #expect(
        refused.message == """
          Apply failed with 2 conflicts: conflicts with "console" using deploy.wrktalk.com/v1:
          - .spec.suspend
          conflicts with "editor" using deploy.wrktalk.com/v1:
          - .spec.version
          """)
    }
  }

  @Test(
    arguments: [
      (
        "", [:], 422,
        #"PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch"#
      ),
      ("?fieldManager=" + String(repeating: "m", count: 129), [:], 422, "Too long: may not be more than 128"),
      ("?fieldManager=a%07", [:], 422, "should only contain printable characters"),
      ("?fieldManager=m", [:], 400, "does not say its apiVersion"),
      ("?fieldManager=m", ["apiVersion": "deploy.wrktalk.com/v1"], 400, "does not say its kind"),
      ("?fieldManager=m", configuration { $0["apiVersion"] = "deploy.wrktalk.com/v2" }, 400, "expected API version"),
      ("?fieldManager=m", configuration { $0["kind"] = "Lease" }, 400, "expected kind"),
      (
        "?fieldManager=m", configuration { $0["metadata"]?["name"] = "other" }, 400,
        "does not match the name on the URL"
      ),
      (
        "?fieldManager=m", configuration { $0["metadata"]?["namespace"] = "other" }, 400, "does not match the namespace"
      ),
      (
        "?fieldManager=m", configuration { $0["metadata"]?["managedFields"] = [[:]] }, 400,
        "metadata.managedFields must be nil"
      ),
      ("?fieldManager=m", configuration { $0["spec"]?["sched"] = [:] }, 400, #"unknown field "spec.sched""#),
      (
        "?fieldManager=m&fieldValidation=Ignore", configuration { $0["spec"]?["sched"] = [:] }, 400,
        #"unknown field "spec.sched""#
      ),
      ("?fieldManager=m", configuration { $0["spec"]?["suspend"] = "yes" }, 422, "spec.suspend: Invalid value"),
      ("?fieldManager=m", configuration { $0["metadata"]?["labels"] = ["a": 1] }, 422, "metadata.labels"),
      (
        "?fieldManager=m&force=true", configuration { $0["spec"]?["version"] = "newest" }, 422,
        "spec.version: Invalid value"
      ),
      (
        "?fieldManager=m",
        configuration {
          $0["spec"]?["newNonEssentialEnvs"] = [["key": "A", "value": ""], ["key": "A", "value": ""]]
        }, 422,
        "Duplicate value"
      ),
      ("?fieldManager=m", configuration { $0["metadata"]?["resourceVersion"] = "99999" }, 409, "has been modified"),
      ("?fieldManager=m", configuration { $0["metadata"]?["uid"] = "other" }, 409, "UID in precondition: other"),
      ("?fieldManager=m&dryRun=Some", configuration(), 400, "dryRun must be All"),
    ] as [(String, JSONValue, Int, String)])
  func whatIsWrongIsSaid(query: String, configuration: JSONValue, status: Int, message: String) async throws {
    try await HTTPTestServer.run { server in
      let before = try await server.create()
      let answer = try await server.send("PATCH", Self.object + query, configuration, contentType: Self.applyType)
      #expect(answer.status == status, "\(answer.text)")
      #expect(answer.message.contains(message), "\(answer.message)")
      #expect(try await server.send("GET", Self.object).json == before)
    }
  }

  @Test func aNewObjectMustBeWholeAndUnseen() async throws {
    try await HTTPTestServer.run { server in
      let partial = try await apply(server, Self.partial(["version": "1.0.0"]))
      #expect(partial.status == 422, "\(partial.text)")
      let seen = try await apply(server, Self.configuration { $0["metadata"]?["resourceVersion"] = "7" })
      #expect(seen.status == 409, "\(seen.text)")
      let other = try await apply(server, Self.configuration { $0["metadata"]?["uid"] = "7" })
      #expect(other.status == 409, "\(other.text)")
      let nameless = try await apply(server, Self.configuration { $0["metadata"] = [:] })
      #expect(nameless.status == 400, "\(nameless.text)")
      let status = try await apply(
        server, Self.configuration { $0["status"] = ["observedGeneration": 1] }, path: "\(Self.object)/status")
      #expect(status.status == 404)
      #expect(try await server.send("GET", Self.object).status == 404)
    }
  }

  @Test func forceBelongsToApply() async throws {
    try await HTTPTestServer.run { server in
      try await server.create()
      let answer = try await server.send(
        "PATCH", "\(Self.object)?force=true", ["spec": ["suspend": true]], contentType: Self.merge)
      #expect(answer.status == 422)
      #expect(answer.message.contains("force: Forbidden: may not be specified for non-apply patch"))
    }
  }

  @Test func aDryRunKeepsNothing() async throws {
    try await HTTPTestServer.run { server in
      let dry = try await apply(server, Self.configuration(), options: "&dryRun=All")
      #expect(dry.status == 201, "\(dry.text)")
      #expect(Self.managers(dry.json) == ["kubectl Apply"])
      #expect(try await server.send("GET", Self.object).status == 404)
      let created = try await apply(server, Self.configuration())
      let changed = try await apply(
        server, Self.configuration { $0["spec"]?["suspend"] = true }, options: "&dryRun=All")
      #expect(changed.json["spec"]?["suspend"] == true)
      #expect(try await server.send("GET", Self.object).json == created.json)
    }
  }

  @Test func aVersionOfTheConfigurationMustBeTheNewest() async throws {
    try await HTTPTestServer.run { server in
      let created = try await apply(server, Self.configuration())
      let version = created.json["metadata"]?["resourceVersion"] ?? ""
      let fits = Self.configuration {
        $0["metadata"]?["resourceVersion"] = version
        $0["spec"]?["suspend"] = true
      }
      #expect(try await apply(server, fits).status == 200)
      #expect(try await apply(server, fits).status == 409)
    }
  }

  @Test func theStatusIsAppliedThroughItsPath() async throws {
    try await HTTPTestServer.run { server in
      let created = try await apply(server, Self.configuration())
      let configuration = Self.configuration {
        $0["spec"] = ["suspend": true]
        $0["status"] = ["observedGeneration": 1]
      }
      let main = try await apply(server, Self.configuration { $0["status"] = ["observedGeneration": 9] })
      #expect(main.json == created.json)
      let answer = try await apply(
        server, configuration, by: "agent", path: "\(Self.object)/status", token: "agent")
      #expect(answer.status == 200, "\(answer.text)")
      #expect(answer.json["status"] == ["observedGeneration": 1])
      #expect(answer.json["spec"] == created.json["spec"])
      #expect(Self.managers(answer.json) == ["agent Apply status", "kubectl Apply"])
    }
  }

  @Test func kindsThatAreWrittenAllTheTimeHaveManagersFromTheFirstApplyOn() async throws {
    try await HTTPTestServer.run { server in
      let path = "\(Self.leases)/one"
      try await server.create()
      let lease: JSONValue = ["metadata": ["name": "one"], "spec": ["holderIdentity": "me"]]
      let created = try await server.send("POST", Self.leases, lease)
      #expect(created.json["metadata"]?["managedFields"] == nil)
      let configuration: JSONValue = [
        "apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": ["name": "one"],
        "spec": ["holderIdentity": "you", "leaseDurationSeconds": 15],
      ]
      let refused = try await apply(server, configuration, path: path)
      #expect(refused.message.contains(#"conflict with "before-first-apply" using coordination.k8s.io/v1"#))
      let forced = try await apply(server, configuration, path: path, options: "&force=true")
      #expect(forced.json["spec"]?["holderIdentity"] == "you")
      #expect(Self.managers(forced.json).first == "kubectl Apply")
      let second = try await apply(
        server, configuration.mergePatched(with: ["metadata": ["name": "two"]]), path: "\(Self.leases)/two")
      #expect(second.status == 201, "\(second.text)")
    }
  }

  // MARK: What a request says of managers itself

  /// What `kubectl apply --server-side` sends after an apply to an object that it applied to on its own side before.
  @Test func kubectlHandsItsFieldsOver() async throws {
    try await HTTPTestServer.run { server in
      let created = try await server.send(
        "POST", "\(HTTPTestServer.collection)?fieldManager=kubectl-client-side-apply",
        Self.configuration { $0["spec"]?["suspend"] = true }
      ).json
      var entry = try #require(created["metadata"]?["managedFields"]?.array?.first)
      entry["manager"] = "kubectl"
      entry["operation"] = "Apply"
      let handOver = try await server.send(
        "PATCH", Self.object,
        [
          ["op": "replace", "path": "/metadata/managedFields", "value": [entry]],
          [
            "op": "replace", "path": "/metadata/resourceVersion",
            "value": created["metadata"]?["resourceVersion"] ?? "",
          ],
        ], contentType: "application/json-patch+json")
      #expect(handOver.status == 200, "\(handOver.text)")
      #expect(Self.managers(handOver.json) == ["kubectl Apply"])
      #expect(handOver.json["metadata"]?["generation"] == 1)
      let applied = try await apply(server, Self.configuration())
      #expect(applied.json["spec"]?["suspend"] == false, "what is not applied any more is removed")
    }
  }

  @Test func managersAreClearedByOneEmptyEntry() async throws {
    try await HTTPTestServer.run { server in
      let created = try await server.create()
      let kept = try await server.send(
        "PATCH", Self.object, ["metadata": ["managedFields": .null]], contentType: Self.merge)
      #expect(kept.json == created)
      let cleared = try await server.send(
        "PATCH", Self.object, ["metadata": ["managedFields": [[:]]]], contentType: Self.merge)
      #expect(cleared.json["metadata"]?["managedFields"] == nil)
      let wrong = try await server.send(
        "PATCH", Self.object, ["metadata": ["managedFields": "text"]], contentType: Self.merge)
      #expect(wrong.status == 422)
    }
  }

  // MARK: Rights

  @Test func whoMayChangeFinalizersAloneOwnsNothingElse() async throws {
    try await HTTPTestServer.run { server in
      let created = try await server.create()
      let finalizers: JSONValue = Self.configuration {
        $0["spec"] = nil
        $0["metadata"]?["finalizers"] = ["example.com/kept"]
      }
      for configuration in [Self.configuration(), finalizers] {
        let answer = try await apply(server, configuration, by: "test", token: "agent")
        #expect(answer.status == 403, "\(answer.text)")
      }
      for managedFields in [[[:]], [["manager": "m", "operation": "Apply"]]] as [JSONValue] {
        let answer = try await server.send(
          "PATCH", "\(Self.object)?fieldManager=agent",
          ["metadata": ["managedFields": managedFields, "finalizers": ["example.com/kept"]]], token: "agent",
          contentType: Self.merge)
        #expect(answer.status == 200, "\(answer.text)")
        #expect(Self.managers(answer.json) == ["agent Update", "test Update"])
        #expect(
          try Self.fields(answer.json, of: "agent") == [
            ".metadata.finalizers", #".metadata.finalizers[="example.com/kept"]"#,
          ])
        #expect(try Self.fields(answer.json, of: "test") == Self.fields(created, of: "test"))
      }
      let throughStatus = try await server.send(
        "PATCH", "\(Self.object)/status", ["metadata": ["managedFields": [[:]]], "status": ["observedGeneration": 1]],
        token: "agent", contentType: Self.merge)
      #expect(Self.managers(throughStatus.json).contains("test Update"))
    }
  }

  @Test func applyIsForThoseWhoMayWrite() async throws {
    try await HTTPTestServer.run { server in
      #expect(try await apply(server, Self.configuration(), token: "viewer").status == 403)
      #expect(try await apply(server, Self.configuration(), token: "agent").status == 403)
      try await server.create()
      let path = "/apis/coordination.k8s.io/v1/namespaces/shop/leases"
      let lease: JSONValue = [
        "apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": ["name": "other"], "spec": [:],
      ]
      #expect(try await apply(server, lease, path: "\(path)/other", token: "agent-of-shop").status == 403)
      let own = lease.mergePatched(with: ["metadata": ["name": "shop-agent"]])
      #expect(try await apply(server, own, path: "\(path)/other", token: "agent-of-shop").status == 403)
      let answer = try await apply(server, own, path: "\(path)/shop-agent", token: "agent-of-shop")
      #expect(answer.status == 201, "\(answer.text)")
    }
  }
}
