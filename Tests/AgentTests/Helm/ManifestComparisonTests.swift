import DeploymentKinds
import DeploymentPlanning
import Testing
import WireFormats
import YAMLDocuments

@testable import Agent

struct ManifestComparisonTests {
  static let manifest = """
    apiVersion: apps/v1
    kind: Deployment
    metadata:
      name: backend
      creationTimestamp: null
      labels: {app: backend}
    spec:
      replicas: 2
      paused: false
      template:
        spec:
          securityContext: {}
          containers:
            - name: backend
              image: registry/backend:v1
              args: ["--password", "geheim"]
              env:
                - {name: A, value: "1"}
                - {name: SECRET, value: geheim}
              ports: [{containerPort: 8080}]
              resources: {requests: {cpu: 0.5, memory: 1Gi}}
              volumeMounts: [{mountPath: /data, name: data}]
    """

  /// What an API server makes of it, with its defaults.
  static let live: JSONValue = [
    "apiVersion": "apps/v1", "kind": "Deployment",
    "metadata": [
      "name": "backend", "namespace": "prod", "uid": "u", "resourceVersion": "7",
      "labels": ["app": "backend", "app.kubernetes.io/managed-by": "Helm"],
    ],
    "spec": [
      "replicas": 2, "strategy": ["type": "RollingUpdate"],
      "template": [
        "spec": [
          "containers": [
            ["name": "injected", "image": "x"],
            [
              "name": "backend", "image": "registry/backend:v1", "args": ["--password", "geheim"],
              "env": [["name": "SECRET", "value": "geheim"], ["name": "A", "value": "1"]],
              "ports": [["containerPort": 8080, "protocol": "TCP"]],
              "resources": ["requests": ["cpu": "500m", "memory": "1Gi"]],
              "volumeMounts": [["mountPath": "/data", "name": "data"]],
            ],
          ]
        ]
      ],
    ],
    "status": ["replicas": 2],
  ]

  static func object(_ text: String) throws -> ManifestObject {
    try #require(try RenderedManifest(text, namespace: "prod").objects.first)
  }

  static func differences(
    _ change: (inout JSONValue) -> Void, ignoring rules: [DesiredDeploymentSpec.DriftIgnoreRule] = []
  ) throws -> [String] {
    var live = live
    change(&live)
    return ManifestComparison.differences(of: try object(manifest), from: live, ignoring: rules).map {
      EnvironmentComparison.Drift.object($0).description
    }
  }

  @Test func defaultsOrderAndNotationAreNoDrift() throws {
    #expect(try Self.differences { _ in } == [])
  }

  @Test func whatIsNotThereIsMissing() throws {
    let object = try Self.object(Self.manifest)
    let missing = ManifestComparison.differences(of: object, from: nil, ignoring: [])
    #expect(missing == [HelmObservation.Difference(object: "Deployment backend", change: .missing)])
  }

