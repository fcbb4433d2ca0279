import DeploymentKinds
import FoundationEssentials
import HTTPTransport
import ReleaseManifest
import TestSupport
import Testing
import WireFormats

@testable import Agent
@testable import DeploymentPlanning

/// Nothing but what the vendor signed is started, and what is not is taken back.
@Suite(.needs(.cluster), .needs(.kubectl), .needs(.images), .usesEngine)
struct HelmImageTests {
  @Test(arguments: HelmEdition.offered.sharedOut(0))
  func whatAChartNamesBesidesTheManifestIsNeverApplied(_ edition: HelmEdition) async throws {
    try await HelmStack.with(edition) { stack in
      let images = try Testbed.location(of: .images)
      let second = try HelmStack.deployment(tag: try await stack.pinned("backend:v2"))
      _ = try await stack.deploy(
        try await stack.signed(
          "1.0.0", of: try HelmStack.deployment(tag: try await stack.pinned("backend:v1")), images: ["backend:v1"]))

      func pod(_ lists: String) -> String {
        "{apiVersion: batch/v1, kind: Job, metadata: {name: extra, ANNOTATIONS}, "
          + "spec: {template: {spec: {restartPolicy: Never, \(lists)}}}}"
      }
      let listed = "containers: [{name: one, image: \"\(images)/backend:\(try await stack.pinned("backend:v2"))\"}]"
      let other = "\(images)/media:\(try await stack.pinned("media:v2"))"
      let tag = "\(images)/backend:v2"
      let hook = "annotations: {helm.sh/hook: pre-upgrade}"
      for (lists, annotations, place, image) in [
        ("containers: [{name: one, image: \"\(other)\"}]", "labels: {}", "Job extra, container one", other),
        (
          "initContainers: [{name: two, image: \"\(other)\"}], \(listed)", "labels: {}",
          "Job extra, init container two",
          other
        ),
        ("containers: [{name: one, image: \"\(other)\"}]", hook, "Job extra, container one", other),
        (
          "containers: [{name: one, image: \"\(other)\"}]", "annotations: {helm.sh/hook: test}",
          "Job extra, container one", other
        ),
        // Whose the registry is decides what a tag means.
        ("containers: [{name: one, image: \"\(tag)\"}]", "labels: {}", "Job extra, container one", tag),
        ("initContainers: [{name: two, image: \"\(tag)\"}], \(listed)", hook, "Job extra, init container two", tag),
      ] {
        let object = pod(lists).replacing("ANNOTATIONS", with: annotations)
        let bad = try await stack.signed("2.0.0", of: second, object, images: ["backend:v2"])
        let failure = await #expect(throws: RuntimeFailure.self) { try await stack.deploy(bad) }
        #expect(
          failure?.reason == "ImageNotInManifest" && failure?.kind == .permanent, "\(String(describing: failure))")
        #expect(
          failure?.message.hasPrefix("\(place), would start \(image): ") == true, "\(failure?.message ?? "")")
      }

