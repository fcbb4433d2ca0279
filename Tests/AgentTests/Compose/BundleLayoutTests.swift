import ComposeBundles
import Testing

@testable import Agent

/// What is done to a project's folder when a release is laid over another.
@Suite struct BundleLayoutTests {
  private static func file(_ path: String, _ content: String, mode: UInt16 = 0o644) -> ComposeBundle.File {
    ComposeBundle.File(path: path, mode: mode, sha256: content, isEmpty: content.isEmpty)
  }

  private static func folder(_ path: String, mode: UInt16 = 0o755) -> ComposeBundle.File {
    ComposeBundle.File(path: path, mode: mode)
  }

  private static func laid(_ contents: String..., writable: Bool = false, mode: UInt16 = 0o644) -> BundleRecord.Entry {
    BundleRecord.Entry(sha256: Set(contents), mode: mode, isWritable: writable, laidAt: 1)
  }

  private static func found(_ content: String) -> BundleLayout.Found {
    .file(sha256: content, isEmpty: content.isEmpty)
  }

  struct Case: Sendable, CustomTestStringConvertible {
    var name: String
    var brings: [ComposeBundle.File] = []
    var record: [String: BundleRecord.Entry] = [:]
    /// Paths that a container mounts for writing.
    var writable: [String] = []
    var found: [String: BundleLayout.Found] = [:]
    var lays: [String] = []
    var makes: [String] = []
    var modes: [String] = []
    var removes: [String] = []
    var removesFolders: [String] = []
    var notes: [BundleLayout.Note] = []
    var conflicts: [BundleLayout.Conflict] = []

    var testDescription: String { name }
  }

  static let cases = [
    Case(name: "a new file", brings: [file("a", "1")], lays: ["a"]),
    Case(name: "a file that is right", brings: [file("a", "1")], record: ["a": laid("1")], found: ["a": found("1")]),
    Case(
      name: "a file of the release before", brings: [file("a", "2")], record: ["a": laid("1")],
      found: ["a": found("1")], lays: ["a"]),
    Case(
      name: "a file that was missing", brings: [file("a", "1")], record: ["a": laid("1", writable: true)],
      writable: ["a"], lays: ["a"]),
    Case(
      name: "a file that was emptied", brings: [file("a", "1")], record: ["a": laid("1", writable: true)],
      writable: ["a"], found: ["a": found("")], lays: ["a"]),
    Case(
      name: "a folder that the engine made in place of a file", brings: [file("a", "1")], record: ["a": laid("1")],
      found: ["a": .folder()], lays: ["a"], removesFolders: ["a"]),
    Case(
      name: "a link in place of a file", brings: [file("a", "1")], record: ["a": laid("1")], found: ["a": .other],
      lays: ["a"]),
    Case(
      name: "a file changed by hand", brings: [file("a", "1")], record: ["a": laid("1")], found: ["a": found("x")],
      lays: ["a"], notes: [.setAside("a")]),
    Case(
      name: "a file changed by a container, brought as before", brings: [file("a", "1")],
      record: ["a": laid("1", writable: true)], writable: [""], found: ["a": found("x")], notes: [.kept("a")]),
    Case(
      name: "a file changed by a container, brought anew", brings: [file("a", "2")],
      record: ["a": laid("1", writable: true)], writable: ["a"], found: ["a": found("x")], lays: ["a"],
      notes: [.setAside("a")]),
    Case(
      name: "a file that a container made and the release now brings", brings: [file("d/a", "1")], writable: ["d"],
      found: ["d/a": found("x")], notes: [.kept("d/a")]),
    Case(
      name: "a file half-way between two releases", brings: [file("a", "1")], record: ["a": laid("1", "2")],
      found: ["a": found("2")], lays: ["a"]),
    Case(
      name: "a file that is not brought any more", record: ["a": laid("1")], found: ["a": found("1")], removes: ["a"]),
    Case(
      name: "a changed file that is not brought any more", record: ["a": laid("1")], found: ["a": found("x")],
      notes: [.left("a")]),
    Case(name: "data beside the bundle", writable: ["data"], found: ["data": .folder(), "data/db": found("x")]),
    Case(
      name: "a folder that is not brought any more", record: ["d": laid(), "d/e": laid(), "d/e/a": laid("1")],
      found: ["d": .folder(), "d/e": .folder(), "d/e/a": found("1")], removes: ["d/e/a"], removesFolders: ["d/e", "d"]),
    Case(
      name: "a folder that is not brought any more but mounted", record: ["d": laid()], writable: ["d"],
      found: ["d": .folder()]),
    Case(
      name: "a file that becomes a folder", brings: [folder("a"), file("a/b", "1")], record: ["a": laid("1")],
      found: ["a": found("1")], lays: ["a/b"], makes: ["a"], removes: ["a"]),
    Case(
      name: "a changed file where a folder is to be", brings: [folder("a")], record: ["a": laid("1")],
      found: ["a": found("x")], conflicts: [.init(path: "a", obstacle: "a")]),
    Case(
      name: "a folder that becomes a file", brings: [file("a", "1")], record: ["a": laid(), "a/b": laid("2")],
      found: ["a": .folder(contents: ["a/b"]), "a/b": found("2")], lays: ["a"], removes: ["a/b"], removesFolders: ["a"]),
    Case(
      name: "a folder with data where a file is to be", brings: [file("a", "1")],
      record: ["a": laid(), "a/b": laid("2")],
      found: ["a": .folder(contents: ["a/b", "a/data"]), "a/b": found("2")], lays: [], removes: ["a/b"],
      removesFolders: ["a"], conflicts: [.init(path: "a", obstacle: "a/data")]),
    Case(
      name: "another mode", brings: [file("a", "1", mode: 0o600)], record: ["a": laid("1")], found: ["a": found("1")],
      modes: ["a"]),
    Case(
      name: "a folder whose mode a container changed", brings: [folder("d", mode: 0o1777)],
      record: ["d": laid(mode: 0o1777)], found: ["d": .folder()]),
    Case(
      name: "a folder whose mode the release changes", brings: [folder("d", mode: 0o1777)],
      record: ["d": laid(mode: 0o755)], found: ["d": .folder()], modes: ["d"]),
  ]

