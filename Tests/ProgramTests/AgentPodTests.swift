import DeploymentKinds
import FoundationEssentials
import ResourceModel
import TestSupport
import Testing
import WireFormats

/// The Agent as a pod of the cluster whose releases it deploys, with the rights that manifests/ gives it.
@Suite(
  .needs(.cluster), .needs(.kubectl), .needs(.agentImage), .needs(.hostAddress), .needs(.s3), .needs(.images),
  .usesEngine, .timeLimit(.minutes(60)))
struct AgentPodTests {
  private static func useBucket(_ body: (ClusterSession, PodBucket) async throws -> Void) async throws {
    try await ClusterSession.use { session in
      try await PodBucket.use(session) { bucket in try await body(session, bucket) }
    }
  }

  /// Everything that the Agent ever asks of an API server, and not one right that it lacks or does not use.
  @Test func itsRightsAreEnoughAndNoneIsTooMany() async throws {
    try await Self.useBucket { session, bucket in
      try await bucket.putValues("global: {registry: \(try Testbed.location(of: .images))}\n")
      try await session.kubectl(
        "create", "configmap", "more-values", "--from-literal=values.yaml=settings: {COLOUR: green}")
      let audit = AuditLog(user: "system:serviceaccount:\(session.namespace):wrktalk-agent")
      let start = try audit.length()
      try await session.deployAgent(bucket)
      let values = [DesiredDeploymentSpec.ValuesReference(kind: .configMap, name: "more-values")]

      try await session.apply(
        try await bucket.spec("1.0.0", tags: ["backend": "v1", "media": "v1"], valuesFrom: values))
      try await session.waitUntilReady()

      // In sync it asks for nothing but its lease; watches that were open stay open.
      var idle: [AuditLog.Entry] = []
      for _ in 1...3 {
        // The first time the Events of what went before may still be on their way.
        let before = try audit.length()
        try await Task.sleep(for: .seconds(8))
        idle = try audit.entries(from: before)
        if idle.allSatisfy({ $0.resource == "leases" }) { break }
      }
      #expect(idle.filter { $0.resource != "leases" } == [])
      #expect(!idle.isEmpty, "the lease is renewed")

      // A crash loop: pods, their logs, Events.
      try await session.apply(
        try await bucket.spec(
          "2.0.0", tags: ["backend": "crash", "media": "v2"], timeout: .seconds(40), valuesFrom: values))
      let failed = try await session.wait(for: "the rollback") {
        $0.status?.conditions?[DeploymentCondition.remediated]?.reason == "RolledBack"
      }
      let message = failed.status?.conditions?[DeploymentCondition.ready]?.message ?? ""
      #expect(message.contains("no such table"), "\(message)")

      // An Agent that is gone in the middle of an upgrade; its successor lets go of what it left.
      try await bucket.putValues(
        """
        global: {registry: \(try Testbed.location(of: .images))}
        migration: {enabled: true, command: [/bin/sh, -c, sleep 20]}

        """)
      try await session.apply(
        try await bucket.spec("3.0.0", tags: ["backend": "v3", "media": "v3"], valuesFrom: values))
      try await session.wait(for: "the migration") { $0.status?.progress?.message.contains("Job") == true }
      try await session.kubectl(
        "delete", "pod", "-l", "app.kubernetes.io/name=wrktalk-agent", "--grace-period=0", "--force")
      try await session.waitUntilReady()

      // A probe that fails: the kubelet's Events say so.
      try await bucket.putValues("global: {registry: \(try Testbed.location(of: .images))}\n")
      try await session.apply(
        try await bucket.spec(
          "4.0.0", tags: ["backend": "unhealthy", "media": "v3"], timeout: .seconds(30), valuesFrom: values))
      try await session.wait(for: "the second rollback") {
        $0.status?.failure?.version == "4.0.0"
          && $0.status?.conditions?[DeploymentCondition.remediated]?.reason == "RolledBack"
      }

      // Drift, then the end.
      var last = try await bucket.spec("3.0.0", tags: ["backend": "v3", "media": "v3"], valuesFrom: values)
      last.deletionPolicy = .uninstall
      try await session.apply(last)
      try await session.waitUntilReady()
      try await session.kubectl("scale", "deployment/wrktalk-media", "--replicas=0")
      try await session.wait(for: "the correction") {
        $0.status?.conditions?[DeploymentCondition.drifted]?.reason == "Corrected"
      }

      // What happens again is counted in the Event that is there.
      while try await !session.hasCountedEvent() {
        try await session.kubectl("scale", "deployment/wrktalk-media", "--replicas=0")
        while try await session.kubectl(
          "get", "deployment", "wrktalk-media", "-o", "jsonpath={.spec.replicas}") == "0"
        {
          try await Task.sleep(for: .milliseconds(200))
        }
      }
      try await session.kubectl("delete", "dd", "wrktalk", "--timeout=120s")

      let asked = try audit.entries(from: start)
      #expect(asked.filter { $0.code == 403 } == [], "a right is missing")
      let used = Set(asked.map(\.permission))
      for right in try await session.rights(of: "wrktalk-agent") {
        #expect(used.contains(right), "the right to \(right) is never used")
      }
    }
  }

