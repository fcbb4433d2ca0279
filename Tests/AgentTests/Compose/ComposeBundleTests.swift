import FoundationEssentials
import TestSupport
import Testing

@testable import Agent

#if canImport(Glibc)
  import Glibc
#endif

@Suite struct ComposeBundleTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  @Test(arguments: [
    (["wrktalk/docker-compose.yaml"], ["docker-compose.yaml"]),
    (
      ["wrktalk/docker-compose.yaml", "wrktalk/docker-compose.override.yaml"],
      ["docker-compose.yaml", "docker-compose.override.yaml"]
    ),
    (["wrktalk/docker-compose.yml"], ["docker-compose.yml"]),
    (["compose.yaml", "compose.override.yml"], ["compose.yaml", "compose.override.yml"]),
    ([".hidden/x", "any-name/compose.yml", "README"], ["compose.yml"]),
  ])
  func composeFilesAreFound(files: [String], found: [String]) throws {
    for file in files { try folder.write("services: {}", to: file) }
    #expect(try ComposeBundle(folder: folder.path).composeFiles == found)
  }

  @Test(arguments: [
    [], ["README"], ["wrktalk/README"], ["one/docker-compose.yaml", "two/docker-compose.yaml"],
  ])
  func bundleWithoutComposeFileIsRefused(files: [String]) throws {
    for file in files { try folder.write("", to: file) }
    let failure = #expect(throws: RuntimeFailure.self) { try ComposeBundle(folder: folder.path) }
    #expect(failure?.kind == .permanent)
    #expect(failure?.reason == "InvalidBundle")
  }

  @Test func linkInABundleIsRefused() throws {
    try folder.write("services: {}", to: "wrktalk/docker-compose.yaml")
    try FileManager.default.createSymbolicLink(
      atPath: folder.file("wrktalk/shadow"), withDestinationPath: "/etc/shadow")
    let failure = #expect(throws: RuntimeFailure.self) { try ComposeBundle(folder: folder.path) }
    #expect(failure?.message.contains("shadow") == true)
  }

  @Test func digestNamesTheFilesAndNotTheComposeFile() throws {
    func digest(_ name: String, compose: String, config: String) throws -> String {
      try folder.write(compose, to: "\(name)/docker-compose.yaml")
      try folder.write(config, to: "\(name)/config/nginx.conf")
      return try ComposeBundle(folder: folder.file(name)).contentDigest()
    }
    let one = try digest("one", compose: "services: {a: {image: b}}", config: "x")
    #expect(try digest("two", compose: "services: {c: {image: d}}", config: "x") == one)
    #expect(try digest("three", compose: "services: {a: {image: b}}", config: "y") != one)
  }

  @Test func bundleIsInstalledReadableWithItsSettingsLinked() throws {
    try folder.write("services: {}", to: "bundle/wrktalk/docker-compose.yml")
    try folder.write("conf", to: "bundle/wrktalk/config/nginx.conf")
    try folder.write("OLD=1", to: "bundle/wrktalk/.env")
    let config = try folder.write("KEY=secret", to: "settings/.env")
    let directory = ProjectDirectory(workingDirectory: folder.file("work"), project: "p")
    try directory.create()
    let bundle = try ComposeBundle(folder: folder.file("bundle"))
    let installation = try directory.install(bundle, configFile: config)
    #expect(try directory.install(bundle, configFile: config) == installation)
    #expect(installation.composeFiles == ["\(installation.folder)/docker-compose.yaml"])
    #expect(try FileManager.default.destinationOfSymbolicLink(atPath: "\(installation.folder)/.env") == config)
    #expect(try mode("\(installation.folder)/config/nginx.conf") == 0o644)
    #expect(try mode("\(installation.folder)/config") == 0o755)
    #expect(try mode(folder.file("work/p/files")) == 0o700)
    let plain = try directory.install(bundle, configFile: nil)
    #expect(try String(contentsOf: URL(filePath: "\(plain.folder)/.env"), encoding: .utf8) == "OLD=1")
  }

  @Test func copyThatACrashLeftHalfDoneIsReplaced() throws {
    try folder.write("services: {}", to: "bundle/docker-compose.yaml")
    let directory = ProjectDirectory(workingDirectory: folder.file("work"), project: "p")
    try directory.create()
    try folder.write("half", to: "work/p/files/.new/config/nginx.conf")
    let installation = try directory.install(ComposeBundle(folder: folder.file("bundle")), configFile: nil)
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: installation.folder) == ["docker-compose.yaml"])
    #expect(!FileManager.default.fileExists(atPath: folder.file("work/p/files/.new")))
  }

  @Test func onlyBundlesInUseAreKept() throws {
    try folder.write("services: {}", to: "bundle/docker-compose.yaml")
    let directory = ProjectDirectory(workingDirectory: folder.file("work"), project: "p")
    try directory.create()
    for name in ["mounted", "unused"] { try folder.write("x", to: "work/p/files/\(name)/config/nginx.conf") }
    let installation = try directory.install(ComposeBundle(folder: folder.file("bundle")), configFile: nil)
    directory.prune(
      keeping: installation, mountSources: [folder.file("work/p/files/mounted/config/nginx.conf"), "/srv/unused"])
    let kept = try FileManager.default.contentsOfDirectory(atPath: folder.file("work/p/files"))
    #expect(Set(kept) == ["mounted", try #require(installation.folder.split(separator: "/").last.map(String.init))])
  }

  private func mode(_ path: String) throws -> mode_t {
    var status = stat()
    try #require(unsafe stat(path, &status) == 0)
    return status.st_mode & 0o7777
  }
}