      #expect(try await stack.history() == ["1 deployed"])
      #expect(try await stack.kubectl("get", "jobs", "-o", "name").isEmpty)
      let observed = EnvironmentComparison(expected: 1, try await stack.observe())
      #expect(observed.isMatching, "\(observed)")
      let good = try await stack.signed("2.0.0", of: second, images: ["backend:v2"])
      #expect(try await stack.deploy(good).revision?.number == 2)
    }
  }

  /// Somebody sets another image before the release counts as good.
  @Test(arguments: HelmEdition.offered.sharedOut(1))
  func anotherImageThanTheSignedOneIsTakenBack(_ edition: HelmEdition) async throws {
    try await HelmStack.with(edition) { stack in
      func release(_ version: String) async throws -> PreparedRelease {
        let image = version == "1.0.0" ? "backend:v1" : "backend:v2"
        return try await stack.signed(
          version, of: try HelmStack.deployment(tag: try await stack.pinned(image)), images: [image])
      }
      let swapping = try stack.with(
        program: """
          #!/bin/bash
          \(stack.helm) "$@" || exit
          [[ "$1" != upgrade || " $* " == *" --dry-run"* ]] || \
            \(try Testbed.location(of: .kubectl)) -n \(stack.namespace) set image deployment/web \
              web=\(try Testbed.location(of: .images))/media:v3 >/dev/null
          """)
      func expectRefusal(of version: String) async throws -> String {
        let bad = try await release(version)
        let failure = await #expect(throws: RuntimeFailure.self) { try await swapping.deploy(bad) }
        #expect(
          failure?.reason == "ImageNotInManifest" && failure?.kind == .permanent, "\(String(describing: failure))")
        let running = try await stack.digest("media:v3")
        #expect(
          failure?.message.contains("Deployment web, container web of pod web-") == true, "\(failure?.message ?? "")")
        #expect(failure?.message.contains("runs \(running) as") == true, "\(failure?.message ?? "")")
        return failure?.message ?? ""
      }
      // There is nothing to return to, and what was started must not go on.
      #expect(try await expectRefusal(of: "1.0.0").hasSuffix("so it was uninstalled"))
      #expect(try await stack.kubectl("get", "deployments", "-o", "name").isEmpty)

      let first = try await stack.deploy(try await release("1.0.0"))
      _ = try await expectRefusal(of: "2.0.0")
      let restored = try await stack.restore(try #require(first.revision))
      #expect(restored?.imageDigests == first.imageDigests)
      let good = try await stack.deploy(try await release("2.0.0"))
      #expect(good.imageDigests == ["web": try await stack.digest("backend:v2")])
    }
  }

  /// What the signed chart lets values say is used; what they make it execute is not.
  @Test(arguments: HelmEdition.offered)
  func valuesOfTheBucketDecideNothingThatIsExecuted(_ edition: HelmEdition) async throws {
    try await HelmStack.with(edition) { stack in
      let web = try HelmStack.deployment(tag: try await stack.pinned("backend:v1"), replicas: 77)
        .replacing("replicas: 77", with: "replicas: {{ .Values.replicas }}")
        .replacing("name: web\n", with: "name: {{ .Values.fullName | default \"web\" }}\n")
        .replacing(
          "env: []",
          with:
            "env: {{ .Values.env | default list | toJson }}\n          {{- with .Values.command }}\n          command: {{ toJson . }}\n          {{- end }}"
        )
      let settings = """
        apiVersion: v1
        kind: ConfigMap
        metadata: {name: settings}
        data: {{ .Values.settings | default dict | toJson }}
        """
      func release(_ values: String) async throws -> PreparedRelease {
        var release = try await stack.signed("1.0.0", of: web, settings, images: ["backend:v1"])
        let file = "\(release.folder)/../config"
        try Data(values.utf8).write(to: URL(filePath: file))
        release.configFile = file
        release.release.configPath = "config/values.yaml"
        return release
      }
      // A text that ends the object in which it stands, and begins another.
      let injected = [
        "0", "  selector: {matchLabels: {app: evil}}",
        "  template: {metadata: {labels: {app: evil}}, spec: {containers: [{name: web, command: [evil],"
          + " image: '\(try Testbed.location(of: .images))/backend:\(try await stack.pinned("backend:v1"))'}]}}",
        "---", "apiVersion: apps/v1", "kind: Deployment", "metadata: {name: rest}", "spec:", "  replicas: 1",
      ].joined(separator: "\\n")
      let honest = "replicas: 1\nsettings: {MODE: \"a b\", HOST: shop.example.com}\nenv: [{name: MODE, value: debug}]\n"
      for (values, place) in [
        ("replicas: 1\ncommand: [/bin/sh, -c, evil]\n", "spec.template.spec.containers[0].command of Deployment web"),
        ("replicas: \"\(injected)\"\n", "The values of config/values.yaml decide"),
        ("replicas: 1\nenv: [{name: NODE_OPTIONS, value: --require=/evil}]\n", "env.NODE_OPTIONS of Deployment web"),
        ("replicas: 1\nsettings: {LD_PRELOAD: /evil}\n", "data.LD_PRELOAD of ConfigMap settings"),
        ("replicas: 1\ncommand: [!evil x]\n", "cannot be read"),
      ] {
        let bad = try await release(values)
        let failure = await #expect(throws: RuntimeFailure.self) { try await stack.deploy(bad) }
        #expect(
          failure?.reason == "SettingNotAllowed" && failure?.kind == .permanent,
          "\(values): \(String(describing: failure))")
        #expect(failure?.message.contains(place) == true, "\(failure?.message ?? "")")
        #expect(failure?.message.contains("config/values.yaml") == true, "\(failure?.message ?? "")")
      }
      #expect(try await stack.observe().latest == nil)
      #expect(try await stack.deploy(try await release(honest)).revision?.number == 1)
      #expect(try await stack.field(".data.MODE", of: "configmap/settings") == "a b")
    }
  }

  @Test(arguments: HelmEdition.offered.sharedOut(2))
  func aChartThatTakesDigestsStartsTheImagesByThem(_ edition: HelmEdition) async throws {
    try await HelmStack.with(edition) { stack in
      let web = try HelmStack.deployment(tag: "v1{{ with .Values.web }}@{{ .image.digest }}{{ end }}")
      var release = try await stack.signed("1.0.0", of: web, images: ["backend:v2"])
      let failure = await #expect(throws: RuntimeFailure.self) { try await stack.deploy(release) }
      #expect(failure?.message.contains("named by tag") == true, "\(failure?.message ?? "")")
      release.manifest?.images[0].digestValue = "web.image.digest"
      let digest = try await stack.digest("backend:v2")
      #expect(try await stack.deploy(release).imageDigests == ["web": digest])
      let image = try await stack.field(".spec.template.spec.containers[0].image", of: "deployment/web")
      #expect(image.hasSuffix("/backend:v1@\(digest)"))
    }
  }

  /// What is judged is rendered once more when it is deployed.
  @Test(arguments: HelmEdition.offered.sharedOut(3))
  func aChartThatRendersSomethingElseTheSecondTimeIsStopped(_ edition: HelmEdition) async throws {
    try await HelmStack.with(edition) { stack in
      let web = try HelmStack.deployment(tag: try await stack.pinned("backend:v1")).replacing(
        "/backend:", with: "/{{ if .Values.second }}media{{ else }}backend{{ end }}:")
      let release = try await stack.signed("1.0.0", of: web, images: ["backend:v1"])
      let changing = try stack.with(
        program: """
          #!/bin/bash
          [[ "$1" != upgrade || " $* " == *" --dry-run"* ]] || set -- "$@" --set second=true
          exec \(stack.helm) "$@"
          """)
      let failure = await #expect(throws: RuntimeFailure.self) { try await changing.deploy(release) }
      #expect(failure?.reason == "ImageNotInManifest", "\(String(describing: failure))")
      #expect(failure?.message.contains("would start \(try Testbed.location(of: .images))/media:v1@") == true)
      #expect(try await stack.deploy(release).imageDigests == ["web": try await stack.digest("backend:v1")])
    }
  }

  /// A cluster refuses even to look at objects of a kind that the chart is about to bring.
  @Test(arguments: HelmEdition.offered.sharedOut(4))
  func aChartThatBringsItsOwnKindsIsJudgedToo(_ edition: HelmEdition) async throws {
    try await HelmStack.with(edition) { stack in
      let group = "\(stack.namespace).example.com"
      let image = "\(try Testbed.location(of: .images))/media:v1"
      func thing(_ field: String) -> String {
        "{apiVersion: \(group)/v1, kind: Thing, metadata: {name: one}, spec: {\(field): [{name: c, image: \"\(image)\"}]}}"
      }
      func release(_ object: String, definitions: String) async throws -> PreparedRelease {
        let release = try await stack.signed(
          "1.0.0", of: object, try HelmStack.deployment(tag: try await stack.pinned("backend:v1")),
          images: ["backend:v1"])
        let folder = "\(release.folder)/wrktalk/crds"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try Data(definitions.utf8).write(to: URL(filePath: "\(folder)/all.yaml"))
        return release
      }
      let definition = """
        apiVersion: apiextensions.k8s.io/v1
        kind: CustomResourceDefinition
        metadata: {name: things.\(group)}
        spec:
          group: \(group)
          scope: Namespaced
          names: {plural: things, singular: thing, kind: Thing, listKind: ThingList}
          versions:
            - name: v1
              served: true
              storage: true
              schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
        """
      let pod =
        "{apiVersion: v1, kind: Pod, metadata: {name: stray}, spec: {containers: [{name: c, image: \"\(image)\"}]}}"
      for (bad, title) in [
        (try await release(thing("containers"), definitions: definition), "Thing one, container c"),
        (try await release(thing("other"), definitions: "\(definition)\n---\n\(pod)"), "Pod stray, container c"),
      ] {
        let failure = await #expect(throws: RuntimeFailure.self) { try await stack.deploy(bad) }
        #expect(failure?.reason == "ImageNotInManifest", "\(String(describing: failure))")
        #expect(failure?.message.hasPrefix("\(title), would start \(image)") == true, "\(failure?.message ?? "")")
        #expect(try await stack.kubectl("get", "pods", "-o", "name").isEmpty)
      }
      let good = try await release(thing("other"), definitions: definition)
      let result: Result<RunningRelease, RuntimeFailure>
      do throws(RuntimeFailure) { result = .success(try await stack.deploy(good)) } catch { result = .failure(error) }
      try await stack.kubectl("delete", "crd", "things.\(group)", "--ignore-not-found", "--wait=false")
      #expect(try result.get().revision?.number == 1)
    }
  }
}

