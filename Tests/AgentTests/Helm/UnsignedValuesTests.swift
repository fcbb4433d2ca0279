import TestSupport
import Testing
import WireFormats

@testable import Agent

/// Whoever holds the bucket says how a release is used, not what it runs.
struct UnsignedValuesTests {
  private static let chart = """
    backend: {replicas: 1, command: [serve, --fast], mode: "a << b"}
    securityContext: {privileged: false}
    debug: {hostPID: true}
    """

  private static func values(_ text: String) throws -> Result<UnsignedValues, RuntimeFailure> {
    let folder = try TemporaryFolder()
    try folder.write(chart, to: "chart/values.yaml")
    try folder.write("worker: {command: [work]}\nlevel: high\n", to: "chart/charts/queue/values.yaml")
    do throws(RuntimeFailure) {
      return .success(try UnsignedValues(Array(text.utf8), named: "config/values.yaml", chart: folder.file("chart")))
    } catch {
      return .failure(error)
    }
  }

  @Test(arguments: [
    ("not: [valid", "cannot be read: see line"), ("a: !other b", "cannot be read: see line 1"),
    ("a: 1e400", "cannot be read"), ("a: 1\n---\nb: 2", "holds 2 YAML documents"),
    ("securityContext: {privileged: true}", "set securityContext.privileged"),
    ("pods: [{hostNetwork: true}]", "set pods[0].hostNetwork"), ("x: {allowPrivilegeEscalation: true}", "set x.allowP"),
    ("a: \"1, <<: {command: [evil]}\"", "have \"<<\" in a"),
    ("settings: {\"a: 1, command\": evil}", "have the name \"a: 1, command\" at settings"),
    ("\"{{ evil }}\": 1", "at their top"),
  ])
  func whatAnotherReaderMightSeeOtherwiseIsRefused(_ text: String, _ expected: String) throws {
    guard case .failure(let refusal) = try Self.values(text.replacing("\\n", with: "\n")) else {
      Issue.record("\(text) was taken")
      return
    }
    #expect(refusal.kind == .permanent && refusal.reason == "SettingNotAllowed")
    #expect(refusal.message.contains("config/values.yaml") && refusal.message.contains(expected), "\(refusal.message)")
    #expect(refusal.message.contains("valuesFrom"))
  }

  @Test(arguments: [
    ("", "null"),
    ("backend: {replicas: 3, on: true, none: null}", "{\"backend\":{\"none\":null,\"on\":true,\"replicas\":3}}"),
    // What the chart says, too, is signed.
    (
      "backend: {command: [serve, --slow], mode: \"a << b\"}",
      "{\"backend\":{\"command\":[\"serve\",\"--slow@\"],\"mode\":\"a << b\"}}"
    ),
    ("debug: {hostPID: true}", "{\"debug\":{\"hostPID\":true}}"),
    (
      "queue: {level: high, worker: {command: [x]}}",
      "{\"queue\":{\"level\":\"high\",\"worker\":{\"command\":[\"x@\"]}}}"
    ),
    ("host: shop.example.com:5000/a-b_c", "{\"host\":\"shop.example.com:5000/a-b_c@\"}"),
    ("a: \"1\\n  evil: true\"", "{\"a\":\"1@\"}"), ("a: \"{evil}\"", "{\"a\":\"@\"}"), ("a: ''", "{\"a\":\"\"}"),
    ("a/b~c: 1", "{\"a/b~c\":1}"),
  ])
  func everyTextThatTheChartDoesNotSayIsReplaced(_ text: String, _ expected: String) throws {
    let values = try Self.values(text).get()
    #expect(String(decoding: values.marked("@"), as: UTF8.self) == expected)
  }
}

/// Which differences between two renderings of a chart decide what is executed.
struct ExecutedPartsTests {
  private static let pod: JSONValue = [
    "apiVersion": "apps/v1", "kind": "Deployment", "metadata": ["name": "web"],
    "spec": [
      "replicas": 1,
      "template": [
        "spec": [
          "serviceAccountName": "web", "nodeSelector": ["disk": "ssd"],
          "volumes": [["name": "data", "persistentVolumeClaim": ["claimName": "data"]]],
          "containers": [
            [
              "name": "web", "image": "a@sha256:0", "command": ["serve"],
              "env": [["name": "MODE", "value": "a"]], "volumeMounts": [["name": "data", "mountPath": "/data"]],
              "livenessProbe": ["httpGet": ["path": "/"], "periodSeconds": 1], "resources": ["limits": ["cpu": "1"]],
            ]
          ],
        ]
      ],
    ],
  ]

  private static func changed(_ change: (inout JSONValue) -> Void) -> JSONValue {
    var object = pod
    var spec = object["spec"]?["template"]?["spec"] ?? [:]
    change(&spec)
    object["spec"]?["template"]?["spec"] = spec
    return object
  }

