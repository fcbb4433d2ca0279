import DeploymentPlanning
import Logging
import ResourceClient
import ResourceModel
import TestSupport
import Testing
import WireFormats

@testable import Agent

/// Random manifests of Kubernetes' own kinds, made and read back from a real API server.
///
/// `WRKTALK_TEST_DRIFT_ROUNDS` says how many of each kind there are, and `WRKTALK_TEST_DRIFT_SEED` repeats a run.
@Suite(.needs(.cluster), .needs(.kubectl), .usesEngine)
struct DriftPropertyTests {
  @Test func whatTheServerMadeIsNoDriftAndAChangeOfAnOwnedFieldAlwaysIs() async throws {
    let rounds = Testbed.variable("WRKTALK_TEST_DRIFT_ROUNDS").flatMap { Int($0) } ?? 2
    let seed = Testbed.variable("WRKTALK_TEST_DRIFT_SEED").flatMap { UInt64($0) } ?? UInt64.random(in: 0...UInt64.max)
    print("drift of random manifests: seed \(seed), \(rounds) rounds")
    try await HelmStack.with(try #require(HelmEdition.offered.first)) { stack in
      var bench = DriftBench(stack, seed: seed)
      for round in 0..<rounds {
        for kind in ManifestGenerator.kinds { try await bench.run(kind, round) }
      }
      print("drift of random manifests: \(bench.changes) changes made, each found and undone")
      #expect(bench.changes >= rounds * ManifestGenerator.kinds.count / 2, "seed \(seed): too little could be changed")
    }
  }

  /// An apply refuses a variable that is given twice, and an immutable ConfigMap takes no change at all.
  @Test func oneObjectThatCannotBeCorrectedKeepsNoneOfTheOthersWaiting() async throws {
    try await HelmStack.with(try #require(HelmEdition.offered.first)) { stack in
      let bench = DriftBench(stack, seed: 0)
      let manifest = try RenderedManifest(
        """
        apiVersion: v1
        kind: ConfigMap
        metadata: {name: fixed}
        immutable: true
        data: {a: "1"}
        ---
        apiVersion: apps/v1
        kind: Deployment
        metadata: {name: twice}
        spec:
          replicas: 0
          selector: {matchLabels: {app: x}}
          template:
            metadata: {labels: {app: x}}
            spec: {containers: [{name: c, image: none, env: [{name: A, value: "1"}, {name: A, value: "2"}]}]}
        ---
        apiVersion: v1
        kind: Service
        metadata: {name: port}
        spec: {type: NodePort, selector: {app: x}, ports: [{port: 80, targetPort: 8080, nodePort: 0}]}
        ---
        apiVersion: networking.k8s.io/v1
        kind: Ingress
        metadata: {name: gone}
        spec: {defaultBackend: {service: {name: s, port: {number: 80}}}}
        """, namespace: stack.namespace)
      for object in manifest.objects.dropFirst().dropLast() { try await bench.create(object.json, of: object) }
      var other = manifest.objects[0].json
      other["data"] = ["a": "2"]
      try await bench.create(other, of: manifest.objects[0])
      let port = "jsonpath={.spec.ports[0].nodePort}"
      let allotted = try await stack.kubectl("get", "service", "port", "-o", port)
      try await stack.kubectl("scale", "deployment/twice", "--replicas=1")
      try await stack.kubectl("set", "selector", "service", "port", "app=y")

      let check = DriftCheck(cluster: bench.cluster, now: { Timestamp(seconds: 0) })
      let drifted = try await check.drifted(
        manifest, live: try await bench.live(manifest), of: stack.target(), revision: 1)
      let differences = drifted.flatMap(\.differences)
      #expect(differences.first?.manager == "somebody")
      let texts = differences.map { difference in
        EnvironmentComparison.Drift.object(.init(object: difference.object, change: difference.change)).description
      }
      #expect(
        texts == [
          "ConfigMap fixed has another value instead of what the release says at /data/a",
          "Deployment twice has 1 instead of 0 at /spec/replicas",
          "Service port has y instead of x at /spec/selector/app", "Ingress gone is missing",
        ])
      let failure = await #expect(throws: RuntimeFailure.self) {
        try await check.correct(drifted, of: stack.target()) { _ in }
      }
      #expect(failure?.reason == "CorrectionRefused")
      #expect(failure?.message.hasPrefix("The cluster refuses ConfigMap fixed as the release has it.") == true)
      let left = try await check.drifted(
        manifest, live: try await bench.live(manifest), of: stack.target(), revision: 1)
      #expect(left.map(\.object.title) == ["ConfigMap fixed"])
      #expect(left.flatMap(\.differences).allSatisfy { $0.obstacle != nil })
      #expect(
        try await stack.kubectl("get", "service", "port", "-o", port) == allotted, "the port that was allotted stays")
    }
  }
}

private struct DriftBench {
  let stack: HelmStack
  let cluster: ClusterObjects
  let seed: UInt64
  var generator: ManifestGenerator
  var changes = 0

