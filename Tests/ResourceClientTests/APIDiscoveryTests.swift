import HTTPTransport
import ResourceClient
import ResourceModel
import TestSupport
import Testing
import WireFormats

@Suite struct APIDiscoveryTests {
  private let api = FakeResourceAPI()
  private let clock = ManualClock()
  private let discovery: APIDiscovery

  init() { discovery = APIDiscovery(client: Fixtures.client(api), clock: clock) }

  private func serve(_ resources: [JSONValue], at path: String) {
    api.put(["kind": "APIResourceList", "resources": .array(resources)], at: path)
  }

  private static let deployments: JSONValue = [
    "name": "deployments", "singularName": "", "namespaced": true, "kind": "Deployment",
    "verbs": ["get", "list", "watch"],
  ]
  private static let scale: JSONValue = [
    "name": "deployments/scale", "singularName": "", "namespaced": true, "group": "autoscaling", "version": "v1",
    "kind": "Scale", "verbs": ["get"],
  ]
  private static let nodes: JSONValue = [
    "name": "nodes", "singularName": "", "namespaced": false, "kind": "Node", "verbs": ["get"],
  ]

  @Test func aKindIsFoundByItsGroupVersion() async throws {
    serve([Self.scale, Self.deployments], at: "/apis/apps/v1")
    serve([Self.nodes], at: "/api/v1")
    let deployment = try await discovery.names(apiVersion: "apps/v1", kind: "Deployment")
    #expect(
      deployment
        == DiscoveredResource(
          names: ResourceNames(
            group: "apps", version: "v1", kind: "Deployment", plural: "deployments", singular: "deployment"),
          isNamespaced: true))
    let node = try await discovery.names(apiVersion: "v1", kind: "Node")
    #expect(node?.isNamespaced == false)
    #expect(node?.names.rootPath == "/api/v1")
  }

  @Test func aSubresourceIsNoKindOfItsOwn() async throws {
    serve([Self.scale], at: "/apis/apps/v1")
    #expect(try await discovery.names(apiVersion: "apps/v1", kind: "Scale") == nil)
  }

  @Test func whatIsKnownIsNotReadAgain() async throws {
    serve([Self.deployments], at: "/apis/apps/v1")
    for _ in 0..<3 { _ = try await discovery.names(apiVersion: "apps/v1", kind: "Deployment") }
    #expect(api.requests.count == 1)
  }

  @Test(arguments: [true, false])
  func whatIsUnknownIsLookedForOnceAMinute(groupVersionIsThere: Bool) async throws {
    if groupVersionIsThere { serve([], at: "/apis/apps/v1") }
    #expect(try await discovery.names(apiVersion: "apps/v1", kind: "Deployment") == nil)
    serve([Self.deployments], at: "/apis/apps/v1")
    clock.advance(by: .seconds(59))
    #expect(try await discovery.names(apiVersion: "apps/v1", kind: "Deployment") == nil)
    #expect(api.requests.count == 1)
    clock.advance(by: .seconds(1))
    #expect(try await discovery.names(apiVersion: "apps/v1", kind: "Deployment") != nil)
    #expect(api.requests.count == 2)
  }

  @Test func aFailureIsNoAnswerAndNotRemembered() async throws {
    serve([Self.deployments], at: "/apis/apps/v1")
    api.failNext(FakeResourceAPI.failure(.serviceUnavailable))
    await #expect(throws: ResourceClientError.self) {
      try await discovery.names(apiVersion: "apps/v1", kind: "Deployment")
    }
    #expect(try await discovery.names(apiVersion: "apps/v1", kind: "Deployment") != nil)
  }
}
