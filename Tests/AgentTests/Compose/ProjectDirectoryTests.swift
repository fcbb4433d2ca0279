import ComposeBundles
import DeploymentPlanning
import FoundationEssentials
import TestSupport
import Testing
import WireFormats

@testable import Agent

#if canImport(Glibc)
  import Glibc
#endif

/// A project's folder on a real file system.
@Suite struct ProjectDirectoryTests {
  let folder: TemporaryFolder
  let directory: ProjectDirectory

  init() throws {
    folder = try TemporaryFolder()
    directory = ProjectDirectory(workingDirectory: folder.file("work"), project: "p")
    try directory.create()
  }

  private func mounts(_ paths: String..., writable: Bool = false) -> BundleMounts {
    BundleMounts(mounts: ["app": paths.map { .init(path: $0, isWritable: writable) }])
  }

  @discardableResult
  private func lay(
    _ version: String, _ files: [String: String], mounts: BundleMounts = BundleMounts(), settings: String? = nil,
    now: Int64 = 1000
  ) throws -> [BundleLayout.Note] {
    try folder.write("services: {}", to: "\(version)/docker-compose.yml")
    for (path, text) in files { try folder.write(text, to: "\(version)/\(path)") }
    let bundle = try ComposeBundle(folder: folder.file(version))
    let (installation, notes) = try directory.lay(bundle, settings: settings, mounts: mounts, now: now)
    #expect(installation.folder == directory.folder)
    #expect(installation.composeFiles == ["\(directory.folder)/docker-compose.yml"])
    return notes
  }

  private func text(_ path: String) -> String? {
    FileManager.default.contents(atPath: "\(directory.folder)/\(path)").map { String(decoding: $0, as: UTF8.self) }
  }

  private func mode(_ path: String) throws -> mode_t {
    var status = stat()
    try #require(unsafe stat(path, &status) == 0)
    return status.st_mode & 0o7777
  }

  @Test func bundleKeepsItsNamesAndModesInAFolderThatIsClosedToOthers() throws {
    try folder.write("", to: "v1/acme.json")
    try folder.write("", to: "v1/spool/keep")
    try #require(unsafe chmod(folder.file("v1/acme.json"), 0o600) == 0)
    try #require(unsafe chmod(folder.file("v1/spool"), 0o1777) == 0)
    try lay("v1", ["conf/site.conf": "one"])
    #expect(text("conf/site.conf") == "one")
    #expect(try mode("\(directory.folder)/acme.json") == 0o600)
    #expect(try mode("\(directory.folder)/spool") == 0o1777)
    #expect(try mode(directory.folder) == 0o755)
    #expect(try mode(directory.path) == 0o700)
    #expect(try mode("\(directory.path)/bundle.json") == 0o600)
  }

  @Test func dataThatTheBundleDidNotBringStays() throws {
    let mounts = mounts("data", "conf", writable: true)
    try lay("v1", ["conf/a": "one", "conf/old": "old", "seed/x": "x"], mounts: mounts)
    try folder.write("customers", to: "work/p/bundle/data/db")
    try folder.write("written", to: "work/p/bundle/conf/generated")
    try folder.write("written", to: "work/p/bundle/seed/y")
    try lay("v2", ["conf/a": "two"], mounts: mounts)
    #expect(text("data/db") == "customers")
    #expect(text("conf/generated") == "written")
    #expect(text("seed/y") == "written")
    #expect(text("conf/a") == "two")
    #expect(text("conf/old") == nil)
    #expect(text("seed/x") == nil)
    try lay("v1", [:], mounts: mounts)
    #expect(text("conf/a") == "one")
    #expect(text("conf/old") == "old")
    #expect(text("data/db") == "customers")
    try directory.clear()
    #expect(text("data/db") == "customers")
    #expect(text("conf/a") == nil)
    #expect(text("conf/generated") == "written")
  }