  init(_ stack: HelmStack, seed: UInt64) {
    self.stack = stack
    self.seed = seed
    cluster = ClusterObjects(
      client: stack.client, discovery: APIDiscovery(client: stack.client), logger: Logger(label: "test"))
    generator = ManifestGenerator(random: SeededGenerator(seed: seed))
  }

  mutating func run(_ kind: String, _ round: Int) async throws {
    let json = generator.manifest(kind, name: "o\(round)-\(kind.lowercased())")
    let about: Comment = "seed \(seed), round \(round): \(json.text)"
    let object = try #require(ManifestObject(json, namespace: stack.namespace), about)
    let (names, key) = try #require(try await cluster.resource(of: object), about)
    do {
      _ = try await stack.client.create(names, namespace: key.namespace, object.json.withoutNulls)
    } catch {
      Issue.record(error, about)
      return
    }
    let made = try await drift(of: object, names, key)
    #expect(made == [], about)
    for _ in 0..<3 {
      guard let (change, place) = try await changed(object, names, key) else { continue }
      changes += 1
      let found = try await drifted(object, names, key)
      #expect(found != nil, "\(change) is not seen; \(about)")
      guard let found else { break }
      do {
        try await DriftCheck(cluster: cluster, now: { Timestamp(seconds: 0) }).correct([found], of: stack.target()) {
          _ in
        }
      } catch {
        Issue.record(error, "\(change) at \(place) cannot be undone; \(about)")
        break
      }
      let left = try await drift(of: object, names, key)
      #expect(left == [], "\(change) is left; \(about)")
      if !left.isEmpty { break }
    }
    try await stack.client.delete(names, key)
  }

  func create(_ json: JSONValue, of object: ManifestObject) async throws {
    let (names, key) = try #require(try await cluster.resource(of: object))
    _ = try await stack.client.create(
      names, namespace: key.namespace, json, options: WriteOptions(fieldManager: "somebody"))
  }

  /// As the API server has them now.
  func live(_ manifest: RenderedManifest) async throws -> [JSONValue?] {
    var found: [JSONValue?] = []
    for object in manifest.objects {
      let (names, key) = try #require(try await cluster.resource(of: object))
      found.append((try? await stack.client.get(names, key)).flatMap(ClusterObjects.trimmed))
    }
    return found
  }

  private func drifted(
    _ object: ManifestObject, _ names: ResourceNames, _ key: ObjectKey
  ) async throws -> DriftCheck.Drifted? {
    let live = try #require(ClusterObjects.trimmed(try await stack.client.get(names, key)))
    var manifest = try RenderedManifest("", namespace: stack.namespace)
    manifest.objects = [object]
    return try await DriftCheck(cluster: cluster, now: { Timestamp(seconds: 0) })
      .drifted(manifest, live: [live], of: stack.target(), revision: 1).first
  }

  private func drift(of object: ManifestObject, _ names: ResourceNames, _ key: ObjectKey) async throws -> [String] {
    (try await drifted(object, names, key)?.differences ?? []).map { "\($0.change)" }
  }

  /// Changes a random field that the manifest sets.
  /// - Returns: what was changed; nil where the server takes no change of those tried, or took it for none.
  private mutating func changed(
    _ object: ManifestObject, _ names: ResourceNames, _ key: ObjectKey
  ) async throws -> (String, LivePlace)? {
    let live = try await stack.client.get(names, key)
    let places = OwnedField.all(of: object, in: live)
    for _ in 0..<6 {
      guard let field = places.randomElement(using: &generator.random) else { return nil }
      // Of two ports that are told apart by their names the API server takes one with another number or protocol for a third, and
      // refuses two of one name: the Agent reports that (CorrectionRefused), and undoes nothing.
      if case .member("containerPort")? = field.place.steps.last, field.value == 53 { continue }
      if case .member("protocol")? = field.place.steps.last, field.value == "UDP" { continue }
      guard let other = field.changed(&generator.random) else { continue }
      let wanted = live.setting(field.place.steps[...], to: other)
      guard wanted != live else { continue }
      guard
        let after = try? await stack.client.mergePatch(
          names, key, live.mergePatch(to: wanted), options: WriteOptions(fieldManager: "somebody"))
      else { continue }
      if field.place.value(in: after) != field.place.value(in: live) {
        return (
          "\(field.place.steps) from \(field.value?.text ?? "nothing") to \(other?.text ?? "nothing")", field.place
        )
      }
    }
    return nil
  }
}

/// A field that a manifest sets, and what stands there.
private struct OwnedField {
  var place: LivePlace
  var value: JSONValue?

  static func all(of object: ManifestObject, in live: JSONValue) -> [OwnedField] {
    var found: [OwnedField] = []
    collect(object.desired, live, LivePlace(), [], object.kind, &found)
    return found
  }