  @Test func aChangedFieldIsNamedWithBothValues() throws {
    #expect(
      try Self.differences { $0["spec"]?["replicas"] = 5 } == [
        "Deployment backend has 5 instead of 2 at /spec/replicas"
      ])
    #expect(
      try Self.differences { $0["metadata"]?["labels"]?["app"] = nil } == [
        "Deployment backend has nothing instead of backend at /metadata/labels/app"
      ])
  }

  static func change(_ container: @escaping (inout JSONValue) -> Void) -> (inout JSONValue) -> Void {
    { live in
      var containers = live["spec"]?["template"]?["spec"]?["containers"]?.array ?? []
      container(&containers[1])
      live["spec"]?["template"]?["spec"]?["containers"] = .array(containers)
    }
  }

  @Test func containersAreFoundByNameAndTheirValuesHiddenWhereTheyMayBeSecret() throws {
    #expect(
      try Self.differences(Self.change { $0["image"] = "registry/backend:v2" }) == [
        "Deployment backend has registry/backend:v2 instead of registry/backend:v1 at "
          + "/spec/template/spec/containers/0/image"
      ])
    for text in try Self.differences(
      Self.change {
        $0["env"] = [["name": "SECRET", "value": "offen"]]
        $0["args"] = ["--password", "offen"]
      })
    {
      #expect(!text.contains("geheim") && !text.contains("offen"), "\(text)")
    }
    #expect(try Self.differences(Self.change { $0["resources"]?["requests"]?["cpu"] = "501m" }).count == 1)
    #expect(try Self.differences(Self.change { $0["volumeMounts"] = [] }).count == 1)
  }

  @Test func ignoredFieldsDoNotCount() throws {
    let replicas = DesiredDeploymentSpec.DriftIgnoreRule(kind: "Deployment", paths: ["/spec/replicas"])
    let other = DesiredDeploymentSpec.DriftIgnoreRule(kind: "Deployment", name: "media", paths: ["/spec"])
    let labels = DesiredDeploymentSpec.DriftIgnoreRule(kind: "Deployment", name: "backend", paths: ["/metadata/labels"])
    let change: (inout JSONValue) -> Void = {
      $0["spec"]?["replicas"] = 9
      $0["metadata"]?["labels"]?["app"] = "x"
    }
    #expect(try Self.differences(change, ignoring: [replicas, other]).count == 1)
    #expect(try Self.differences(change, ignoring: [replicas, labels]) == [])
    var live = Self.live
    change(&live)
    let applied = try Self.object(Self.manifest).desired(ignoring: [replicas, labels], live: live)
    #expect(applied["spec"]?["replicas"] == 9, "what others set is kept")
    #expect(applied["metadata"]?["labels"]?["app"] == "x")
    let fresh = try Self.object(Self.manifest).desired(ignoring: [replicas], live: nil)
    #expect(fresh["spec"]?["replicas"] == nil)
    #expect(applied["spec"]?["template"] != nil)
  }

  /// The live lists have another container before, and the variables in another order.
  @Test func anIgnoredFieldInAListIsKeptWhereverItsElementStands() throws {
    let containers = "/spec/template/spec/containers/0"
    let rule = DesiredDeploymentSpec.DriftIgnoreRule(
      kind: "Deployment", paths: ["\(containers)/image", "\(containers)/env/0/value"])
    var live = Self.live
    Self.change {
      $0["image"] = "registry/backend:v9"
      $0["env"] = [["name": "SECRET", "value": "geheim"], ["name": "A", "value": "9"]]
    }(&live)
    let object = try Self.object(Self.manifest)
    #expect(ManifestComparison.differences(of: object, from: live, ignoring: [rule]) == [])
    let applied = object.desired(ignoring: [rule], live: live)
    let container = try #require(applied["spec"]?["template"]?["spec"]?["containers"]?.array?.first)
    #expect(container["name"] == "backend")
    #expect(container["image"] == "registry/backend:v9")
    #expect(container["env"] == [["name": "A", "value": "9"], ["name": "SECRET", "value": "geheim"]])
  }

  @Test func aSecretIsComparedEncodedAndNeverTold() throws {
    let secret = try Self.object(
      """
      apiVersion: v1
      kind: Secret
      metadata: {name: s}
      stringData: {password: geheim}
      data: {other: YQ==}
      """)
    let live: JSONValue = ["metadata": ["name": "s"], "data": ["password": "Z2VoZWlt", "other": "YQ=="]]
    #expect(ManifestComparison.differences(of: secret, from: live, ignoring: []) == [])
    var changed = live
    changed["data"]?["password"] = "b2ZmZW4="
    let texts = ManifestComparison.differences(of: secret, from: changed, ignoring: []).map {
      EnvironmentComparison.Drift.object($0).description
    }
    #expect(texts == ["Secret s has another value instead of what the release says at /data/password"])
  }

  @Test func listsAndEmptyDocumentsAreTakenApart() throws {
    let text = """
      ---
      # only a comment
      ---
      apiVersion: v1
      kind: List
      items:
        - {apiVersion: v1, kind: ConfigMap, metadata: {name: a}}
        - {apiVersion: v1, kind: ConfigMap, metadata: {name: b, namespace: other}}
      ---
      apiVersion: batch/v1
      kind: Job
      metadata: {name: c}
      """
    let manifest = try RenderedManifest(text, namespace: "prod")
    #expect(
      manifest.objects.map { "\($0.namespace)/\($0.title)" } == ["prod/ConfigMap a", "other/ConfigMap b", "prod/Job c"])
    #expect(manifest.workloads.map(\.name) == ["c"])
  }
}
