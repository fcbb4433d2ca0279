import CoreKinds
import DeploymentKinds
import ResourceModel
import Testing
import WireFormats

@testable import Access
@testable import Backend
@testable import ResourceServer

/// What the token of an Agent is good for: verbs, resources and namespaces.
@Suite struct AgentBindingTests {
  private static let agent = Identity(
    name: "a", role: .agent, tenant: "shop", bindings: ["lease": "shop-agent"])

  private struct Resource: Hashable {
    var group: String
    var plural: String
    var subresource = ""
  }

  private static let resources = [
    Resource(group: "deploy.wrktalk.com", plural: "desireddeployments"),
    Resource(group: "deploy.wrktalk.com", plural: "desireddeployments", subresource: "status"),
    Resource(group: "deploy.wrktalk.com", plural: "desireddeployments", subresource: "finalizers"),
    Resource(group: "coordination.k8s.io", plural: "leases"), Resource(group: "", plural: "events"),
    Resource(group: "", plural: "namespaces"), Resource(group: "", plural: "secrets"),
    Resource(group: "deploy.wrktalk.com", plural: "rollouts", subresource: "status"),
  ]
  private static let verbs = ["get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"]

  /// All that it may, in its own namespace.
  private static let allowed: [Resource: Set<String>] = [
    resources[0]: ["get", "list", "watch"], resources[1]: ["get", "list", "watch", "update", "patch"],
    resources[2]: ["update", "patch"], resources[3]: ["get", "create", "update", "patch"],
    resources[4]: ["create", "patch"],
  ]