  @Test(arguments: cases)
  func releaseIsLaidOverWhatIsThere(_ row: Case) {
    let mounts = BundleMounts(mounts: ["app": row.writable.map { .init(path: $0, isWritable: true) }])
    let layout = BundleLayout(
      bringing: row.brings, over: BundleRecord(entries: row.record), mounts: mounts, found: row.found)
    #expect(layout.files.map(\.path) == row.lays)
    #expect(layout.folders.map(\.path) == row.makes)
    #expect(layout.modes.map(\.path) == row.modes)
    #expect(layout.removedFiles == row.removes)
    #expect(layout.removedFolders == row.removesFolders)
    #expect(layout.notes == row.notes)
    #expect(layout.conflicts == row.conflicts)
  }

  @Test func labelFollowsWhatAServiceMountsAlone() {
    let mounts = BundleMounts(
      mounts: [
        "web": [.init(path: "conf", isWritable: false)], "db": [.init(path: "data", isWritable: true)],
        "all": [.init(path: "", isWritable: false)],
      ])
    func labels(conf: String, other: String, mode: UInt16 = 0o644) -> [String: String] {
      mounts.labels(
        for: [
          Self.folder("conf"), Self.file("conf/a", conf, mode: mode), Self.file("other", other),
        ], key: [1])
    }
    let first = labels(conf: "1", other: "1")
    #expect(first["db"] == nil)
    #expect(labels(conf: "1", other: "2")["web"] == first["web"])
    #expect(labels(conf: "1", other: "2")["all"] != first["all"])
    #expect(labels(conf: "2", other: "1")["web"] != first["web"])
    #expect(labels(conf: "1", other: "1", mode: 0o600) == first)
    #expect(labels(conf: "1", other: "1", mode: 0o755)["web"] != first["web"])
  }
}
