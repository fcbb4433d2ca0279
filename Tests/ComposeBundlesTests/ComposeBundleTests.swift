import FoundationEssentials
import TestSupport
import Testing

@testable import ComposeBundles

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
    let failure = #expect(throws: BundleFault.self) { try ComposeBundle(folder: folder.path) }
    #expect(failure?.reason == "InvalidBundle")
  }

  @Test func linkInABundleIsRefused() throws {
    try folder.write("services: {}", to: "wrktalk/docker-compose.yaml")
    try FileManager.default.createSymbolicLink(
      atPath: folder.file("wrktalk/shadow"), withDestinationPath: "/etc/shadow")
    let failure = #expect(throws: BundleFault.self) { try ComposeBundle(folder: folder.path) }
    #expect(failure?.message.contains("shadow") == true)
  }

  @Test func whatMacOSAddsIsNoPartOfTheBundle() throws {
    for file in ["app/compose.yaml", "app/conf/._site.conf", "app/conf/site.conf", "app/.DS_Store", "__MACOSX/app/._x"]
    {
      try folder.write("", to: file)
    }
    #expect(try ComposeBundle(folder: folder.path).files.map(\.path) == ["compose.yaml", "conf", "conf/site.conf"])
  }

  @Test func severalFoldersAreNamed() throws {
    for file in ["one/docker-compose.yaml", "two/README"] { try folder.write("", to: file) }
    let failure = #expect(throws: BundleFault.self) { try ComposeBundle(folder: folder.path) }
    #expect(failure?.message.contains("one, two") == true)
  }

  @Test func composeFilesAreThoseThatTheSettingsName() throws {
    for file in ["compose.yaml", "compose.override.yaml", "s3/compose.yml"] { try folder.write("", to: file) }
    var bundle = try ComposeBundle(folder: folder.path)
    try bundle.select(EnvironmentFile("COMPOSE_FILE=compose.yaml:./s3/compose.yml"))
    #expect(bundle.composeFiles == ["compose.yaml", "s3/compose.yml"])
    try bundle.select(EnvironmentFile("COMPOSE_PATH_SEPARATOR=;\nCOMPOSE_FILE='s3/compose.yml;compose.yaml'"))
    #expect(bundle.composeFiles == ["s3/compose.yml", "compose.yaml"])
    for path in ["nosuch.yaml", "../compose.yaml", "/etc/passwd", "s3"] {
      let failure = #expect(throws: BundleFault.self) { try bundle.select(EnvironmentFile("COMPOSE_FILE=\(path)")) }
      #expect(failure?.reason == "InvalidSettings")
      #expect(failure?.message.contains(path) == true)
    }
  }
}
