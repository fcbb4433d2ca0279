import ResourceModel

/// The kinds of a cluster that the Helm runtime reads whatever a chart consists of.
enum KubernetesResources {
  static let secrets = ResourceNames(group: "", version: "v1", kind: "Secret", plural: "secrets", singular: "secret")
  static let configMaps = ResourceNames(
    group: "", version: "v1", kind: "ConfigMap", plural: "configmaps", singular: "configmap")
  static let pods = ResourceNames(group: "", version: "v1", kind: "Pod", plural: "pods", singular: "pod")
  static let events = ResourceNames(group: "", version: "v1", kind: "Event", plural: "events", singular: "event")
  static let deployments = ResourceNames(
    group: "apps", version: "v1", kind: "Deployment", plural: "deployments", singular: "deployment")
  static let replicaSets = ResourceNames(
    group: "apps", version: "v1", kind: "ReplicaSet", plural: "replicasets", singular: "replicaset")
}
