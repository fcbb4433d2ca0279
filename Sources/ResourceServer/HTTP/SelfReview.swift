import Access
import HTTPService
import ResourceModel
import WireFormats

/// Answers `kubectl auth can-i`, `can-i --list` and `whoami`: what the caller may do, and who it is.
struct SelfReview {
  let identity: Identity
  let policy: AccessPolicy

  /// `SelfSubjectAccessReview`, from JSON or Kubernetes' protobuf.
  func access(body: [UInt8], isProtobuf: Bool) throws(StatusError) -> JSONValue {
    let attributes = try Self.attributes(body: body, isProtobuf: isProtobuf)
    let isAllowed: Bool
    let spec: JSONValue
    switch attributes {
    case .resource(let attributes):
      isAllowed = policy.allows(identity, attributes)
      spec = [
        "resourceAttributes": [
          "namespace": .string(attributes.namespace), "name": .string(attributes.name),
          "verb": .string(attributes.verb), "group": .string(attributes.group),
          "resource": .string(attributes.resource), "subresource": .string(attributes.subresource),
        ]
      ]
    case .path(let verb, let path):
      isAllowed = policy.allows(identity, verb: verb, path: path)
      spec = ["nonResourceAttributes": ["verb": .string(verb), "path": .string(path)]]
    }
    return [
      "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview", "metadata": [:], "spec": spec,
      "status": [
        "allowed": .bool(isAllowed), "reason": .string("role \(identity.roleText)"),
      ],
    ]
  }

  /// `SelfSubjectRulesReview` of a namespace.
  func rules(body: [UInt8], isProtobuf: Bool) throws(StatusError) -> JSONValue {
    let namespace =
      try isProtobuf
      ? ProtobufReader.kubernetesMessage(body)?.message(2)?.text(1)
      : body.isEmpty ? nil : JSONBody.parse(body)["spec"]?["namespace"]?.string
    let rules = policy.rules(for: identity).filter { rule in
      rule.namespaces.contains("*") || namespace.map { $0.isEmpty || rule.namespaces.contains($0) } ?? true
    }.map { rule -> JSONValue in
      var value: JSONValue = [
        "verbs": .array(rule.verbs.map(JSONValue.string)), "apiGroups": .array(rule.groups.map(JSONValue.string)),
        "resources": .array(rule.resources.map(JSONValue.string)),
      ]
      if !rule.names.contains("*") { value["resourceNames"] = .array(rule.names.map(JSONValue.string)) }
      return value
    }
    return [
      "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectRulesReview", "metadata": [:], "spec": [:],
      "status": [
        "resourceRules": .array(rules),
        "nonResourceRules": .array(
          policy.paths(for: identity).map { rule in
            [
              "verbs": .array(rule.verbs.map(JSONValue.string)),
              "nonResourceURLs": .array(rule.paths.map(JSONValue.string)),
            ]
          }), "incomplete": false,
      ],
    ]
  }

  var subject: JSONValue {
    [
      "apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview", "metadata": [:],
      "status": [
        "userInfo": [
          "username": .string(identity.name), "groups": .array(identity.roles.map { .string("role:\($0.rawValue)") }),
        ]
      ],
    ]
  }

  private enum Attributes {
    case resource(AccessAttributes)
    case path(verb: String, path: String)
  }

  private static func attributes(body: [UInt8], isProtobuf: Bool) throws(StatusError) -> Attributes {
    if isProtobuf {
      guard let spec = ProtobufReader.kubernetesMessage(body)?.message(2) else {
        throw StatusError(.badRequest, "the body is no SelfSubjectAccessReview in Kubernetes' protobuf format")
      }
      if let resource = spec.message(1) {
        let attributes = AccessAttributes(
          verb: resource.text(2), group: resource.text(3), resource: resource.text(5), subresource: resource.text(6),
          namespace: resource.text(1), name: resource.text(7))
        return .resource(attributes)
      }
      if let path = spec.message(2) { return .path(verb: path.text(2), path: path.text(1)) }
    } else {
      let spec = try JSONBody.parse(body)["spec"]
      if let resource = spec?["resourceAttributes"] {
        func text(_ member: String) -> String { resource[member]?.string ?? "" }
        let attributes = AccessAttributes(
          verb: text("verb"), group: text("group"), resource: text("resource"), subresource: text("subresource"),
          namespace: text("namespace"), name: text("name"))
        return .resource(attributes)
      }
      if let path = spec?["nonResourceAttributes"] {
        return .path(verb: path["verb"]?.string ?? "", path: path["path"]?.string ?? "")
      }
    }
    throw StatusError(
      .invalid, "spec: Required value: exactly one of resourceAttributes and nonResourceAttributes must be given")
  }
}
