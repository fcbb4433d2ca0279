import Access
import CoreKinds
import DeploymentKinds
import ResourceModel
import WireFormats

extension Role {
  /// Writes what an Agent reports and holds: status, finalizers, Events and Leases; never a spec. Where its token is bound
  /// to a namespace, it reads and writes there alone; tokens of earlier versions are bound to none, and read everything.
  static let agent = Role(rawValue: "agent")
}

/// What the token of an Agent is good for: the records, the Lease and the Events of one namespace.
struct AgentBinding: Sendable, Hashable {
  var namespace: String
  /// The name of the Lease that it may hold.
  var lease: String

  /// What Agents call themselves in Events.
  static let component = "wrktalk-agent"
  /// The Lease that Agents hold.
  static let standardLease = "wrktalk-agent"
  /// How a token's bindings name it.
  static let leaseName = "lease"

  init(namespace: String, lease: String = Self.standardLease) {
    self.namespace = namespace
    self.lease = lease
  }

  /// Nil where the token is bound to no namespace.
  init?(_ identity: Identity) {
    guard let namespace = identity.tenant else { return nil }
    self.init(namespace: namespace, lease: identity.bindings[Self.leaseName] ?? Self.standardLease)
  }

  var rules: [AccessRule] {
    [
      AccessRule(
        verbs: AccessPolicy.readVerbs, groups: ["deploy.wrktalk.com"],
        resources: ["desireddeployments", "desireddeployments/status"], namespaces: [namespace]),
      AccessRule(
        verbs: ["update", "patch"], groups: ["deploy.wrktalk.com"],
        resources: ["desireddeployments/status", "desireddeployments/\(AccessScope.finalizersName)"],
        namespaces: [namespace]),
      AccessRule(
        verbs: ["get", "create", "update", "patch"], groups: ["coordination.k8s.io"], resources: ["leases"],
        namespaces: [namespace], names: [lease]),
      AccessRule(verbs: ["create", "patch"], groups: [""], resources: ["events"], namespaces: [namespace]),
    ]
  }

  /// What of an object that is written is another's; nil where it may be written.
  /// - Parameter old: what it takes the place of; nil for a new one.
  func refusal(of object: JSONValue, replacing old: JSONValue?, _ names: ResourceNames) -> String? {
    switch names {
    case LeaseKind.names:
      let name = object["metadata"]?["name"]?.string
      return name == lease ? nil : "it may hold the Lease \"\(lease)\" only"
    case Event.names:
      for event in [old, object].compactMap({ $0 }) {
        guard event["involvedObject"]?["namespace"]?.string == namespace else {
          return "its Events must be about an object of the namespace \"\(namespace)\" (involvedObject.namespace)"
        }
        let components = [event["source"]?["component"]?.string, event["reportingComponent"]?.string]
          .compactMap { $0 }.filter { !$0.isEmpty }
        guard !components.isEmpty, components.allSatisfy({ $0 == Self.component }) else {
          return "its Events must be those of \(Self.component) (source.component, reportingComponent)"
        }
      }
      return nil
    default: return nil
    }
  }
}