  private static func container(_ change: @escaping (inout JSONValue) -> Void) -> JSONValue {
    changed { spec in
      var container = spec["containers"]?.array?.first ?? [:]
      change(&container)
      spec["containers"] = [container]
    }
  }

  static let decisive: [(String, JSONValue)] = [
    ("containers[0].command", container { $0["command"] = ["serve@"] }),
    ("containers[0].args", container { $0["args"] = ["@"] }),
    ("containers[0].lifecycle", container { $0["lifecycle"] = ["postStart": ["exec": ["command": ["@"]]]] }),
    ("containers[0].livenessProbe.exec", container { $0["livenessProbe"] = ["exec": ["command": ["@"]]] }),
    ("containers[0].volumeMounts", container { $0["volumeMounts"] = [["name": "data", "mountPath": "/app@"]] }),
    ("containers[0].securityContext", container { $0["securityContext"] = ["capabilities": ["add": ["SYS_ADMIN@"]]] }),
    ("containers[0].env.NODE_OPTIONS", container { $0["env"] = [["name": "NODE_OPTIONS", "value": "@"]] }),
    (
      "containers[0].env.WRKTALK_AGENT_ALLOW_UNSIGNED",
      container { $0["env"] = [["name": "WRKTALK_AGENT_ALLOW_UNSIGNED", "value": "@"]] }
    ),
    ("containers[1]", changed { $0["containers"] = .array(($0["containers"]?.array ?? []) + [["name": "evil"]]) }),
    ("initContainers[0]", changed { $0["initContainers"] = [["name": "evil"]] }),
    ("volumes", changed { $0["volumes"] = [["name": "data", "nfs": ["server": "@", "path": "/"]]] }),
    ("volumes", changed { $0["volumes"] = [["name": "data", "hostPath": ["path": "/"]]] }),
    ("hostPID", changed { $0["hostPID"] = true }),
    ("serviceAccountName", changed { $0["serviceAccountName"] = "other" }),
  ]

  @Test(arguments: decisive.indices)
  func whatDecidesOnCodeIsADifference(_ index: Int) {
    let (place, object) = Self.decisive[index]
    for (one, other) in [(object, Self.pod), (Self.pod, object)] {
      let found = ExecutedParts.difference([one], [other], mark: "@")
      #expect(
        found?.hasPrefix("spec.template.spec.\(place)") == true && found?.hasSuffix(" of Deployment web") == true,
        "\(found ?? "")")
    }
  }

  static let harmless: [JSONValue] = [
    pod, container { $0["image"] = "b@" }, container { $0["env"] = [["name": "MODE", "value": "b@"]] },
    container { $0["resources"] = [:] }, container { $0["name"] = "web@" },
    container { $0["volumeMounts"] = [["name": "data@", "mountPath": "/data"]] },
    container { $0["livenessProbe"] = ["httpGet": ["path": "/@"]] },
    changed { $0["serviceAccountName"] = "web@" }, changed { $0["nodeSelector"] = ["disk": "@"] },
    changed { $0["volumes"] = [["name": "data", "persistentVolumeClaim": ["claimName": "data@"]]] },
  ]

  @Test(arguments: harmless.indices)
  func whatOnlySaysHowItIsUsedIsNone(_ index: Int) {
    #expect(ExecutedParts.difference([Self.pod], [Self.harmless[index]], mark: "@") == nil)
  }

  @Test func anObjectMoreOrOfAnotherKindIsADifference() {
    let map: JSONValue = ["apiVersion": "v1", "kind": "ConfigMap", "metadata": ["name": "m"], "data": ["a": "b"]]
    #expect(ExecutedParts.difference([Self.pod, map], [Self.pod], mark: "@") == "ConfigMap m")
    #expect(ExecutedParts.difference([Self.pod], [map, Self.pod], mark: "@") == "ConfigMap m")
    var other = map
    other["data"] = ["a": "c@"]
    #expect(ExecutedParts.difference([map, Self.pod], [Self.pod, other], mark: "@") == nil)
    other["data"] = ["LD_PRELOAD": "/evil@"]
    #expect(ExecutedParts.difference([map], [other], mark: "@") == "data.LD_PRELOAD of ConfigMap m")
    other["kind"] = "ConfigMap@"
    #expect(ExecutedParts.difference([map], [other], mark: "@") == "kind of ConfigMap m")
    let role: JSONValue = ["kind": "Role", "metadata": ["name": "r"], "rules": [["verbs": ["get"]]]]
    var wider = role
    wider["rules"] = [["verbs": ["*@"]]]
    #expect(ExecutedParts.difference([role], [wider], mark: "@") == "rules of Role r")
  }
}