  private static func collect(
    _ wanted: JSONValue, _ live: JSONValue?, _ place: LivePlace, _ path: [String], _ kind: String,
    _ found: inout [OwnedField]
  ) {
    if path.count == 1, ["apiVersion", "kind"].contains(path[0]) { return }
    if path.first == "metadata", path.count == 2, !["labels", "annotations"].contains(path[1]) { return }
    if isOfTheCluster(path, kind), wanted.isZero { return }
    switch wanted {
    case .null: return
    case .object(let members):
      let isOpen = ["labels", "annotations", "data", "metadata", "spec"].contains(path.last ?? "")
      if members.isEmpty, !isOpen { found.append(OwnedField(place: place, value: live)) }
      for (name, value) in members.sorted(by: { $0.key < $1.key }) {
        collect(value, live?[name], place.appending(.member(name)), path + [name], kind, &found)
      }
    case .array(let elements):
      if elements.isEmpty || ["rules", "subjects", "ingress", "from", "tolerations", "args"].contains(path.last) {
        found.append(OwnedField(place: place, value: live))
      }
      let key = ["mountPath", "ip", "containerPort", "port", "name"].first { key in
        let keys = elements.map { $0[key] }
        return !["rules", "subjects", "from", "paths", "items"].contains(path.last)
          && keys.allSatisfy { $0 != nil } && Set(keys).count == keys.count
      }
      for (index, element) in elements.enumerated() {
        var step = LivePlace.Step.index(index)
        var other = live?.array.flatMap { $0.indices.contains(index) ? $0[index] : nil }
        if let key, let value = element[key], path.last != "ports" || path.count == 2 || key == "containerPort" {
          step = .element([key: value])
          other = live?.array?.first { $0[key] == value }
        }
        collect(element, other, place.appending(step), path + [String(index)], kind, &found)
      }
    default: found.append(OwnedField(place: place, value: live))
    }
  }

  private static func isOfTheCluster(_ path: [String], _ kind: String) -> Bool {
    switch (kind, path.last) {
    case ("Service", "clusterIP"), ("Service", "nodePort"), ("PersistentVolumeClaim", "volumeName"),
      ("ServiceAccount", "secrets"), ("ServiceAccount", "imagePullSecrets"):
      true
    default: false
    }
  }

  /// - Returns: another value, nil in it for none; nil where there is none to think of.
  func changed(_ random: inout SeededGenerator) -> JSONValue?? {
    if value != nil, Int.random(in: 0..<4, using: &random) == 0 { return .some(nil) }
    let name: String = if case .member(let name)? = place.steps.last { name } else { "" }
    switch value {
    case .bool(let flag)?: return .bool(!flag)
    case .integer(let number)?: return .integer(number + 1)
    case .string(let text)?:
      if Quantity(text) != nil { return .string("2Gi") }
      return .string(["imagePullPolicy": "Never", "protocol": "SCTP", "type": "NodePort"][name] ?? text + "x")
    case .array(let elements)?:
      if name == "rules", place.steps.count == 1 {
        return .array(elements + [["apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]]])
      }
      if name == "subjects" { return .array(elements + [["kind": "User", "name": "added"]]) }
      if name == "ingress" || name == "tolerations" {
        return .array(elements + [name == "ingress" ? [:] : ["operator": "Exists", "key": "added"]])
      }
      if name == "from" { return .array(elements + [["namespaceSelector": [:]]]) }
      if name == "args" { return .array(elements + ["added"]) }
      return elements.isEmpty ? nil : .array(Array(elements.dropLast()))
    case .object?, nil, .null?, .number?:
      switch name {
      case "podSelector", "namespaceSelector", "selector": return ["matchLabels": ["added": "x"]]
      case "matchLabels", "nodeSelector": return ["added": "x"]
      case "securityContext": return ["runAsUser": 7]
      case "resources": return ["limits": ["cpu": "3"]]
      case "emptyDir": return ["medium": "Memory"]
      case "egress", "ingress": return [[:]]
      case "env": return [["name": "ADDED", "value": "x"]]
      case "args": return ["added"]
      case "rules": return [["apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]]]
      case "subjects": return [["kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": "added"]]
      case "tolerations": return [["operator": "Exists"]]
      case "allowPrivilegeEscalation", "hostNetwork", "readOnlyRootFilesystem", "tty": return true
      default: return nil
      }
    }
  }
}

extension JSONValue {
  /// This value with another at a place; nil takes away.
  fileprivate func setting(_ steps: ArraySlice<LivePlace.Step>, to value: JSONValue?) -> JSONValue {
    guard let step = steps.first else { return value ?? .null }
    let rest = steps.dropFirst()
    var changed = self
    switch step {
    case .member(let name):
      changed[name] = rest.isEmpty ? value : (self[name] ?? [:]).setting(rest, to: value)
      return changed
    case .index, .element:
      guard case .array(var elements) = self else { return self }
      let position =
        switch step {
        case .index(let index): elements.indices.contains(index) ? index : nil
        case .element(let keys): elements.firstIndex { ListKeys.matches($0, keys) }
        case .member: nil as Int?
        }
      guard let position else { return self }
      if rest.isEmpty {
        if let value { elements[position] = value } else { elements.remove(at: position) }
      } else {
        elements[position] = elements[position].setting(rest, to: value)
      }
      return .array(elements)
    }
  }
}
