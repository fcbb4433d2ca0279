import TestSupport
import WireFormats

/// Makes up manifests as charts render them: with and without what the server has defaults for, with zeros, with empty lists
/// and maps, and with amounts in all notations. Nothing of it runs: replicas are 0, Jobs run nowhere and CronJobs are
/// suspended.
struct ManifestGenerator {
  static let kinds = [
    "Deployment", "StatefulSet", "DaemonSet", "Service", "ConfigMap", "Secret", "Ingress", "NetworkPolicy",
    "PersistentVolumeClaim", "Role", "RoleBinding", "ServiceAccount", "HorizontalPodAutoscaler",
    "PodDisruptionBudget", "Job", "CronJob",
  ]

  var random: SeededGenerator

  mutating func manifest(_ kind: String, name: String) -> JSONValue {
    var manifest: JSONValue =
      switch kind {
      case "Deployment": workload("apps/v1", ["replicas": 0, "strategy": strategy(["Recreate", "RollingUpdate"])])
      case "StatefulSet":
        workload("apps/v1", ["replicas": 0, "serviceName": "s", "podManagementPolicy": one(["Parallel", "", nil])])
      case "DaemonSet":
        workload("apps/v1", ["updateStrategy": strategy(["OnDelete", "RollingUpdate"])], runsNowhere: true)
      case "Service": service()
      case "ConfigMap":
        [
          "apiVersion": "v1", "data": one([nil, [:], ["a": "1", "e": "", "lines": "a\r\nb\n"]]),

        ]
      case "Secret":
        [
          "apiVersion": "v1", "type": one([nil, "", "Opaque"]),
          "data": one([nil, [:], ["a": "aGVs\nbG8=\n", "e": ""]]),
          "stringData": one([nil, ["b": "x\n", "c": ""]]),
        ]
      case "Ingress": ingress()
      case "NetworkPolicy": networkPolicy()
      case "PersistentVolumeClaim":
        [
          "apiVersion": "v1",
          "spec": [
            "accessModes": ["ReadWriteOnce"], "storageClassName": one(["none", ""]), "volumeName": one([nil, ""]),
            "volumeMode": one([nil, "Filesystem"]),
            "resources": ["requests": ["storage": one(["1024Mi", "1Gi", "5e8"])]],
          ],
        ]
      case "Role":
        ["apiVersion": "rbac.authorization.k8s.io/v1", "rules": one([[], [rule()], [rule(), rule()]])]
      case "RoleBinding":
        [
          "apiVersion": "rbac.authorization.k8s.io/v1",
          "roleRef": ["apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "r"],
          "subjects": one([
            [], [["kind": "User", "name": "u"]],
            [["kind": "ServiceAccount", "name": "a", "namespace": "n"], ["kind": "Group", "name": "g"]],
          ]),
        ]
      case "ServiceAccount":
        [
          "apiVersion": "v1", "automountServiceAccountToken": one([nil, false, true]), "secrets": one([nil, []]),
          "imagePullSecrets": one([nil, [], [["name": "p"]]]),
        ]
      case "HorizontalPodAutoscaler": autoscaler()
      case "PodDisruptionBudget":
        [
          "apiVersion": "policy/v1beta1",
          "spec": one([
            ["minAvailable": one([0, 1, "50%"]), "selector": one([[:], ["matchLabels": ["a": "b"]]])],
            ["maxUnavailable": one([0, 1, "50%"]), "selector": ["matchLabels": ["a": "b"], "matchExpressions": []]],
          ]),
        ]
      case "Job": job("batch/v1", ["parallelism": 0])
      default: cronJob()
      }
    manifest["kind"] = .string(kind)
    manifest["metadata"] = [
      "name": .string(name), "labels": one([nil, [:], ["app": "x", "empty": ""]]),
      "annotations": one([nil, [:], ["note": "1"]]), "creationTimestamp": one([nil, .null]),
      "finalizers": one([nil, []]),
    ]
    return manifest.withoutAbsent
  }

  // MARK: Kinds

  private mutating func workload(
    _ apiVersion: String, _ fields: JSONValue, runsNowhere: Bool = false
  ) -> JSONValue {
    var spec = fields
    spec["selector"] = ["matchLabels": ["app": "x"]]
    spec["template"] = [
      "metadata": ["labels": ["app": "x"], "annotations": one([nil, [:], ["a": "b"]])],
      "spec": pod(runsNowhere: runsNowhere),
    ]
    spec["minReadySeconds"] = one([nil, 0, 5])
    spec["revisionHistoryLimit"] = one([nil, 0, 3])
    return ["apiVersion": .string(apiVersion), "spec": spec]
  }

  private mutating func strategy(_ types: [String]) -> JSONValue {
    one([nil, [:], ["type": .string(types[0])], ["rollingUpdate": ["maxUnavailable": one([1, "50%"])]]])
  }

  private mutating func job(_ apiVersion: String, _ fields: JSONValue) -> JSONValue {
    var spec = fields
    spec["backoffLimit"] = one([nil, 0, 3])
    spec["ttlSecondsAfterFinished"] = nil
    var pod = pod(runsNowhere: true)
    pod["restartPolicy"] = "Never"
    spec["template"] = ["metadata": one([nil, ["labels": ["j": "k"]]]), "spec": pod]
    return ["apiVersion": .string(apiVersion), "spec": spec]
  }

  private mutating func cronJob() -> JSONValue {
    [
      "apiVersion": "batch/v1beta1",
      "spec": [
        "schedule": "0 3 1 1 *", "suspend": true, "concurrencyPolicy": one([nil, "", "Forbid"]),
        "successfulJobsHistoryLimit": one([nil, 0, 2]), "startingDeadlineSeconds": one([nil, .null, 60]),
        "jobTemplate": ["spec": job("", [:])["spec"] ?? [:]],
      ],
    ]
  }

  private mutating func pod(runsNowhere: Bool) -> JSONValue {
    let containers: [JSONValue] = flip() ? [container("one")] : [container("one"), container("two")]
    return [
      "containers": .array(containers), "initContainers": one([nil, [], [initContainer()]]),
      "nodeSelector": runsNowhere ? ["no": "node"] : one([nil, [:], ["disk": "ssd"]]), "affinity": one([nil, [:]]),
      "tolerations": one([nil, [], [["operator": "Exists"]], [["key": "k", "value": "", "effect": "NoSchedule"]]]),
      "securityContext": one([nil, [:], ["runAsUser": 0], ["runAsNonRoot": true, "fsGroup": 0]]),
      "hostNetwork": one([nil, false]), "dnsPolicy": one([nil, "", "Default"]), "schedulerName": one([nil, ""]),
      "serviceAccountName": one([nil, "", "account"]), "automountServiceAccountToken": one([nil, false]),
      "terminationGracePeriodSeconds": one([nil, 0, 30]), "priorityClassName": one([nil, ""]),
      "imagePullSecrets": one([nil, [], [["name": "pull"]]]),
      "hostAliases": one([nil, [["ip": "10.0.0.1", "hostnames": ["h"]]]]),
      "volumes": [
        ["name": "e", "emptyDir": one([[:], ["medium": "", "sizeLimit": "1000Mi"]])],
        ["name": "c", "configMap": ["name": "c", "optional": one([nil, false]), "items": one([nil, []])]],
      ],
    ]
  }

  private mutating func initContainer() -> JSONValue {
    var container = container("before")
    for field in ["livenessProbe", "readinessProbe", "lifecycle"] { container[field] = nil }
    return container
  }

  private mutating func container(_ name: String) -> JSONValue {
    [
      "name": .string(name), "image": one(["127.0.0.1:5000/none:v1", "none"]),
      "imagePullPolicy": one([nil, "", "Always"]),
      "args": one([nil, [], ["--a", ""]]), "command": one([nil, .null, ["/x"]]),
      "env": one([
        nil, [], [["name": "A", "value": ""], ["name": "B", "value": "1"]],
        [["name": "F", "valueFrom": ["fieldRef": ["fieldPath": "metadata.name"]]]],
        [["name": "D", "value": "1"], ["name": "D", "value": "2"]],
      ]),
      "ports": one([
        nil, [], [["containerPort": 80]],
        [["containerPort": 53, "name": "t"], ["containerPort": 53, "name": "u", "protocol": "UDP"]],
      ]),
      "resources": one([
        nil, [:], ["limits": ["cpu": one([0.5, 1, "1000m"]), "memory": one([100_000_000, "0.5Gi"])]],
        ["requests": ["cpu": "0.1"]],
      ]),
      "securityContext": one([
        nil, [:], ["allowPrivilegeEscalation": false, "runAsUser": 0],
        ["privileged": false, "capabilities": ["drop": ["ALL"], "add": []]], ["readOnlyRootFilesystem": false],
      ]),
      "livenessProbe": one([
        nil,
        [
          "httpGet": ["path": "/", "port": one([80, "t"]), "scheme": one([nil, ""])],
          "periodSeconds": one([nil, 0, 3]),
        ],
      ]),
      "readinessProbe": one([nil, ["exec": ["command": ["x"]]], ["tcpSocket": ["port": 80], "initialDelaySeconds": 0]]),
      "lifecycle": one([nil, [:], ["preStop": ["exec": ["command": ["x"]]]]]), "tty": one([nil, false]),
      "terminationMessagePath": one([nil, "", "/t"]),
      "volumeMounts": one([nil, [["name": "e", "mountPath": "/e", "readOnly": one([nil, false, true])]]]),
    ]
  }

  private mutating func service() -> JSONValue {
    let type = one(["ClusterIP", "NodePort", "", nil])
    return [
      "apiVersion": "v1",
      "spec": [
        "type": type, "clusterIP": type == "NodePort" ? one([nil, ""]) : one([nil, "", "None"]),
        "selector": one([["app": "x"], ["app": "x", "tier": "y"]]),
        "sessionAffinity": one([nil, "", "ClientIP"]), "externalIPs": one([nil, []]), "loadBalancerIP": one([nil, ""]),
        "publishNotReadyAddresses": one([nil, false, true]),
        "ports": one([
          [["port": 80, "targetPort": one([nil, 8080, "http"]), "nodePort": one([nil, 0, .null])]],
          [
            ["name": "a", "port": 53, "protocol": "TCP"],
            ["name": "b", "port": 53, "protocol": "UDP", "nodePort": one([nil, 0])],
          ],
        ]),
      ],
    ]
  }

  private mutating func ingress() -> JSONValue {
    let backend: JSONValue = ["service": ["name": "s", "port": one([["number": 80], ["name": "http"]])]]
    return [
      "apiVersion": "networking.k8s.io/v1",
      "spec": [
        "tls": one([nil, [], [["hosts": ["a.example"], "secretName": "t"]], [["hosts": []]]]),
        "defaultBackend": one([nil, backend]),
        "rules": [
          [
            "host": one([nil, "", "a.example"]),
            "http": ["paths": [["path": "/", "pathType": one(["Prefix", "Exact"]), "backend": backend]]],
          ]
        ],
      ],
    ]
  }

  private mutating func networkPolicy() -> JSONValue {
    let peer = one([
      ["podSelector": [:]], ["namespaceSelector": [:]],
      ["podSelector": ["matchLabels": ["a": "b"]], "namespaceSelector": [:]],
      ["ipBlock": ["cidr": "10.0.0.0/8", "except": []]],
    ])
    return [
      "apiVersion": "networking.k8s.io/v1",
      "spec": [
        "podSelector": one([[:], ["matchLabels": ["app": "x"]], ["matchLabels": [:], "matchExpressions": []]]),
        "policyTypes": one([nil, ["Ingress"], ["Ingress", "Egress"]]),
        "ingress": one([
          nil, [], [[:]],
          [["from": [peer], "ports": one([[], [["port": 80]], [["port": "http", "protocol": "UDP"]]])]],
        ]),
        "egress": one([nil, .null, []]),
      ],
    ]
  }

  private mutating func rule() -> JSONValue {
    [
      "apiGroups": one([[""], ["apps", "batch"]]), "resources": one([["pods"], ["*"]]),
      "verbs": one([["get"], ["get", "list"]]),
      "resourceNames": one([nil, [], ["x"]]),
    ]
  }

  private mutating func autoscaler() -> JSONValue {
    let target: JSONValue = ["apiVersion": "apps/v1", "kind": "Deployment", "name": "none"]
    if flip() {
      return [
        "apiVersion": "autoscaling/v1",
        "spec": [
          "scaleTargetRef": target, "minReplicas": one([nil, 1]), "maxReplicas": 3,
          "targetCPUUtilizationPercentage": one([nil, 80]),
        ],
      ]
    }
    return [
      "apiVersion": "autoscaling/v2beta2",
      "spec": [
        "scaleTargetRef": target, "minReplicas": one([nil, 2]), "maxReplicas": 4,
        "metrics": one([
          nil,
          [
            [
              "type": "Resource",
              "resource": [
                "name": "memory", "target": ["type": "AverageValue", "averageValue": one(["1024Mi", "1e9"])],
              ],
            ],
            [
              "type": "Resource",
              "resource": ["name": "cpu", "target": ["type": "Utilization", "averageUtilization": 80]],
            ],
          ],
        ]),
      ],
    ]
  }

  // MARK: Chance

  /// Stands for a member that is left out.
  private static let absent: JSONValue = ["\u{0}": .null]

  mutating func flip() -> Bool { Bool.random(using: &random) }

  private mutating func one(_ choices: [JSONValue?]) -> JSONValue {
    (choices.randomElement(using: &random) ?? nil) ?? Self.absent
  }
}

extension JSONValue {
  fileprivate var withoutAbsent: JSONValue {
    switch self {
    case .object(let members):
      .object(members.filter { $0.value.object?["\u{0}"] == nil }.mapValues(\.withoutAbsent))
    case .array(let elements): .array(elements.map(\.withoutAbsent))
    default: self
    }
  }
}
