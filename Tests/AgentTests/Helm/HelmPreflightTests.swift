import DeploymentKinds
import HTTPTransport
import TestSupport
import Testing
import WireFormats

@testable import Agent

/// What is told of a release before it is deployed to a cluster, with the cluster's and a registry's own answers.
@Suite(.needs(.cluster), .needs(.kubectl), .needs(.images), .usesEngine)
struct HelmPreflightTests {
  typealias Check = DesiredDeploymentStatus.Preflight.Check

  private static func check(_ name: String, _ checks: [Check]) -> Check? { checks.first { $0.name == name } }

  @Test(arguments: HelmEdition.offered.sharedOut(0))
  func whatStandsInItsWayIsToldAndNothingIsTouched(_ edition: HelmEdition) async throws {
    try await HelmStack.with(edition) { stack in
      let sound = try await stack.runtime.preflight(stack.target(), of: try await stack.release("1.0.0", tag: "v1"))
      #expect(sound.allSatisfy { $0.status != .failed }, "\(sound)")
      for name in ["Settings", "ClusterVersion", "Images"] {
        #expect(Self.check(name, sound)?.status == .passed, "\(sound)")
      }
      #expect(Self.check("DiskSpace", sound) != nil && Self.check("Quota", sound)?.status == .passed)
      let bad = try await stack.runtime.preflight(
        stack.target(), of: try await stack.release("2.0.0", tag: "no-such-tag"))
      let images = Self.check("Images", bad)
      #expect(images?.status == .failed && images?.message.contains("media:no-such-tag") == true, "\(bad)")
      let wrong = try await stack.runtime.preflight(
        stack.target(), of: try stack.release("3.0.0", of: "{{ fail \"NEW_SETTING is missing\" }}"))
      #expect(Self.check("Settings", wrong)?.status == .failed, "\(wrong)")
      #expect(Self.check("Settings", wrong)?.message.contains("NEW_SETTING is missing") == true)
      #expect(Self.check("Images", wrong)?.status == .skipped)
      #expect(try await stack.kubectl("get", "deployments,jobs,pods", "-o", "name") == "")
    }
  }

  /// A registry that wants a login, which lies in the cluster.
  @Test(arguments: HelmEdition.offered.sharedOut(1))
  func theNamespacesPullSecretsAreShown(_ edition: HelmEdition) async throws {
    let registry = try LoopbackServer { request, connection in
      guard request.headers["authorization"] == "Basic dXNlcjpzZWNyZXQ=" else {
        connection.respond(401, headers: ["WWW-Authenticate: Basic realm=\"tests\""], body: [])
        return
      }
      let digest = "sha256:" + String(repeating: "a", count: 64)
      connection.respond(
        request.target == "/v2/shop/web/manifests/v1" ? 200 : 404,
        body: Array(#"{"schemaVersion":2,"config":{"digest":"\#(digest)"},"layers":[]}"#.utf8))
    }
    let host = "127.0.0.1:\(registry.port)"
    try await HelmStack.with(edition) { stack in
      let http = HTTPClient(userAgent: "wrktalk-tests")
      let images = HelmImageCheck(namespace: stack.namespace, client: stack.client, http: http)
      func pod(_ image: String, _ more: JSONValue = [:]) -> JSONValue {
        var spec = more
        spec["containers"] = [["name": "web", "image": .string("\(host)/\(image)")]]
        return ["apiVersion": "v1", "kind": "Pod", "metadata": ["name": "web"], "spec": spec]
      }
      var found = try await images.check([pod("shop/web:v1")])
      #expect(found.status == .skipped && found.message.contains("shop/web:v1"), "\(found)")
      let login = #"{"auths":{"\#(host)":{"auth":"dXNlcjpzZWNyZXQ="}}}"#
      try await stack.kubectl(
        "create", "secret", "generic", "login", "--type=kubernetes.io/dockerconfigjson",
        "--from-literal=.dockerconfigjson=\(login)")
      found = try await images.check([pod("shop/web:v1", ["imagePullSecrets": [["name": "login"]]])])
      #expect(found.status == .passed, "\(found)")
      found = try await images.check([pod("shop/web:v2", ["imagePullSecrets": [["name": "login"]]])])
      #expect(found.status == .failed && found.message.contains("shop/web:v2"), "\(found)")
      // Of the service account, as most clusters have it.
      try await stack.kubectl("create", "serviceaccount", "puller")
      try await stack.kubectl(
        "patch", "serviceaccount", "puller", "-p", #"{"imagePullSecrets":[{"name":"login"}]}"#)
      found = try await images.check([pod("shop/web:v1", ["serviceAccountName": "puller"])])
      #expect(found.status == .passed, "\(found)")
      // Which the release brings itself.
      found = try await images.check([
        pod("shop/web:v1"),
        ["kind": "Secret", "metadata": ["name": "own"], "stringData": [".dockerconfigjson": .string(login)]],
      ])
      #expect(found.status == .passed, "\(found)")
      await http.shutdown()
    }
  }

  /// Where nothing answers, one image of a registry is asked for, and the others are not waited for.
  @Test(arguments: HelmEdition.offered.sharedOut(1))
  func aRegistryThatAnswersNothingIsAskedOnce(_ edition: HelmEdition) async throws {
    let asked = TestSupport.RequestCounter()
    let registry = try LoopbackServer { _, connection in
      asked.increment()
      connection.hangUp()
    }
    try await HelmStack.with(edition) { stack in
      let http = HTTPClient(userAgent: "wrktalk-tests")
      let images = HelmImageCheck(namespace: stack.namespace, client: stack.client, http: http)
      let containers = (0..<50).map { number -> JSONValue in
        ["name": .string("c\(number)"), "image": .string("127.0.0.1:\(registry.port)/shop/web:v\(number)")]
      }
      let found = try await images.check([
        ["apiVersion": "v1", "kind": "Pod", "metadata": ["name": "web"], "spec": ["containers": .array(containers)]]
      ])
      #expect(found.status == .skipped, "\(found)")
      #expect(asked.value < 10)
      await http.shutdown()
    }
  }
}
