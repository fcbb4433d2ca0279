import FoundationEssentials
import TestSupport
import Testing
import WireFormats
import YAMLDocuments

/// What manifests/ gives to whom, as kustomize builds it.
@Suite(.needs(.kubectl)) struct ManifestTests {
  private static func overlay(_ name: String) async throws -> [JSONValue] {
    let text = try await CustomerEnvironment.command(
      try Testbed.location(of: .kubectl), "kustomize", "\(Testbed.repository)/manifests/\(name)")
    return try YAMLStream.parse(text, file: name).map(\.value)
  }

  private static func file(_ path: String) throws -> [JSONValue] {
    let bytes = try #require(FileManager.default.contents(atPath: "\(Testbed.repository)/manifests/\(path)"))
    return try YAMLStream.parse([UInt8](bytes), file: path).map(\.value)
  }

  /// Helm, and so the Agent, may read every Secret of the namespace that it deploys to.
  @Test func theBackendAndItsSecretsAreInANamespaceOfTheirOwn() async throws {
    var names: [String: Set<String>] = [:]
    for object in try await Self.overlay("overlays/backend-source") {
      let metadata = try #require(object["metadata"])
      let namespace = try #require(metadata["namespace"]?.string, "\(metadata) is in no namespace")
      names[namespace, default: []].insert(
        "\(object["kind"]?.string ?? "")/\(metadata["name"]?.string?.split(separator: "-").prefix(2).joined(separator: "-") ?? "")"
      )
    }
    #expect(Set(names.keys) == ["wrktalk", "wrktalk-backend"])
    #expect(
      names["wrktalk-backend"] == [
        "ServiceAccount/wrktalk-backend", "Service/wrktalk-backend", "Deployment/wrktalk-backend",
      ])
    #expect(names["wrktalk"]?.contains("Deployment/wrktalk-agent") == true)
    let namespaces = try ["agent", "backend", "gcc"].flatMap { try Self.file("namespaces/\($0).yaml") }
    #expect(namespaces.map { $0["metadata"]?["name"]?.string } == ["wrktalk", "wrktalk-backend", "wrktalk-gcc"])
    for namespace in namespaces {
      #expect(namespace["metadata"]?["labels"]?["pod-security.kubernetes.io/enforce"] == "restricted")
    }
  }

  @Test(arguments: ["overlays/backend-source", "overlays/kubernetes-source", "overlays/vendor-source"])
  func theAgentHasNoMoreRightsThanItNames(overlay: String) async throws {
    let objects = try await Self.overlay(overlay)
    #expect(!objects.contains { $0["kind"]?.string?.hasPrefix("ClusterRole") == true })
    let rules = objects.filter { $0["kind"] == "Role" }.flatMap { $0["rules"]?.array ?? [] }
    #expect(!rules.isEmpty)
    for rule in rules {
      func texts(_ field: String) -> [String] { (rule[field]?.array ?? []).compactMap(\.string) }
      for field in ["verbs", "resources", "apiGroups"] { #expect(!texts(field).contains("*")) }
      // With these an account gives itself whatever it likes.
      #expect(Set(texts("verbs")).isDisjoint(with: ["escalate", "bind", "impersonate"]))
      #expect(
        Set(texts("resources")).isDisjoint(with: [
          "roles", "rolebindings", "pods/exec", "serviceaccounts/token", "pods/ephemeralcontainers",
        ]))
      if texts("resources").contains("leases") {
        #expect(texts("resourceNames") == (texts("verbs") == ["create"] ? [] : ["wrktalk-agent"]))
      }
    }
    #expect(
      rules.contains {
        $0["resources"] == ["secrets"] && $0["resourceNames"] == ["wrktalk-agent-state"]
          && $0["verbs"] == ["get", "update"]
      })
  }

  @Test(arguments: ["overlays/backend-source", "overlays/kubernetes-source"])
  func theAgentBelievesTheTrustRootThatIsMountedReadOnly(overlay: String) async throws {
    let objects = try await Self.overlay(overlay)
    let variables = try #require(objects.first { $0["kind"] == "ConfigMap" })["data"]
    let agent = try #require(
      objects.first { $0["kind"] == "Deployment" && $0["metadata"]?["name"] == "wrktalk-agent" })
    let pod = try #require(agent["spec"]?["template"]?["spec"])
    let file = try #require(variables?["WRKTALK_AGENT_TRUST_ROOT_FILE"]?.string)
    let mounts = pod["containers"]?.array?.first?["volumeMounts"]?.array ?? []
    let mount = try #require(mounts.first { file.hasPrefix("\($0["mountPath"]?.string ?? "?")/") })
    #expect(mount["readOnly"] == true)
    let volume = try #require(pod["volumes"]?.array?.first { $0["name"] == mount["name"] })
    #expect(volume["configMap"]?["name"] == "wrktalk-agent-trust")
    #expect(variables?["WRKTALK_AGENT_STATE_SECRET"] == "wrktalk-agent-state")
    #expect(variables?["WRKTALK_AGENT_PROJECTS"] == "wrktalk")
    #expect(variables?["WRKTALK_AGENT_ALLOW_UNSIGNED"] == nil)
  }

  /// Its folder outlives the pod, what is secret comes from Secrets, and it never makes the key that seals.
  @Test func theBackendOfAVendorsCustomerKeepsItsDataAndItsSecrets() async throws {
    let objects = try await Self.overlay("overlays/vendor-source")
    let backend = try #require(
      objects.first { $0["kind"] == "Deployment" && $0["metadata"]?["name"] == "wrktalk-backend" })
    #expect(backend["metadata"]?["namespace"] == "wrktalk-backend")
    let pod = try #require(backend["spec"]?["template"]?["spec"])
    let container = try #require(pod["containers"]?.array?.first)
    #expect(container["securityContext"]?["readOnlyRootFilesystem"] == true)
    let command = (container["command"]?.array ?? []).compactMap(\.string)
    let folder = try #require(command.last)
    let mounts = container["volumeMounts"]?.array ?? []
    let data = try #require(mounts.first { folder.hasPrefix("\($0["mountPath"]?.string ?? "?")/") })
    let volumes = pod["volumes"]?.array ?? []
    let claim = volumes.first { $0["name"] == data["name"] }?["persistentVolumeClaim"]?["claimName"]
    #expect(objects.contains { $0["kind"] == "PersistentVolumeClaim" && $0["metadata"]?["name"] == claim })
    let settings = try #require(
      objects.first { $0["metadata"]?["name"]?.string?.hasPrefix("wrktalk-backend-settings") == true })["data"]
    for name in ["WRKTALK_GCC_API_KEY_FILE", "WRKTALK_WEBHOOK_SECRET_FILE"] {
      let file = try #require(settings?[name]?.string)
      let mount = try #require(mounts.first { file.hasPrefix("\($0["mountPath"]?.string ?? "?")/") })
      #expect(mount["readOnly"] == true)
      let volume = volumes.first { $0["name"] == mount["name"] }
      #expect(volume?["secret"]?["secretName"] == "wrktalk-backend-vendor")
    }
    let key = container["env"]?.array?.first { $0["name"] == "WRKTALK_SECRET_KEY" }?["valueFrom"]?["secretKeyRef"]
    #expect(key?["optional"] == false)
  }

  @Test func theAgentOnADockerHostTakesItsTrustRootFromTheHostAlone() throws {
    let bytes = try #require(FileManager.default.contents(atPath: "\(Testbed.repository)/compose/agent.yaml"))
    let file = try #require(try YAMLStream.parse([UInt8](bytes), file: "agent.yaml").first).value
    let agent = try #require(file["services"]?["agent"])
    let root = try #require(agent["environment"]?["WRKTALK_AGENT_TRUST_ROOT_FILE"]?.string)
    let mounts = (agent["volumes"]?.array ?? []).compactMap { $0.string?.split(separator: ":").map(String.init) }
    let mount = try #require(mounts.first { root.hasPrefix("\($0[1])/") })
    #expect(mount.last == "ro")
    #expect(agent["environment"]?["WRKTALK_AGENT_PROJECTS"] == "wrktalk")
    #expect(agent["read_only"] == true)
    // The settings of what is deployed lie below the working directory.
    let state = try #require(mounts.first { $0[1] == "/var/lib/wrktalk-agent" })
    #expect(agent["env_file"]?.array?.allSatisfy { $0.string?.hasPrefix(state[0]) == false } == true)
  }

  @Test func theVendorsServerHasNoRightsAndSharesOneDatabase() async throws {
    let objects = try await Self.overlay("overlays/gcc")
    #expect(objects.allSatisfy { $0["metadata"]?["namespace"] == "wrktalk-gcc" })
    // Secrets are made by hand, and an account that is used for nothing needs no rights.
    let kinds = Set(objects.compactMap { $0["kind"]?.string })
    #expect(kinds == ["ServiceAccount", "ConfigMap", "Service", "Deployment"])
    let deployment = try #require(objects.first { $0["kind"] == "Deployment" })
    #expect(deployment["spec"]?["replicas"] == 2)
    // An older version does not know how a newer one keeps objects.
    #expect(deployment["spec"]?["strategy"]?["type"] == "Recreate")
    let pod = try #require(deployment["spec"]?["template"]?["spec"])
    #expect(pod["automountServiceAccountToken"] == false)
    #expect(pod["securityContext"]?["runAsNonRoot"] == true)
    let container = try #require(pod["containers"]?.array?.first)
    #expect(container["securityContext"]?["readOnlyRootFilesystem"] == true)
    #expect(container["securityContext"]?["allowPrivilegeEscalation"] == false)
    #expect(container["securityContext"]?["capabilities"]?["drop"] == ["ALL"])
    #expect(container["livenessProbe"]?["httpGet"]?["path"] == "/healthz")
    #expect(container["readinessProbe"]?["httpGet"]?["path"] == "/readyz")
    for bound in ["requests", "limits"] {
      for resource in ["cpu", "memory"] { #expect(container["resources"]?[bound]?[resource] != nil) }
    }
    // The two would not see each other's data folder.
    let settings = try #require(objects.first { $0["kind"] == "ConfigMap" })["data"]
    #expect(settings?["GCC_BUCKET_NAME"] != nil)
    for variable in container["env"]?.array ?? [] {
      guard let name = variable["name"]?.string, !name.hasSuffix("_FILE") else { continue }
      #expect(variable["valueFrom"]?["secretKeyRef"]?["name"] == "wrktalk-gcc", "\(name)")
    }
    let file = try #require(settings?["GCC_SECRET_KEY_FILE"]?.string)
    let mounts = container["volumeMounts"]?.array ?? []
    let mount = try #require(mounts.first { file.hasPrefix("\($0["mountPath"]?.string ?? "?")/") })
    #expect(mount["readOnly"] == true)
    let volume = try #require(pod["volumes"]?.array?.first { $0["name"] == mount["name"] })
    #expect(volume["secret"]?["secretName"] == "wrktalk-gcc")
  }

  @Test(arguments: [
    ("gcc.yaml", "gcc", "/etc/wrktalk-gcc/", "DATABASE_URL", "database"),
    ("customer.yaml", "backend", "/etc/wrktalk/", "WRKTALK_DATABASE_URL", "inside"),
  ])
  func aServerOnADockerHostReadsItsSecretsFromFiles(
    name: String, service: String, folder: String, variable: String, network: String
  ) throws {
    let bytes = try #require(FileManager.default.contents(atPath: "\(Testbed.repository)/compose/\(name)"))
    let file = try #require(try YAMLStream.parse([UInt8](bytes), file: name).first).value
    let server = try #require(file["services"]?[service])
    let database = try #require(file["services"]?["database"])
    #expect(server["read_only"] == true)
    #expect(server["cap_drop"] == ["ALL"])
    #expect(server["user"] == "1000:1000")
    #expect(database["ports"] == nil)
    #expect(file["networks"]?[network]?["internal"] == true)
    let secrets = try #require(file["secrets"])
    for service in [server, database] {
      let granted = (service["secrets"]?.array ?? []).compactMap(\.string)
      for (name, value) in service["environment"]?.object ?? [:] {
        guard name.hasSuffix("_FILE") else { continue }
        let secret = try #require(value.string?.split(separator: "/").last.map(String.init))
        #expect(value.string == "/run/secrets/\(secret)")
        #expect(granted.contains(secret), "\(name)")
        #expect(secrets[secret]?["file"]?.string?.hasPrefix(folder) == true)
      }
    }
    let url = try #require(server["environment"]?[variable]?.string)
    #expect(url == "postgresql://wrktalk@database:5432/wrktalk?passfile=/run/secrets/pgpass")
  }

  /// The testbed's cluster is older than this admission: what is read here is its form.
  @Test func theAdmissionPolicyCoversEveryFieldButStatusAndFinalizers() throws {
    let objects = try Self.file("components/agent-admission/policy.yaml")
    let policy = try #require(objects.first { $0["kind"] == "ValidatingAdmissionPolicy" })
    let binding = try #require(objects.first { $0["kind"] == "ValidatingAdmissionPolicyBinding" })
    #expect(objects.allSatisfy { $0["apiVersion"] == "admissionregistration.k8s.io/v1" })
    #expect(binding["spec"]?["policyName"] == policy["metadata"]?["name"])
    #expect(binding["spec"]?["validationActions"] == ["Deny"])
    #expect(policy["spec"]?["failurePolicy"] == "Fail")
    let rule = try #require(policy["spec"]?["matchConstraints"]?["resourceRules"]?.array?.first)
    #expect(rule["operations"] == ["CREATE", "UPDATE", "DELETE"])
    #expect(rule["resources"] == ["desireddeployments", "desireddeployments/status"])
    let conditions = policy["spec"]?["matchConditions"]?.array ?? []
    #expect(conditions.map { $0["expression"]?.string?.contains("':wrktalk-agent'") } == [true])

    let validations = policy["spec"]?["validations"]?.array ?? []
    let expressions = validations.compactMap { $0["expression"]?.string }
    #expect(expressions.first == "request.operation == 'UPDATE'")
    for field in ["spec", "metadata.labels", "metadata.annotations", "metadata.ownerReferences"] {
      // Where neither has the field, comparing it would be an error.
      let wanted =
        "request.operation != 'UPDATE' || (has(object.\(field)) == has(oldObject.\(field)) && "
        + "(!has(object.\(field)) || object.\(field) == oldObject.\(field)))"
      #expect(expressions.contains(wanted), "\(field)")
    }
    #expect(expressions.count == 5)
    #expect(validations.allSatisfy { $0["message"]?.string?.isEmpty == false })
  }
}