  /// A release whose chart holds the very Agent that deploys it.
  @Test func anAgentReplacesItselfLastAndABrokenSuccessorIsRolledBack() async throws {
    try await Self.useBucket { session, bucket in
      let registry = try Testbed.location(of: .images)
      let image = try Testbed.location(of: .agentImage)
      let old = String(image.split(separator: ":").last ?? "")
      let new = "\(old)-next"
      try await CustomerEnvironment.command("docker", "pull", "-q", image)
      try await CustomerEnvironment.command("docker", "tag", image, "\(registry)/wrktalk-agent:\(new)")
      try await CustomerEnvironment.command("docker", "push", "-q", "\(registry)/wrktalk-agent:\(new)")
      try await session.applyRights()
      let values = try session.agentValues(registry: registry, tag: old, variables: bucket.podVariables())
      try await bucket.putValues(values)
      _ = try await bucket.publish("1.0.0")
      try await session.helm(
        "install", "wrktalk", session.folder.file("wrktalk-1.0.0.tgz"), "--values",
        session.folder.write(values, to: "values.yaml"), "--wait", "--timeout", "120s")

      try await session.apply(
        try await bucket.spec("1.1.0", tags: ["backend": "v2", "media": "v2", "agent": new]))
      let ready = try await session.waitUntilReady()
      #expect(ready.status?.current?.version == "1.1.0")
      #expect(try await session.imageOfAgent().hasSuffix(":\(new)"))
      let history = try await session.helm("history", "wrktalk", "-o", "json")
      let descriptions = try JSONValue(parsing: history).array?.compactMap { $0["description"]?.string } ?? []
      let first = descriptions.firstIndex { $0.hasSuffix("all but the Agent") }
      let second = descriptions.lastIndex { $0.hasPrefix("wrktalk-agent: 1.1.0") && !$0.hasSuffix("all but the Agent") }
      #expect(try #require(first) < (try #require(second)), "\(descriptions)")

      try await session.apply(
        try await bucket.spec(
          "1.2.0", tags: ["backend": "v3", "media": "v3", "agent": "broken"], timeout: .seconds(60)))
      let failed = try await session.wait(for: "the rollback") {
        $0.status?.conditions?[DeploymentCondition.remediated]?.reason == "RolledBack"
      }
      let message = failed.status?.conditions?[DeploymentCondition.ready]?.message ?? ""
      #expect(message.contains("this build is broken"), "\(message)")
      #expect(failed.status?.current?.version == "1.1.0")
      #expect(try await session.imageOfAgent().hasSuffix(":\(new)"))
      let backend = try await session.kubectl(
        "get", "deployment", "wrktalk-backend", "-o", "jsonpath={.spec.template.spec.containers[0].image}")
      #expect(backend.hasSuffix(":v2"))
    }
  }
}

extension ClusterSession {
  /// Applies the overlay for a cluster that holds the records, with the image under test, to this session's namespace.
  func deployAgent(_ bucket: PodBucket) async throws {
    try await createSecret(of: bucket)
    var variables = try bucket.podVariables()
    variables["WRKTALK_AGENT_VALUES_SOURCES"] = "ConfigMap/more-values"
    try await applyOverlay(
      "kubernetes-source", images: ["wrktalk-agent": try Testbed.location(of: .agentImage)], variables: variables)
    try await kubectl("rollout", "status", "deployment/wrktalk-agent", "--timeout=120s")
  }

  /// The Secret that an administrator makes by hand, with the keys of the bucket.
  func createSecret(of bucket: PodBucket) async throws {
    let variables = try bucket.podVariables()
    let literals = PodBucket.secretVariables.map { "--from-literal=\($0)=\(variables[$0] ?? "")" }
    try await kubectl("create", "secret", "generic", "wrktalk-agent-bucket", literals[0], literals[1])
  }