  @Test(arguments: ["shop", "other", ""]) func theTableIsAllThereIs(namespace: String) {
    for resource in Self.resources {
      for verb in Self.verbs {
        let attributes = AccessAttributes(
          verb: verb, group: resource.group, resource: resource.plural, subresource: resource.subresource,
          namespace: namespace, name: ["create", "list", "deletecollection"].contains(verb) ? "" : "shop-agent")
        let isAllowed = namespace == "shop" && Self.allowed[resource]?.contains(verb) == true
        #expect(
          BackendAccess.policy.allows(Self.agent, attributes) == isAllowed, "\(verb) \(resource) in «\(namespace)»")
      }
    }
  }

  @Test(arguments: [("shop-agent", true), ("wrktalk-agent", false), ("", false)])
  func ofLeasesItHasOne(name: String, isAllowed: Bool) {
    for verb in ["get", "update", "patch"] {
      let attributes = AccessAttributes(
        verb: verb, group: "coordination.k8s.io", resource: "leases", namespace: "shop", name: name)
      #expect(BackendAccess.policy.allows(Self.agent, attributes) == isAllowed)
    }
  }

  private static func event(
    namespace: String? = "shop", component: String? = "wrktalk-agent", reporter: String? = nil
  ) -> JSONValue {
    var event: JSONValue = ["metadata": ["name": "e", "namespace": "shop"], "involvedObject": ["name": "shop"]]
    event["involvedObject"]?["namespace"] = namespace.map { .string($0) }
    if let component { event["source"] = ["component": .string(component)] }
    event["reportingComponent"] = reporter.map { .string($0) }
    return event
  }

  @Test(
    arguments: [
      (event(), nil, true), (event(component: nil, reporter: "wrktalk-agent"), nil, true),
      (event(reporter: "wrktalk-agent"), event(), true), (event(reporter: ""), nil, true),
      (event(namespace: "other"), nil, false), (event(namespace: nil), nil, false),
      (event(component: "kubelet"), nil, false), (event(component: nil), nil, false),
      (event(reporter: "kubelet"), nil, false),
      // Somebody else's Event does not become the Agent's.
      (event(), event(component: "kubelet"), false), (event(), event(namespace: "other"), false),
    ] as [(JSONValue, JSONValue?, Bool)])
  func eventsAreItsOwnAndAboutItsNamespace(event: JSONValue, old: JSONValue?, isAllowed: Bool) {
    #expect((BackendAccess.policy.refusal(Self.agent, of: event, replacing: old, Event.names) == nil) == isAllowed)
    let admin = Identity(name: "b", role: .admin)
    #expect(BackendAccess.policy.refusal(admin, of: event, replacing: old, Event.names) == nil)
  }

  private static func path(_ resource: String, _ namespace: String = "shop") -> String {
    resource == "events"
      ? "/api/v1/namespaces/\(namespace)/events"
      : resource == "leases"
        ? "/apis/coordination.k8s.io/v1/namespaces/\(namespace)/leases"
        : "/apis/deploy.wrktalk.com/v1/namespaces/\(namespace)/\(resource)"
  }

  private static func lease(_ name: String) -> JSONValue { ["metadata": ["name": .string(name)], "spec": [:]] }

  /// As a server carries it out.
  @Test func aBoundTokenReachesNothingElse() async throws {
    try await HTTPTestServer.run { server in
      func status(_ method: String, _ path: String, _ body: JSONValue? = nil, type: String? = nil) async throws -> Int {
        try await server.send(method, path, body, token: "agent-of-shop", contentType: type).status
      }
      let merge = "application/merge-patch+json"
      // An Event makes no namespace, in neither place.
      let first = try await status("POST", Self.path("events"), Self.event())
      #expect(first == 404)
      #expect(try await status("POST", Self.path("events", "other"), Self.event()) == 403)
      #expect(try await server.send("GET", "/api/v1/namespaces/shop").status == 404)

      for namespace in ["shop", "other"] {
        #expect(
          try await server.send("POST", Self.path("desireddeployments", namespace), HTTPTestServer.deployment("one"))
            .status == 201)
      }
      #expect(try await status("GET", "/apis/deploy.wrktalk.com/v1/desireddeployments") == 403)
      for (namespace, isOwn) in [("shop", true), ("other", false)] {
        let records = Self.path("desireddeployments", namespace)
        let yes = isOwn ? 200 : 403
        #expect(try await status("GET", records) == yes)
        #expect(try await status("GET", "\(records)/one") == yes)
        #expect(
          try await status("PATCH", "\(records)/one/status", ["status": ["observedGeneration": 1]], type: merge) == yes)
        #expect(
          try await status("PATCH", "\(records)/one", ["metadata": ["finalizers": ["a.example/b"]]], type: merge) == yes
        )
        #expect(try await status("PATCH", "\(records)/one", ["spec": ["suspend": true]], type: merge) == 403)
        #expect(try await status("DELETE", "\(records)/one") == 403)
        #expect(try await status("GET", Self.path("events", namespace)) == 403)
        #expect(try await status("GET", Self.path("leases", namespace)) == 403)
        let leases = Self.path("leases", namespace)
        #expect(try await status("POST", leases, Self.lease("wrktalk-agent")) == 403)
        #expect(try await status("PUT", "\(leases)/wrktalk-agent", Self.lease("wrktalk-agent")) == 403)
        #expect(try await status("POST", leases, Self.lease("shop-agent")) == (isOwn ? 201 : 403))
        #expect(try await status("GET", "\(leases)/shop-agent") == yes)
        #expect(try await status("PATCH", "\(leases)/shop-agent", ["spec": [:]], type: merge) == yes)
      }
      let events = Self.path("events")
      #expect(try await status("POST", events, Self.event()) == 201)
      #expect(try await status("PATCH", "\(events)/e", ["count": 2], type: merge) == 200)
      #expect(
        try await status("PATCH", "\(events)/e", ["source": ["component": "kubelet"]], type: merge) == 403)
      var foreign = Self.event(component: "kubelet")
      #expect(try await status("POST", events, foreign) == 403)
      foreign["metadata"]?["name"] = "foreign"
      #expect(try await server.send("POST", events, foreign).status == 201)
      #expect(
        try await status(
          "PATCH", "\(events)/foreign", ["source": ["component": "wrktalk-agent"]], type: merge) == 403)
      #expect(try await status("PUT", "\(events)/e", Self.event()) == 403)
      #expect(try await status("DELETE", "\(events)/e") == 403)
      #expect(try await status("GET", "/api/v1/namespaces") == 403)
    }
  }

  @Test(arguments: [("shop", true), ("other", false)])
  func canIAsksAboutAPlace(namespace: String, isAllowed: Bool) async throws {
    try await HTTPTestServer.run { server in
      let answer = try await server.send(
        "POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
        [
          "spec": [
            "resourceAttributes": [
              "verb": "update", "group": "coordination.k8s.io", "resource": "leases", "name": "shop-agent",
              "namespace": .string(namespace),
            ]
          ]
        ], token: "agent-of-shop")
      #expect(answer.json["status"]?["allowed"] == .bool(isAllowed))
      let rules = try await server.send(
        "POST", "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews",
        ["spec": ["namespace": .string(namespace)]], token: "agent-of-shop")
      let listed = rules.json["status"]?["resourceRules"]?.array ?? []
      #expect(listed.isEmpty != isAllowed)
      #expect(listed.contains { $0["resourceNames"] == ["shop-agent"] } == isAllowed)
    }
  }
}
