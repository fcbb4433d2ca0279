import Testing
import WireFormats

@testable import Agent

/// What counts as a difference, and what the object is to become, by what Kubernetes' kinds mean.
struct ManifestFieldsTests {
  struct Row: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var kind: String
    var apiVersion: String
    var manifest: JSONValue
    var live: JSONValue
    /// The places that differ, those that only the server can judge with a question mark.
    var differences: [String]
    /// What the live object is to become; nil where it is to stay.
    var wanted: JSONValue?
  }

  private static func row(
    _ name: String, _ kind: String, _ apiVersion: String, _ manifest: JSONValue, _ live: JSONValue,
    _ differences: [String], _ wanted: JSONValue? = nil
  ) -> Row {
    Row(
      testDescription: name, kind: kind, apiVersion: apiVersion, manifest: manifest, live: live,
      differences: differences, wanted: wanted)
  }

  private static let network = "networking.k8s.io/v1"
  private static let rbac = "rbac.authorization.k8s.io/v1"

  private static func pod(_ container: JSONValue) -> JSONValue {
    ["spec": ["template": ["spec": ["containers": [container]]]]]
  }

  static let rows: [Row] = [
    row(
      "a false that was removed", "ServiceAccount", "v1", ["automountServiceAccountToken": false], [:],
      ["/automountServiceAccountToken?"], ["automountServiceAccountToken": false]),
    row(
      "a zero and a false in a container", "Deployment", "apps/v1",
      pod(["name": "c", "securityContext": ["runAsUser": 0, "allowPrivilegeEscalation": false]]),
      pod(["name": "c", "securityContext": [:]]),
      [
        "/spec/template/spec/containers/0/securityContext/allowPrivilegeEscalation?",
        "/spec/template/spec/containers/0/securityContext/runAsUser?",
      ], pod(["name": "c", "securityContext": ["runAsUser": 0, "allowPrivilegeEscalation": false]])),
    row(
      "a policy opened for all", "NetworkPolicy", network, ["spec": ["ingress": []]], ["spec": ["ingress": [[:]]]],
      ["/spec/ingress"], ["spec": ["ingress": []]]),
    row(
      "a selector that was narrowed", "NetworkPolicy", network, ["spec": ["podSelector": [:]]],
      ["spec": ["podSelector": ["matchLabels": ["a": "b"]]]], ["/spec/podSelector/matchLabels"],
      ["spec": ["podSelector": [:]]]),
    row(
      "a label added to a selector", "PodDisruptionBudget", "policy/v1",
      ["spec": ["selector": ["matchLabels": ["a": "b"]]]],
      ["spec": ["selector": ["matchLabels": ["a": "b", "c": "d"]]]],
      ["/spec/selector/matchLabels/c"], ["spec": ["selector": ["matchLabels": ["a": "b"]]]]),
    row(
      "a label added to a Service's selector", "Service", "v1", ["spec": ["selector": ["a": "b"]]],
      ["spec": ["selector": ["a": "b", "c": "d"]]], ["/spec/selector/c"], ["spec": ["selector": ["a": "b"]]]),
    row(
      "a rule given to a Role without any", "Role", rbac, ["rules": []], ["rules": [["verbs": ["*"]]]], ["/rules"],
      ["rules": []]),
    row(
      "a rule added", "Role", rbac, ["rules": [["verbs": ["get"]]]], ["rules": [["verbs": ["get"]], ["verbs": ["*"]]]],
      ["/rules"], ["rules": [["verbs": ["get"]]]]),
    row(
      "a field added to a rule", "Role", rbac, ["rules": [["verbs": ["get"]]]],
      ["rules": [["verbs": ["get"], "nonResourceURLs": ["*"]]]], ["/rules?"], ["rules": [["verbs": ["get"]]]]),
    row(
      "a subject added", "RoleBinding", rbac, ["subjects": [["kind": "User", "name": "u"]]],
      ["subjects": [["kind": "User", "name": "u"], ["kind": "User", "name": "v"]]], ["/subjects"],
      ["subjects": [["kind": "User", "name": "u"]]]),
    row(
      "rules that the cluster gathers", "ClusterRole", rbac, ["aggregationRule": ["x": 1], "rules": []],
      ["aggregationRule": ["x": 1], "rules": [["verbs": ["*"]]]], []),
    row(
      "ports that the cluster allots", "Service", "v1",
      ["spec": ["clusterIP": "", "ports": [["port": 80, "nodePort": 0]], "healthCheckNodePort": 0]],
      ["spec": ["clusterIP": "10.0.0.1", "ports": [["port": 80, "protocol": "TCP", "nodePort": 31000]]]], []),
    row(
      "a port that was given another number", "Service", "v1", ["spec": ["ports": [["name": "a", "port": 80]]]],
      ["spec": ["ports": [["name": "a", "port": 81, "protocol": "TCP"]]]], ["/spec/ports/0"],
      ["spec": ["ports": [["name": "a", "port": 80]]]]),
    row(
      "a volume that was bound", "PersistentVolumeClaim", "v1", ["spec": ["volumeName": ""]],
      ["spec": ["volumeName": "v"]],
      []),
    row(
      "what controllers write into metadata", "Deployment", "apps/v1",
      ["metadata": ["annotations": [:], "finalizers": [], "labels": [:]]],
      [
        "metadata": [
          "annotations": ["deployment.kubernetes.io/revision": "1"], "finalizers": ["f"], "labels": ["a": "b"],
        ]
      ],
      []),
    row("what an application keeps in its ConfigMap", "ConfigMap", "v1", ["data": [:]], ["data": ["state": "1"]], []),
    row("tokens of an account", "ServiceAccount", "v1", ["secrets": []], ["secrets": [["name": "t"]]], []),
    row(
      "Helm's own mark", "ConfigMap", "v1", ["metadata": ["labels": ["app.kubernetes.io/managed-by": "Tiller"]]],
      ["metadata": ["labels": ["app.kubernetes.io/managed-by": "Helm"]]], []),
    row(
      "a container that others inject", "Deployment", "apps/v1", pod(["name": "c"]),
      ["spec": ["template": ["spec": ["containers": [["name": "injected"], ["name": "c"]]]]]], []),
    row(
      "one of which there may be only one", "Deployment", "apps/v1",
      pod(["name": "c", "readinessProbe": ["httpGet": ["port": 1]]]),
      pod(["name": "c", "readinessProbe": ["exec": ["command": ["x"]]]]),
      [
        "/spec/template/spec/containers/0/readinessProbe/exec",
        "/spec/template/spec/containers/0/readinessProbe/httpGet",
      ], pod(["name": "c", "readinessProbe": ["httpGet": ["port": 1]]])),
    row(
      "a variable given twice", "Deployment", "apps/v1",
      pod(["name": "c", "env": [["name": "A", "value": "1"], ["name": "A", "value": "2"]]]),
      pod(["name": "c", "env": [["name": "A", "value": "1"], ["name": "A", "value": "3"]]]),
      ["/spec/template/spec/containers/0/env/1/value"],
      pod(["name": "c", "env": [["name": "A", "value": "1"], ["name": "A", "value": "2"]]])),
    row(
      "a variable that was removed comes back where it stood", "Deployment", "apps/v1",
      pod(["name": "c", "env": [["name": "A"], ["name": "B"], ["name": "C"]]]),
      pod(["name": "c", "env": [["name": "A"], ["name": "C"], ["name": "X"]]]),
      ["/spec/template/spec/containers/0/env/1"],
      pod(["name": "c", "env": [["name": "A"], ["name": "B"], ["name": "C"], ["name": "X"]]])),
    row(
      "a list of a kind of others", "Widget", "example.com/v1", ["spec": ["parts": [["name": "a"]], "extra": [:]]],
      ["spec": ["parts": [["name": "a", "state": 1], ["name": "b"]], "extra": ["x": 1]]], []),
    row(
      "nothing in a manifest claims nothing", "Deployment", "apps/v1", ["spec": ["replicas": .null]],
      ["spec": ["replicas": 3]], []),
  ]

  @Test(arguments: rows)
  func additionsAndEmptyValuesCountByWhatTheKindMeans(_ row: Row) throws {
    var (manifest, live) = (row.manifest, row.live)
    for (field, value) in ["apiVersion": row.apiVersion, "kind": row.kind] {
      manifest[field] = .string(value)
      live[field] = .string(value)
    }
    manifest["metadata"] = manifest["metadata"] ?? [:]
    manifest["metadata"]?["name"] = "x"
    let object = try #require(ManifestObject(manifest, namespace: "n"))
    var there = live
    there["metadata"] = there["metadata"] ?? [:]
    there["metadata"]?["name"] = "x"
    let comparison = ManifestComparison(object, there, ignoring: [])
    let found = comparison.differences.map { "/" + $0.path.joined(separator: "/") + ($0.isCertain ? "" : "?") }
    #expect(found == row.differences)
    var wanted = row.wanted ?? row.live
    for (field, value) in ["apiVersion": row.apiVersion, "kind": row.kind] { wanted[field] = .string(value) }
    wanted["metadata"] = there["metadata"]
    #expect(comparison.wanted == wanted)
  }

  @Test func whoSetAFieldIsNamedByTheManagedFields() {
    let place = LivePlace(steps: [
      .member("spec"), .member("containers"), .element(["name": "c"]), .member("image"),
    ])
    let object: JSONValue = [
      "metadata": [
        "managedFields": [
          ["manager": "helm", "time": "3", "fieldsV1": ["f:spec": [:]]],
          ["manager": "kubelet", "time": "2", "fieldsV1": ["f:status": [:]]],
          [
            "manager": "kubectl-set", "time": "1",
            "fieldsV1": ["f:spec": ["f:containers": [#"k:{"name":"c"}"#: ["f:image": [:]]]]],
          ],
        ]
      ]
    ]
    #expect(place.manager(in: object, besides: "helm") == "kubectl-set")
    #expect(LivePlace(steps: [.member("data")]).manager(in: object, besides: "helm") == nil)
  }
}
