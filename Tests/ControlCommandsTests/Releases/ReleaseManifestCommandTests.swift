import FoundationEssentials
import Processes
import ReleaseManifest
import TestSupport
import Testing
import WireFormats

@testable import ControlCommands

/// `wrktalkctl release manifest`: what charts and bundles run, and how a person sees it before it is signed.
@Suite(.timeLimit(.minutes(5))) struct ReleaseManifestCommandTests {
  /// Packs a folder of the desk.
  private static func pack(_ desk: SigningDesk, _ folder: String, _ archive: String) async throws {
    let result = try await ChildProcess.run(
      executable: "tar", arguments: ["-C", desk.folder.path, "-czf", desk.folder.file(archive), folder],
      environment: desk.environment)
    #expect(result.status.isSuccess, "\(result.standardError.text)")
  }

  private static func bundle(_ desk: SigningDesk, _ services: String) async throws {
    try desk.folder.write("services:\n\(services)\n", to: "shop/docker-compose.yaml")
    try await pack(desk, "shop", "shop.tar.gz")
  }

  /// Without Docker the files are read here; its folder is not on this path.
  private static func desk() throws -> SigningDesk {
    var desk = try SigningDesk()
    try desk.folder.write("", to: "bin/.keep")
    for tool in ["tar", "gzip", "sh", "cat", "printf"] {
      if let path = ExecutableSearch.find(tool, path: "/usr/bin:/bin") {
        try FileManager.default.createSymbolicLink(atPath: desk.folder.file("bin/\(tool)"), withDestinationPath: path)
      }
    }
    desk.environment["PATH"] = desk.folder.file("bin")
    return desk
  }

  private static let command = [
    "release", "manifest", "--product", "wrktalk", "--version", "2.3.0", "--sequence", "42",
  ]

  private static func manifest(_ desk: SigningDesk, _ name: String) throws -> ReleaseManifest.Manifest {
    try ReleaseManifest.Manifest(payload: Array(try desk.text(name).utf8))
  }

  @Test func aBundlesImagesAreResolvedInEveryProfile() async throws {
    let desk = try Self.desk()
    let registry = try FakeRegistry()
    try await Self.bundle(
      desk,
      """
        backend: {image: "${REGISTRY}/shop/backend:${BACKEND_IMAGE_TAG}"}
        control-tower: {image: "${REGISTRY:?}/shop/tower:${CONTROL_TOWER_IMAGE_TAG:-v9}", profiles: [admin]}
        twin: {image: "$REGISTRY/shop/backend:v1"}
      """)
    try desk.folder.write("# the customer's\nREGISTRY=\(registry.host)\n", to: "example.env")
    try desk.folder.write("\n# new\nLOG_LEVEL=info\n", to: "new.env")
    let answer = try await desk.run(
      Self.command + [
        "--bundle", "shop.tar.gz", "--env", "example.env", "--image-tag", "backend=v1", "--image-tag",
        "controlTower=single", "--settings", "new.env", "--setting", "MODE=a=b", "--migration", "--minimum-version",
        "2.0.0", "--expires", "30d", "--image", "extra=\(registry.host)/shop/extra:single", "-o", "release.json",
      ])
    #expect(answer.code == 0, "\(answer.errors)")
    let manifest = try Self.manifest(desk, "release.json")
    #expect(manifest.sequence == 42 && manifest.version == "2.3.0" && manifest.ruleset.migration)
    #expect(manifest.expires == manifest.issuedAt + .seconds(30 * 86_400))
    #expect(manifest.images.map(\.service) == ["backend", "control-tower", "extra", "twin"])
    #expect(manifest.images[0].repository == "\(registry.host)/shop/backend")
    #expect(manifest.images[0].digest == registry.digest(of: "v1") && manifest.images[0].contentDigests.count == 4)
    #expect(manifest.images[1].digest == registry.digest(of: "single"))
    #expect(manifest.imageTags == ["backend": "v1", "controlTower": "single"])
    #expect(manifest.settings == [.init(key: "LOG_LEVEL", value: "info"), .init(key: "MODE", value: "a=b")])
    #expect(manifest.artifacts[0].runtime == .compose && manifest.artifacts[0].size > 100)
    #expect(answer.output.contains("wrktalk 2.3.0, sequence 42") && answer.output.contains("LOG_LEVEL     info"))
    // One request of each document, however many services run the image.
    #expect(registry.log.count == 5)
    // And it can be signed and compared with its artifact.
    try await desk.succeed("trust", "init", "--product", "wrktalk", "--dir", "trust")
    try await desk.succeed("release", "sign", "release.json", "--key", "trust/release.key", "-o", "signed.json")
    try await desk.succeed(
      "release", "verify", "signed.json", "--root", "trust/root.json", "--artifact", "shop.tar.gz")
  }

  @Test func whatNobodyCouldSignIsRefused() async throws {
    let registry = try FakeRegistry()
    for (services, reason) in [
      ("  a: {build: .}", "is built on this host (build:)"), ("  a: {command: x}", "names no image"),
      ("  a: {image: \"x:${A_IMAGE_TAG}\"}", "needs the variable A_IMAGE_TAG"),
      ("  a: {image: \"${NOTHING:-}\"}", "which is not an image"), ("  a: {extends: b}", "which only Compose can read"),
      ("  a: {image: \"\(registry.host)/shop/a:v9\"}", "does not have the image"), ("  []", "have no services"),
      ("  a: {image: \"${\"}", "malformed"), ("  a: [", "docker-compose.yaml:"),
    ] {
      let desk = try Self.desk()
      try await Self.bundle(desk, services)
      let answer = try await desk.run(Self.command + ["--bundle", "shop.tar.gz", "-o", "release.json"])
      #expect(answer.code == 1 && answer.errors.contains(reason), "\(services): \(answer.errors)")
      #expect(try !desk.names.contains("release.json"))
    }
  }

  /// By the same rules, so that it is said before it is signed.
  @Test(arguments: [false, true]) func whatAgentsRefuseInABundleIsRefused(hasCompose: Bool) async throws {
    var desk = try Self.desk()
    if hasCompose {
      guard let docker = ExecutableSearch.find("docker", path: Testbed.variable("PATH") ?? "") else { return }
      desk.environment["PATH"] = "\(desk.folder.file("bin")):\(docker.dropLast("/docker".count))"
      // Compose may be a plugin that lies there.
      desk.environment["DOCKER_CONFIG"] = Testbed.variable("HOME").map { "\($0)/.docker" }
      guard try await desk.shell("docker compose version >/dev/null 2>&1") else { return }
    }
    let good = "services: {a: {image: 'x:1'}}"
    for (files, settings, reason) in [
      ([("shop/compose.yaml", "services: {a: {image: 'x:1', build: .}}")], "", "is built on this host (build:)"),
      ([("shop/compose.yaml", "services: {a: {image: 'x:1', develop: {watch: []}}}")], "", "(develop:)"),
      (
        [("shop/compose.yaml", "services: {a: {image: 'x:1', volumes: [{type: image, source: y, target: /y}]}}")], "",
        "mounts an image as a volume"
      ),
      ([("shop/compose.yaml", "include: ['oci://example.com/x']\n\(good)")], "", "lies elsewhere and would be fetched"),
      (
        [("shop/compose.yaml", "services: {a: {extends: {file: ../x.yaml, service: a}}}")], "",
        "is no file of the bundle"
      ),
      ([("shop/compose.yaml", good)], "NODE_OPTIONS=x\n", "test.env sets NODE_OPTIONS"),
      ([("shop/compose.yaml", good)], "A=1\rB=2\n", "carriage return"),
      ([("shop/compose.yaml", good)], "COMPOSE_FILE=other.yaml\n", "but the bundle brings no such file"),
      ([("shop/README", "")], "", "holds no docker-compose.yaml"),
      ([("shop/compose.yaml", good), ("more/README", "")], "", "it holds the folders more, shop"),
    ] {
      let folder = try TemporaryFolder()
      for (name, text) in files { try folder.write(text, to: name) }
      try? FileManager.default.removeItem(atPath: desk.folder.file("bundle"))
      try FileManager.default.copyItem(atPath: folder.path, toPath: desk.folder.file("bundle"))
      #expect(try await desk.shell("/bin/tar -C bundle -czf bundle.tgz ."))
      try desk.folder.write(settings, to: "test.env")
      let answer = try await desk.run(
        Self.command + ["--bundle", "bundle.tgz", "--env", "test.env", "-o", "release.json"])
      #expect(answer.code == 1 && answer.errors.contains(reason), "\(reason): \(answer.errors)")
      #expect(answer.errors.contains("no Agent would deploy the bundle bundle.tgz: "), "\(answer.errors)")
    }
    #expect(try !desk.names.contains("release.json"))
  }

  @Test func theFilesThatTheSettingsNameAreRead() async throws {
    let desk = try Self.desk()
    let registry = try FakeRegistry()
    try desk.folder.write("services: {a: {image: \(registry.host)/shop/a:single}}", to: "shop/compose.yaml")
    try desk.folder.write("services: {b: {image: \(registry.host)/shop/b:single}}", to: "shop/s3/compose.yml")
    try await Self.pack(desk, "shop", "shop.tar.gz")
    try desk.folder.write("COMPOSE_FILE=compose.yaml:./s3/compose.yml\n", to: "test.env")
    let bundle = Self.command + ["--bundle", "shop.tar.gz"]
    #expect(try await desk.run(bundle + ["-o", "one.json"]).code == 0)
    #expect(try Self.manifest(desk, "one.json").images.map(\.service) == ["a"])
    #expect(try await desk.run(bundle + ["--env", "test.env", "-o", "two.json"]).code == 0)
    #expect(try Self.manifest(desk, "two.json").images.map(\.service) == ["a", "b"])
  }

  /// A signature says nothing of what the customer's settings put into a command.
  @Test func whatABundleLetsSettingsExecuteIsSaid() async throws {
    let desk = try Self.desk()
    let registry = try FakeRegistry()
    try await Self.bundle(
      desk,
      """
        backend:
          image: \(registry.host)/shop/backend:v1
          command: [serve, "--flags=${FLAGS:-none}", $$HOME, "$MORE"]
          environment: {MODE: "${MODE}"}
          volumes: [{type: bind, source: "${DATA}", target: /data}, "./config:/config"]
        media: {image: "\(registry.host)/shop/media:single", healthcheck: {test: "curl $URL"}}
      """)
    try desk.folder.write("FLAGS=a\nMORE=b\nMODE=c\nDATA=/d\nURL=e\n", to: "example.env")
    let answer = try await desk.run(Self.command + ["--bundle", "shop.tar.gz", "--env", "example.env"])
    #expect(answer.code == 0, "\(answer.errors)")
    let notes = answer.errors.split(separator: "\n").filter { $0.hasPrefix("Note: ") }
    #expect(notes.count == 3, "\(answer.errors)")
    for expected in [
      "backend.command of docker-compose.yaml takes FLAGS, MORE of", "backend.volumes", "media.healthcheck.test",
    ] {
      #expect(notes.contains { $0.contains("services.\(expected)") }, "\(expected): \(notes)")
    }
  }

  @Test func wrongArtifactsAreNamed() async throws {
    let desk = try Self.desk()
    try desk.folder.write("text", to: "text.tgz")
    try desk.folder.write("", to: "empty.tgz")
    try desk.folder.write("x", to: "folder/x")
    for (arguments, code, reason) in [
      (["--bundle", "missing.tgz"], 1, "missing.tgz cannot be read"), (["--bundle", "text.tgz"], 1, "not compressed"),
      (["--bundle", "empty.tgz"], 1, "is empty"), (["--chart", "folder"], 1, "is not a file"),
      (["--chart", "text.tgz"], 1, "helm could not be run"), ([], 64, "a release has an artifact"),
      (["--bundle", "text.tgz", "--image-tag", "a"], 64, "image-tag"),
      (["--bundle", "text.tgz", "--image-tag", "a=1", "--image-tag", "a=2"], 64, "names a twice"),
      (["--bundle", "text.tgz", "--expires", "soon"], 64, "soon"),
    ] as [([String], Int32, String)] {
      let answer = try await desk.run(Self.command + arguments)
      #expect(answer.code == code && answer.errors.contains(reason), "\(arguments): \(answer.errors)")
    }
  }

  /// A `helm` that renders three images, each with the digest that a value gives; with `tagged=1` all but the backend's by tag.
  private static func writeHelm(_ desk: SigningDesk, _ registry: FakeRegistry) throws {
    let script = """
      #!/bin/sh
      if [ "$1 $2" = "show chart" ]; then
        printf 'name: %s\\nversion: %s\\nappVersion: %s\\n' "${NAME:-wrktalk}" "${CHART_VERSION:-2.3.0}" "${APP_VERSION:-2.3.0}"; exit 0
      fi
      if [ "$1" = show ]; then
        printf 'media: {image: {repository: m, tag: x}}\\nbackend: {image: {tag: x}}\\ntools: {wait: {tag: x}}\\n'; exit 0
      fi
      tag=v1
      backend=\(registry.host)/shop/backend:v1 media=\(registry.host)/shop/media:single wait=\(registry.host)/shop/wait:single
      for word; do case $word in
        backend.image.digest=*) backend="\(registry.host)/shop/backend@${word#*=}" ;;
        media.image.digest=*) media="\(registry.host)/shop/media@${word#*=}" ;;
        tools.wait.digest=*) wait="\(registry.host)/shop/wait@${word#*=}" ;;
        backend.image.tag=*) tag=${word#*=} ;;
        tagged=*) tagged=1 ;;
        broken=*) echo 'Error: execution error at (x.yaml:1): broken is set' >&2; exit 1 ;;
      esac; done
      if [ -n "$tagged" ]; then media=\(registry.host)/shop/media:single wait=\(registry.host)/shop/wait:single; fi
      printf 'kind: Deployment\\nmetadata: {name: backend, labels: {version: %s}}\\nspec: {template: {spec: {initContainers: [{name: wait, image: %s}], containers: [{name: backend, image: "%s"}]}}}\\n' \
        "$tag" "$wait" "$backend"
      printf -- '---\\nkind: CronJob\\nmetadata: {name: m}\\nspec: {jobTemplate: {spec: {template: {spec: {containers: [{name: media, image: %s}]}}}}}\\n' "$media"
      """
    try desk.folder.write(script, to: "bin/helm")
    try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: desk.folder.file("bin/helm"))
  }

  @Test func aChartsImagesAreFoundWhereverTheyAreAndTheValueThatPinsThem() async throws {
    let desk = try Self.desk()
    let registry = try FakeRegistry()
    try Self.writeHelm(desk, registry)
    try desk.folder.write("chart", to: "shop.tgz")
    let answer = try await desk.run(
      Self.command + ["--chart", "shop.tgz", "--image-tag", "backend=v1", "-o", "release.json"])
    #expect(answer.code == 0, "\(answer.errors)")
    let images = try Self.manifest(desk, "release.json").images
    #expect(images.map(\.service) == ["backend", "media", "wait"])
    #expect(images.map(\.digestValue) == ["backend.image.digest", "media.image.digest", "tools.wait.digest"])
    #expect(images[0].digest == registry.digest(of: "v1"))
  }

  @Test func aChartThatTakesNoDigestForAnImageIsRefusedWithThePlace() async throws {
    let desk = try Self.desk()
    let registry = try FakeRegistry()
    try Self.writeHelm(desk, registry)
    try desk.folder.write("chart", to: "shop.tgz")
    let answer = try await desk.run(
      Self.command + ["--chart", "shop.tgz", "--image-tag", "backend=v1", "--values", "tagged=1", "-o", "release.json"])
    #expect(answer.code == 1)
    #expect(
      answer.errors.contains(
        "takes no digest for Deployment backend, init container wait (\(registry.host)/shop/wait:single); "
          + "CronJob m, container media ("), "\(answer.errors)")
    #expect(!FileManager.default.fileExists(atPath: desk.folder.file("release.json")))
  }

  @Test func aChartThatDoesNotRenderIsSaidWithHelmsWords() async throws {
    let desk = try Self.desk()
    try Self.writeHelm(desk, try FakeRegistry())
    try desk.folder.write("chart", to: "shop.tgz")
    let answer = try await desk.run(Self.command + ["--chart", "shop.tgz", "--values", "broken=1"])
    #expect(answer.code == 1 && answer.errors.contains("does not render: Error: execution error at (x.yaml:1)"))
  }

  @Test func aChartOfAnotherVersionIsRefused() async throws {
    var desk = try Self.desk()
    let registry = try FakeRegistry()
    try Self.writeHelm(desk, registry)
    try desk.folder.write("chart", to: "shop.tgz")
    let command = ["release", "manifest", "--product", "wrktalk", "--sequence", "42", "--chart", "shop.tgz"]
    for (chart, app, version, isTaken) in [
      ("2.3.0", "2.3.0", "v2.3.0", true), ("v2.3.0", "1.0.0", "2.3.0", true), ("0.9.1", "v2.3.0", "2.3.0", true),
      ("2.3.0+build.5", "x", "2.3.0", true), ("2.2.9", "2.2.9", "2.3.0", false),
      ("2.3.0", "2.3.0", "2.3.0-rc.1", false),
    ] {
      desk.environment["CHART_VERSION"] = chart
      desk.environment["APP_VERSION"] = app
      let answer = try await desk.run(command + ["--version", version])
      #expect((answer.code == 0) == isTaken, "\(chart) \(app) \(version): \(answer.errors)")
      let words =
        "shop.tgz is wrktalk, version \(chart), appVersion \(app), and the release is to be version \(version)"
      #expect(answer.errors.contains(words) != isTaken, "\(answer.errors)")
    }
    desk.environment["CHART_VERSION"] = "2.3.0"
    desk.environment["NAME"] = "shop"
    let other = try await desk.run(command + ["--version", "2.3.0"])
    #expect(
      other.code == 0 && other.errors.contains("Note: the chart shop.tgz is called shop, and the product wrktalk"))
    #expect(!registry.log.isEmpty)
  }

  @Test func aTagThatNothingTakesIsRefusedWithTheServicesThatThereAre() async throws {
    let desk = try Self.desk()
    let registry = try FakeRegistry()
    try Self.writeHelm(desk, registry)
    try desk.folder.write("chart", to: "shop.tgz")
    try await Self.bundle(
      desk,
      """
        backend: {image: "\(registry.host)/shop/backend:${BACKEND_IMAGE_TAG:-v1}"}
        control-tower: {image: "\(registry.host)/shop/tower:single", environment: {VERSION: "${CONTROL_TOWER_IMAGE_TAG}"}}
      """)
    for (arguments, named, hint) in [
      (
        ["--bundle", "shop.tar.gz", "--image-tag", "bakend=v1"], "bakend",
        "Is backend meant? The services are: backend, "
      ),
      (["--bundle", "shop.tar.gz", "--image-tag", "controltowr=v1"], "controltowr", "Is control-tower meant?"),
      (["--bundle", "shop.tar.gz", "--image-tag", "backend=v1", "--image-tag", "x=1"], "x", "hint: The services are"),
      (["--chart", "shop.tgz", "--image-tag", "backnd=v1"], "backnd", "Is backend meant?"),
      (["--chart", "shop.tgz", "--image-tag", "wait=v1"], "wait", "hint: The services are: backend, media, wait."),
    ] {
      let answer = try await desk.run(Self.command + arguments + ["-o", "release.json"])
      #expect(answer.code == 1 && answer.errors.contains("--image-tag \(named): neither"), "\(answer.errors)")
      #expect(answer.errors.contains(hint), "\(answer.errors)")
    }
    #expect(try !desk.names.contains("release.json"))
    // What one of the two takes is used, and so is what is no part of an image.
    let both = try await desk.run(
      Self.command + [
        "--bundle", "shop.tar.gz", "--chart", "shop.tgz", "--image-tag", "backend=v1", "--image-tag", "controlTower=v1",
      ])
    #expect(both.code == 0, "\(both.errors)")
  }

  @Test func whatWouldHaveNoEffectIsAWrongCommandLine() async throws {
    let desk = try Self.desk()
    let start = ["release", "manifest", "--product", "wrktalk", "--sequence", "42"]
    let (version, bundle, chart) = (["--version", "2.3.0"], ["--bundle", "b.tgz"], ["--chart", "c.tgz"])
    for (arguments, reason) in [
      (version + bundle + ["--values", "v.yaml"], "no effect without --chart"),
      (version + bundle + ["--helm", "helm3"], "no effect without --chart"),
      (version + chart + ["--env", ".env"], "no effect without --bundle"),
      (version + bundle + bundle, "a release has one bundle"), (version + chart + chart, "a release has one chart"),
      (["--version", "2.3"] + bundle, "--version must be a semantic version"),
      (["--version", "latest"] + bundle, "--version must be a semantic version"),
      (["--version", "2.3.0+7"] + bundle, "--version must be a semantic version"),
      (version + bundle + ["--minimum-version", "2"], "--minimum-version must be a semantic version"),
      (version + bundle + ["--minimum-version", "2.4.0"], "must not be above --version"),
    ] {
      let answer = try await desk.run(start + arguments)
      #expect(answer.code == 64 && answer.errors.contains(reason), "\(arguments): \(answer.errors)")
    }
    try desk.folder.write("x", to: "one.tgz")
    try await desk.fail(
      "the chart and the bundle are the same file", code: 64, "release", "manifest", "--product", "wrktalk",
      "--sequence",
      "42", "--version", "2.3.0", "--chart", "one.tgz", "--bundle", "one.tgz")
  }

  // MARK: With the real registry, Helm and Compose

  @Test(.needs(.images), .needs(.helm3), arguments: [Testbed.Facility.helm3, .helm4])
  func theFixturesChartIsReadWithRealHelmAndRegistry(_ helm: Testbed.Facility) async throws {
    let desk = try SigningDesk()
    let images = try Testbed.location(of: .images)
    let packed = try await ChildProcess.run(
      executable: "/bin/bash",
      arguments: ["\(Testbed.repository)/Tests/Testbed/chart.sh", "2.3.0", desk.folder.file("c.tgz")],
      environment: desk.environment)
    #expect(packed.status.isSuccess, "\(packed.standardError.text)")
    try desk.folder.write(
      "global: {registry: \(images)}\nagent: {enabled: true}\nmigration: {enabled: true}\n", to: "values.yaml")
    let tags = ["backend", "media", "controlTower", "agent"].flatMap { ["--image-tag", "\($0)=v2"] }
    let answer = try await desk.run(
      Self.command + [
        "--chart", "c.tgz", "--values", "values.yaml", "--helm", try Testbed.location(of: helm), "-o", "r.json",
      ] + tags)
    #expect(answer.code == 0, "\(answer.errors)")
    let found = try Self.manifest(desk, "r.json").images
    #expect(
      Set(found.map(\.repository)) == Set(["backend", "media", "control-tower", "agent"].map { "\(images)/\($0)" }))
    #expect(found.allSatisfy { $0.contentDigests.count == 1 })
  }

  @Test(.needs(.images), .needs(.docker)) func theFixturesBundleIsReadWithRealComposeAndRegistry() async throws {
    let desk = try SigningDesk()
    let images = try Testbed.location(of: .images)
    let packed = try await ChildProcess.run(
      executable: "tar",
      arguments: ["-C", "\(Testbed.repository)/Tests/Fixtures/compose", "-czf", desk.folder.file("b.tgz"), "wrktalk"],
      environment: desk.environment)
    #expect(packed.status.isSuccess)
    try desk.folder.write(
      "REGISTRY=\(images)\nBACKEND_PORT=1\nCONTROL_TOWER_PORT=2\nDATABASE_PASSWORD=x\n", to: "example.env")
    let tags = ["backend", "media", "controlTower", "agent"].flatMap { ["--image-tag", "\($0)=v2"] }
    let answer = try await desk.run(
      Self.command + ["--bundle", "b.tgz", "--env", "example.env", "-o", "r.json"] + tags)
    #expect(answer.code == 0, "\(answer.errors)")
    let found = try Self.manifest(desk, "r.json").images
    #expect(found.map(\.service) == ["agent", "backend", "control-tower", "media"])
  }
}