extension HelmStack {
  /// - Parameter images: what the manifest lists: `backend:v1` for what the registry has under that tag now.
  fileprivate func signed(_ version: String, of objects: String..., images: [String]) async throws -> PreparedRelease {
    var release = try release(version, of: objects.joined(separator: "\n---\n"))
    var listed: [Manifest.Image] = []
    for image in images {
      let reference = ImageReference("\(try Testbed.location(of: .images))/\(image)")
      listed.append(
        .init(service: "web", repository: reference.repository, digest: try await digest(image)))
    }
    release.manifest = Manifest(
      product: "wrktalk", version: version, sequence: 1, issuedAt: Timestamp(seconds: 0),
      expires: Timestamp(seconds: 1),
      artifacts: [], images: listed)
    return release
  }

  /// The tag of `backend:v1` with the digest that the registry has under it.
  fileprivate func pinned(_ image: String) async throws -> String {
    "\(image.split(separator: ":")[1])@\(try await digest(image))"
  }

  /// What the registry has under a tag: `backend:v1`.
  fileprivate func digest(_ image: String) async throws -> String {
    let parts = image.split(separator: ":")
    let location = try Testbed.location(of: .images)
    let slash = try #require(location.firstIndex(of: "/"))
    let response = try await HTTPClient(userAgent: "wrktalk-tests").send(
      HTTPRequest(
        url: "http://\(location[..<slash])/v2\(location[slash...])/\(parts[0])/manifests/\(parts[1])",
        headers: [("Accept", "application/vnd.docker.distribution.manifest.v2+json")]))
    return try #require(response.headers["Docker-Content-Digest"])
  }
}
