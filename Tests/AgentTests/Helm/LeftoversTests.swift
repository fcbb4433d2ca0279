import Testing
import WireFormats
import YAMLDocuments

@testable import Agent

struct LeftoversTests {
  private func json(_ text: String) throws -> JSONValue { try YAMLStream.parse(text, file: "test")[0].value }

  /// What the failed version set, what the release sets, what is live, and what should become of that.
  private static let cases: [(failed: String, kept: String, live: String, cleaned: String)] = [
    // A variable and a whole container of the failed version go; what others added stays.
    (
      "{spec: {containers: [{name: a, env: [{name: X, value: '1'}, {name: Y, value: '2'}]}, {name: b, image: i}]}}",
      "{spec: {containers: [{name: a, env: [{name: X, value: '1'}]}]}}",
      "{spec: {containers: [{name: a, env: [{name: X, value: '1'}, {name: Y, value: '2'}, {name: Z, value: '3'}]}, {name: b, image: i, tty: false}, {name: mesh}]}}",
      "{spec: {containers: [{name: a, env: [{name: X, value: '1'}, {name: Z, value: '3'}]}, {name: mesh}]}}"
    ),
    // A field that somebody has changed since is no longer the failed version's.
    (
      "{spec: {paused: true, minReadySeconds: 5}}", "{spec: {}}", "{spec: {paused: false, minReadySeconds: 5}}",
      "{spec: {paused: false}}"
    ),
    // With the defaults that the server added to it.
    (
      "{spec: {probe: {httpGet: {path: /}}}}", "{spec: {}}",
      "{spec: {probe: {httpGet: {path: /, scheme: HTTP}, periodSeconds: 10}, x: 1}}", "{spec: {x: 1}}"
    ),
    // Of maps only the failed version's own members, and never what Helm knows its own by.
    (
      "{metadata: {name: n, labels: {app.kubernetes.io/managed-by: Helm, a: b}, annotations: {meta.helm.sh/release-name: r, c: d}}}",
      "{metadata: {name: n}}",
      "{metadata: {name: n, uid: u, labels: {app.kubernetes.io/managed-by: Helm, a: b}, annotations: {meta.helm.sh/release-name: r, c: d, e: f}}}",
      "{metadata: {name: n, uid: u, labels: {app.kubernetes.io/managed-by: Helm}, annotations: {meta.helm.sh/release-name: r, e: f}}}"
    ),
    ("{data: {A: x, B: y}}", "{data: {A: x}}", "{data: {A: x, B: y, C: z}}", "{data: {A: x, C: z}}"),
    // How many there are may be left to an autoscaler.
    (
      "{spec: {replicas: 3}, status: {x: 1}}", "{spec: {}}", "{spec: {replicas: 3}, status: {x: 1}}",
      "{spec: {replicas: 3}, status: {x: 1}}"
    ),
    // Amounts are the same in any notation.
    (
      "{spec: {resources: {limits: {cpu: 1}}}}", "{spec: {}}", "{spec: {resources: {limits: {cpu: '1'}}}}", "{spec: {}}"
    ),
    // Lists whose elements cannot be told apart are set as a whole.
    ("{spec: {args: [a, b]}}", "{spec: {args: [a]}}", "{spec: {args: [a]}}", "{spec: {args: [a]}}"),
  ]

  @Test(arguments: cases.indices)
  func onlyWhatTheFailedVersionSetIsTakenAway(_ index: Int) throws {
    let (failed, kept, live, cleaned) = Self.cases[index]
    let found = Leftovers.without(what: try json(failed), setBesides: try json(kept), in: try json(live))
    #expect(found == (try json(cleaned)))
    #expect(Leftovers.without(what: try json(kept), setBesides: try json(kept), in: try json(live)) == (try json(live)))
  }

  @Test func anObjectOfAFailedVersionThatTheReleaseHasNoMoreIsFoundOnce() throws {
    func manifest(_ names: String...) throws -> RenderedManifest {
      try RenderedManifest(
        names.map { "{apiVersion: v1, kind: ConfigMap, metadata: {name: \($0)}}" }.joined(separator: "\n---\n"),
        namespace: "prod")
    }
    let found = Leftovers.objects(
      of: [try manifest("a", "b"), try manifest("b", "c"), try manifest("a")], besides: try manifest("a"))
    #expect(found.map(\.name) == ["b", "c"])
  }
}