  /// Applies an overlay of manifests/ to this session's namespace.
  /// - Parameters:
  ///   - images: the image under test by the name in the manifests, `wrktalk-agent`.
  ///   - variables: of the Agent; those that belong into a Secret are left out.
  ///   - patches: YAML, as the field `patches` of a kustomization has it.
  func applyOverlay(
    _ name: String, images: [String: String], settings: String = "wrktalk-agent-settings",
    variables: [String: String], patches: String = "[]"
  ) async throws {
    let replaced = images.sorted { $0.key < $1.key }.map { name, image in
      """
        - name: ghcr.io/wrktalk/\(name)
          newName: \(image.split(separator: ":").dropLast().joined(separator: ":"))
          newTag: \(image.split(separator: ":").last ?? "")
      """
    }.joined(separator: "\n")
    // Nobody signs the releases of these tests.
    let unsigned =
      settings == "wrktalk-agent-settings"
      ? ["WRKTALK_AGENT_ALLOW_UNSIGNED": "1", "WRKTALK_AGENT_TRUST_ROOT_FILE": ""] : [:]
    let literals = variables.merging(unsigned) { _, new in new }.filter { !PodBucket.secretVariables.contains($0.key) }
      .sorted { $0.key < $1.key }
      .map { "      - \($0.key)=\($0.value)" }.joined(separator: "\n")
    let objects = try await rendered(
      """
      resources: [\(relativePath("manifests/overlays/\(name)"))]
      namespace: \(namespace)
      images:
      \(replaced)
      configMapGenerator:
        - name: \(settings)
          behavior: merge
          literals:
      \(literals)
      patches: \(patches)
      """)
    try await kubectl("apply", "-f", folder.write(objects, to: "\(name).yaml"))
  }

  /// Applies the Agent's ServiceAccount and rights alone.
  func applyRights() async throws {
    let objects = try await rendered(
      """
      resources: [\(relativePath("manifests/overlays/kubernetes-source"))]
      namespace: \(namespace)
      """)
    let rights = objects.components("\n---\n").filter { text in
      ["Role", "RoleBinding", "ServiceAccount"].contains { text.contains("kind: \($0)\n") }
    }
    try await kubectl("apply", "-f", folder.write(rights.joined(separator: "\n---\n"), to: "rights.yaml"))
  }

  /// Without the objects that are there already, or are not this namespace's.
  private func rendered(_ kustomization: String) async throws -> String {
    let name = "overlay-\(String(UInt32.random(in: 0...UInt32.max), radix: 36))"
    try folder.write(kustomization, to: "\(name)/kustomization.yaml")
    return try await kubectl("kustomize", folder.file(name)).components("\n---\n").filter { text in
      !text.contains("kind: Namespace\n") && !text.contains("kind: CustomResourceDefinition\n")
    }.joined(separator: "\n---\n")
  }

  /// Kustomize takes only relative paths.
  private func relativePath(_ path: String) -> String {
    let depth = folder.file("overlay").split(separator: "/").count
    return String(repeating: "../", count: depth) + "\(Testbed.repository.dropFirst())/\(path)"
  }

  /// Whether one of the Agent's Events tells of something that happened more than once.
  func hasCountedEvent() async throws -> Bool {
    try await kubectl(
      "get", "events", "--field-selector", "involvedObject.kind=DesiredDeployment", "-o",
      "jsonpath={.items[*].count}"
    ).split(separator: " ").contains { $0 != "1" }
  }

  /// The rights of a Role of the namespace, as `AuditLog.Entry.permission` writes them.
  func rights(of role: String) async throws -> [String] {
    let json = try JSONValue(parsing: try await kubectl("get", "role", role, "-o", "json"))
    return (json["rules"]?.array ?? []).flatMap { rule in
      func texts(_ field: String) -> [String] { (rule[field]?.array ?? []).compactMap(\.string) }
      return texts("verbs").flatMap { verb in
        texts("resources").flatMap { resource in texts("apiGroups").map { "\(verb) \(resource).\($0)" } }
      }
    }
  }

  func agentValues(registry: String, tag: String, variables: [String: String]) -> String {
    var variables = variables
    variables["WRKTALK_AGENT_SOURCE"] = "kubernetes"
    variables["WRKTALK_AGENT_DEPLOYMENT_TYPE"] = "kubernetes"
    variables["WRKTALK_AGENT_ALLOW_UNSIGNED"] = "1"
    let list = variables.sorted { $0.key < $1.key }.map { "    - {name: \($0.key), value: \"\($0.value)\"}" }
    return """
      global: {registry: \(registry)}
      agent:
        enabled: true
        isReal: true
        image: {repository: wrktalk-agent, tag: \(tag)}
        serviceAccountName: wrktalk-agent
        terminationGracePeriodSeconds: 60
        env:
      \(list.joined(separator: "\n"))

      """
  }

  @discardableResult
  func helm(_ arguments: String...) async throws -> String {
    let program = try await RunningProgram.start(
      try Testbed.location(of: .helm3), arguments: ["--kubeconfig", kubeconfig, "--namespace", namespace] + arguments)
    guard await program.termination() == .exited(code: 0) else {
      throw ProgramError(description: "helm \(arguments) failed: \(program.output.joined(separator: "\n"))")
    }
    return program.output.joined(separator: "\n")
  }

  func imageOfAgent() async throws -> String {
    try await kubectl(
      "get", "deployment", "wrktalk-agent", "-o", "jsonpath={.spec.template.spec.containers[0].image}")
  }
}

extension String {
  /// The parts between occurrences of `separator`.
  fileprivate func components(_ separator: String) -> [String] {
    split(separator: separator, omittingEmptySubsequences: true).map(String.init)
  }
}