  @Test func whatWasChangedByHandIsPutRightAndSetAside() throws {
    let mounts = mounts("conf")
    try lay("v1", ["conf/a": "one", "conf/b": "one", "c": "one"], mounts: mounts)
    #expect(try directory.differences(for: []).isEmpty)
    try folder.write("by hand", to: "work/p/bundle/conf/a")
    try FileManager.default.removeItem(atPath: "\(directory.folder)/conf/b")
    try FileManager.default.removeItem(atPath: "\(directory.folder)/c")
    try FileManager.default.createDirectory(
      atPath: "\(directory.folder)/c", withIntermediateDirectories: false)
    #expect(
      try directory.differences(for: []) == [
        .init(path: "\(directory.folder)/c", change: .replaced),
        .init(path: "\(directory.folder)/conf/a", change: .changed),
        .init(path: "\(directory.folder)/conf/b", change: .missing),
      ])
    #expect(try lay("v1", [:], mounts: mounts, now: 2000) == [.setAside("conf/a")])
    #expect(try directory.differences(for: []).isEmpty)
    #expect(["conf/a", "conf/b", "c"].map(text) == ["one", "one", "one"])
    let kept = try FileManager.default.contentsOfDirectory(atPath: "\(directory.setAsideFolder)/conf")
    #expect(kept.count == 1)
    #expect(
      FileManager.default.contents(atPath: "\(directory.setAsideFolder)/conf/\(kept[0])") == Data("by hand".utf8))
    let container = container(createdAt: 1500, label: "as it was")
    func former(_ label: String, _ mounts: BundleMounts) throws -> [String] {
      try directory.servicesWithFormerFiles(mounts, labels: ["app": label], [container])
    }
    #expect(try former("as it was", mounts) == ["app"])
    #expect(try former("another, so that Compose sees to it", mounts) == [])
    #expect(try former("as it was", self.mounts("docker-compose.yml")) == [])
  }

  @Test func whatAContainerMayWriteIsNoDrift() throws {
    try lay("v1", ["acme.json": "{}"], mounts: mounts("acme.json", writable: true))
    try folder.write("certificate", to: "work/p/bundle/acme.json")
    #expect(try directory.differences(for: []).isEmpty)
    #expect(try lay("v1", [:], mounts: mounts("acme.json", writable: true)) == [.kept("acme.json")])
    #expect(text("acme.json") == "certificate")
  }

  @Test func folderThatIsGoneIsNoticed() throws {
    try lay("v1", ["conf/a": "one"])
    try FileManager.default.removeItem(atPath: directory.folder)
    #expect(try directory.differences(for: []) == [.init(path: directory.folder, change: .missing)])
    try FileManager.default.removeItem(atPath: directory.path)
    #expect(try directory.differences(for: []).isEmpty, "nothing uses it")
    #expect(
      try directory.differences(for: [container(source: "\(directory.folder)/conf")])
        == [.init(path: directory.folder, change: .unknown)])
  }

  @Test func settingsLieInTheFolderOnlyWhileAContainerMountsThem() throws {
    let settings = try folder.write("TOKEN=one", to: "settings")
    try lay("v1", [:], settings: settings)
    #expect(try FileManager.default.destinationOfSymbolicLink(atPath: "\(directory.folder)/.env") == settings)
    directory.finish(mounts: BundleMounts(), mountSources: [])
    #expect((try? FileManager.default.destinationOfSymbolicLink(atPath: "\(directory.folder)/.env")) == nil)

    try lay("v1", [:], mounts: mounts(".env"), settings: settings)
    directory.finish(mounts: mounts(".env"), mountSources: [])
    SecretFile.erase(settings)
    #expect(text(".env") == "TOKEN=one")
    let mounted = try FileHandleText(path: "\(directory.folder)/.env")
    try folder.write("TOKEN=two", to: "settings")
    try lay("v1", [:], mounts: mounts(".env"), settings: settings)
    #expect(text(".env") == "TOKEN=two")
    #expect(mounted.text == "TOKEN=one", "a container that still runs reads what it mounted")
    directory.finish(mounts: mounts(".env"), mountSources: [])
    #expect(mounted.text == String(repeating: "\0", count: 9))

    try lay("v1", [:], settings: settings)
    directory.finish(mounts: BundleMounts(), mountSources: [])
    #expect(text(".env") == nil)
    #expect(try FileManager.default.contentsOfDirectory(atPath: "\(directory.path)/.retired") == [])
  }

  @Test func linkThatAContainerPlantedIsNotFollowed() throws {
    try folder.write("precious", to: "outside/a")
    try lay("v1", ["conf/b": "one"])
    try FileManager.default.removeItem(atPath: "\(directory.folder)/conf")
    try FileManager.default.createSymbolicLink(
      atPath: "\(directory.folder)/conf", withDestinationPath: folder.file("outside"))
    let failure = #expect(throws: RuntimeFailure.self) { try lay("v2", ["conf/a": "two"]) }
    #expect(failure?.reason == "PathInTheWay")
    #expect(FileManager.default.contents(atPath: folder.file("outside/a")) == Data("precious".utf8))
    try directory.clear()
    #expect(FileManager.default.contents(atPath: folder.file("outside/a")) == Data("precious".utf8))
  }

  @Test func releaseWhosePathIsTakenByDataTouchesNothing() throws {
    try lay("v1", ["a": "one"], mounts: mounts("data", writable: true))
    try folder.write("customers", to: "work/p/bundle/data/db")
    let failure = #expect(throws: RuntimeFailure.self) { try lay("v2", ["a": "two", "data": "a file"]) }
    #expect(failure?.reason == "PathInTheWay")
    #expect(failure?.message.contains("bundle/data/db") == true)
    #expect(text("a") == "one")
    #expect(text("data/db") == "customers")
  }

  // MARK: - Migration

  private func container(source: String = "", folder: String = "", createdAt: Int64 = 0, label: String = "")
    -> EngineContainer
  {
    let row: JSONValue = [
      "Id": "c1", "Names": ["/p-app-1"], "State": "running", "Status": "Up 1 second", "Created": .integer(createdAt),
      "Labels": [
        "com.docker.compose.service": "app", "com.docker.compose.project.working_dir": .string(folder),
        "com.wrktalk.deploy.mounted-files": .string(label),
      ],
      "Mounts": [["Type": "bind", "Source": .string(source), "RW": true]],
    ]
    return EngineContainer(row)!
  }

  @Test func dataOfAFormerAgentMovesAndStaysReachable() throws {
    let former = folder.file("work/p/files/0123456789abcdef")
    try folder.write("", to: "work/p/lock")
    try folder.write("services: {}", to: "work/p/files/0123456789abcdef/docker-compose.yaml")
    try folder.write("one", to: "work/p/files/0123456789abcdef/conf/a")
    try folder.write("customers", to: "work/p/files/0123456789abcdef/data/db")
    let running = [container(source: "\(former)/data", folder: former)]
    try directory.adopt(running)
    try directory.adopt(running)
    #expect(text("data/db") == "customers")
    #expect(FileManager.default.contents(atPath: "\(former)/data/db") == Data("customers".utf8))
    try lay("v2", ["conf/a": "two"], mounts: mounts("data", writable: true))
    #expect(text("data/db") == "customers")
    #expect(text("conf/a") == "two")
    #expect(text("docker-compose.yaml") == nil, "the former Agent's own copy goes")
    directory.finish(mounts: BundleMounts(), mountSources: ["\(former)/data"])
    #expect(FileManager.default.fileExists(atPath: "\(former)/data/db"))
    directory.finish(mounts: BundleMounts(), mountSources: ["\(directory.folder)/data"])
    #expect(!FileManager.default.fileExists(atPath: folder.file("work/p/files")))
    #expect(text("data/db") == "customers")
  }

  @Test func dataMovesWithTheWorkingDirectory() throws {
    try lay("v1", ["conf/a": "one"], mounts: mounts("data", writable: true))
    try folder.write("customers", to: "work/p/bundle/data/db")
    let moved = ProjectDirectory(workingDirectory: folder.file("elsewhere"), project: "p")
    try moved.create()
    try moved.adopt([container(source: "\(directory.folder)/data", folder: directory.folder)])
    #expect(FileManager.default.contents(atPath: "\(moved.folder)/data/db") == Data("customers".utf8))
    #expect(try moved.record()?.entries["conf/a"] != nil)
    #expect(text("data/db") == "customers", "under its former path too")
  }

  @Test(arguments: ["/srv/p/bundle", "/srv/p/files/notdigest", "relative/p/bundle", ""])
  func foldersOfOthersAreLeft(path: String) throws {
    try directory.adopt([container(source: "\(path)/data", folder: path)])
    #expect(!FileManager.default.fileExists(atPath: directory.folder))
  }
}

/// An open file, as a container's mount holds it.
private struct FileHandleText: ~Copyable {
  let descriptor: Int32

  init(path: String) throws {
    descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
    try #require(descriptor >= 0)
  }

  deinit { close(descriptor) }

  var text: String {
    var buffer = [UInt8](repeating: 0, count: 100)
    let count = unsafe pread(descriptor, &buffer, buffer.count, 0)
    return String(decoding: buffer.prefix(max(count, 0)), as: UTF8.self)
  }
}
