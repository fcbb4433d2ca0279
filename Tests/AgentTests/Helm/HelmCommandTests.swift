import Testing

@testable import Agent

struct HelmCommandTests {
  static let upgrade = HelmCommand.Upgrade(
    release: "wrktalk", namespace: "prod", chart: "/work/chart", valueFiles: ["/work/config", "/work/values-0"],
    imageTags: ["media": "1e3", "controlTower": "sha-ghi", "a.b": "v1"], timeout: .milliseconds(90_500), historyMax: 7,
    description: "wrktalk-agent: 2.3.0", operation: "0a1b")

  @Test func helm3GetsItsOwnFlags() throws {
    let command = try #require(HelmCommand(executable: "helm", version: "v3.17.3"))
    #expect(
      command.arguments(Self.upgrade) == [
        "upgrade", "wrktalk", "/work/chart", "--install", "--namespace", "prod", "--values", "/work/config", "--values",
        "/work/values-0", "--set-string", #"a\.b.image.tag=v1"#, "--set-string", "controlTower.image.tag=sha-ghi",
        "--set-string", "media.image.tag=1e3", "--wait", "--wait-for-jobs", "--reset-values", "--timeout", "90s",
        "--history-max", "7",
        "--description", "wrktalk-agent: 2.3.0", "--labels", "deploy.wrktalk.com/operation=0a1b",
      ])
    #expect(
      command.rollbackArguments(
        release: "wrktalk", namespace: "prod", revision: 5, timeout: .seconds(60), historyMax: 7, runsHooks: false) == [
          "rollback", "wrktalk", "5", "--namespace", "prod", "--wait", "--wait-for-jobs", "--timeout", "60s",
          "--history-max", "7", "--no-hooks",
        ])
  }

  @Test func helm4TakesBackFieldsThatSomebodyElseOwns() throws {
    let command = try #require(
      HelmCommand(executable: "helm", version: "v4.1.4+g1234", context: "c"))
    let arguments = command.arguments(Self.upgrade)
    #expect(arguments.suffix(2) == ["--server-side=true", "--force-conflicts"])
    #expect(arguments.contains("--kube-context"))
    #expect(
      command.uninstallArguments(release: "wrktalk", namespace: "prod", timeout: .milliseconds(1)) == [
        "uninstall", "wrktalk", "--namespace", "prod", "--kube-context", "c", "--wait",
        "--timeout", "1s",
      ])
  }

  @Test func anOldHelm3GetsNoLabels() throws {
    let command = try #require(HelmCommand(executable: "helm", version: "v3.12.0"))
    #expect(!command.arguments(Self.upgrade).contains("--labels"))
  }

  @Test func renderingIsTheSameUpgradeWithoutDoingIt() throws {
    let command = try #require(HelmCommand(executable: "helm", version: "v3.17.3"))
    #expect(
      command.renderingArguments(Self.upgrade)
        == command.arguments(Self.upgrade) + ["--dry-run=server", "--output", "json"])
    let old = try #require(HelmCommand(executable: "helm", version: "v3.12.0"))
    #expect(old.renderingArguments(Self.upgrade).suffix(3) == ["--dry-run", "--output", "json"])
  }

  /// Else a tag could set what nobody signed.
  @Test func tagsAndDigestsSetOneValueEach() throws {
    var upgrade = Self.upgrade
    upgrade.imageTags = ["media": #"v1,global.registry={evil}\"#]
    upgrade.imageDigests = ["backend.image.digest": "sha256:abc", "a=b,c.digest": "sha256:def"]
    let command = try #require(HelmCommand(executable: "helm", version: "v3.17.3"))
    let arguments = command.arguments(upgrade)
    #expect(
      zip(arguments, arguments.dropFirst()).filter { $0.0 == "--set-string" }.map(\.1) == [
        #"media.image.tag=v1\,global.registry=\{evil\}\\"#, #"a\=b\,c.digest=sha256:def"#,
        "backend.image.digest=sha256:abc",
      ])
  }

  @Test(arguments: ["", "v2.17.0", "v5.0.0", "helm", "v3"])
  func anythingElseIsNoHelm(_ version: String) {
    #expect(HelmCommand(executable: "helm", version: version) == nil)
  }
}
