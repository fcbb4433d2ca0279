import Archives
import FoundationEssentials
import TestSupport
import Testing

/// A folder with one archive in it.
private struct Bench {
  let folder: TemporaryFolder
  var archive: String { folder.file("bundle.tgz") }
  var destination: String { folder.file("bundle") }

  init(_ bytes: [UInt8]) throws {
    folder = try TemporaryFolder()
    try Data(bytes).write(to: URL(filePath: archive))
  }

  func unpack(_ limits: ArchiveLimits = ArchiveLimits()) async throws(ArchiveError) -> ArchiveUnpacker.Summary {
    try await ArchiveUnpacker.unpack(archive, into: destination, limits: limits)
  }

  /// What lies beside the archive.
  var leftovers: [String] {
    get throws { try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { $0 != "bundle.tgz" } }
  }

  func text(_ name: String) throws -> String {
    String(decoding: try Data(contentsOf: URL(filePath: "\(destination)/\(name)")), as: UTF8.self)
  }

  func mode(_ name: String) throws -> Int {
    let attributes = try FileManager.default.attributesOfItem(atPath: "\(destination)/\(name)")
    return try #require(attributes[.posixPermissions] as? Int)
  }
}

/// An archive that must be refused, and how.
struct HostileArchive: Sendable, CustomTestStringConvertible {
  var name: String
  var code: ArchiveError.Code
  /// What the error says.
  var says: String
  var bytes: [UInt8]
  var limits = ArchiveLimits()

  var testDescription: String { name }

  init(
    _ name: String, _ code: ArchiveError.Code, says: String, limits: ArchiveLimits = ArchiveLimits(),
    _ build: (inout TarWriter) -> Void
  ) {
    self.init(name, code, says: says, limits: limits, bytes: TarWriter.archive(build))
  }

  init(
    _ name: String, _ code: ArchiveError.Code, says: String, limits: ArchiveLimits = ArchiveLimits(),
    bytes: some Sequence<UInt8>
  ) {
    self.name = name
    self.code = code
    self.says = says
    self.limits = limits
    self.bytes = Array(bytes)
  }
}

private let goodTar: [UInt8] = {
  var tar = TarWriter()
  tar.file("compose.yaml", String(repeating: "services: {}\n", count: 1000))
  return tar.finished
}()

let hostilePaths: [HostileArchive] = [
  HostileArchive("absolute path", .unsafePath, says: "absolute") { $0.file("/etc/cron.d/evil") },
  HostileArchive("parent folder first", .unsafePath, says: "outside") { $0.file("../evil") },
  HostileArchive("parent folder inside", .unsafePath, says: "outside") { $0.file("a/../../evil") },
  HostileArchive("parent folder last", .unsafePath, says: "outside") { $0.folder("a/..") },
  HostileArchive("absolute path in an extended header", .unsafePath, says: "absolute") {
    $0.extendedHeader([("path", "/etc/passwd")])
    $0.file("harmless")
  },
  HostileArchive("parent folder in an extended header", .unsafePath, says: "outside") {
    $0.extendedHeader([("path", "../../evil")])
    $0.file("harmless")
  },
  HostileArchive("parent folder in a GNU long name", .unsafePath, says: "outside") {
    $0.add(.init(path: Array("././@LongLink".utf8), type: "L"), data: Array("../evil\0".utf8))
    $0.file("harmless")
  },
  HostileArchive("control characters", .unsafePath, says: #"a\u{1b}[2Jb"#) { $0.file("a\u{1B}[2Jb") },
  HostileArchive("right-to-left override", .unsafePath, says: #"gpj\u{202e}"#) { $0.file("gpj\u{202E}exe") },
  HostileArchive("line feed", .unsafePath, says: "control characters") { $0.file("a\nb") },
  HostileArchive("backslash", .unsafePath, says: "backslash") { $0.file(#"..\evil"#) },
  HostileArchive("not UTF-8", .unsafePath, says: "UTF-8") { $0.add(.init(path: [0x61, 0xFF, 0xFE])) },
  HostileArchive("empty path", .unsafePath, says: "empty") { $0.file("") },
  HostileArchive("file that is the archive itself", .unsafePath, says: "cannot be a file") { $0.file("./.") },
  HostileArchive("long path", .pathTooLong, says: "1200 bytes; 1024 are allowed") {
    $0.extendedHeader([("path", String(repeating: "folder/", count: 171) + "abc")])
    $0.file("harmless")
  },
  HostileArchive("long part of a path", .pathTooLong, says: "255 bytes") {
    $0.extendedHeader([("path", String(repeating: "a", count: 256))])
    $0.file("harmless")
  },
  HostileArchive("deep path", .pathTooLong, says: "40 folders deep") {
    $0.file(String(repeating: "a/", count: 39) + "b")
  },
]

let hostileEntries: [HostileArchive] = [
  HostileArchive("symbolic link", .unsupportedEntry, says: "symbolic link") {
    $0.link("a", type: "2", to: "/etc")
    $0.file("a/evil")
  },
  HostileArchive("symbolic link after a file", .unsupportedEntry, says: "\"inner\"") {
    $0.file("fine")
    $0.link("inner", type: "2", to: "fine")
  },
  HostileArchive("hard link", .unsupportedEntry, says: "hard link") { $0.link("a", type: "1", to: "/etc/passwd") },
  HostileArchive("character device", .unsupportedEntry, says: "character device") { $0.link("zero", type: "3") },
  HostileArchive("block device", .unsupportedEntry, says: "block device") { $0.link("disk", type: "4") },
  HostileArchive("named pipe", .unsupportedEntry, says: "named pipe") { $0.link("pipe", type: "6") },
  HostileArchive("sparse file", .sparseEntry, says: "sparse") {
    $0.extendedHeader([
      ("GNU.sparse.major", "1"), ("GNU.sparse.minor", "0"), ("GNU.sparse.name", "hole"),
      ("GNU.sparse.realsize", "1000000"),
    ])
    $0.file("data", "1\n999999\n1\n" + String(repeating: "\0", count: 501) + "x")
  },
  HostileArchive("sparse bomb", .sparseEntry, says: "sparse") {
    $0.extendedHeader([
      ("GNU.sparse.major", "1"), ("GNU.sparse.minor", "0"), ("GNU.sparse.name", "hole"),
      ("GNU.sparse.realsize", "1000000000000"),
    ])
    $0.file("data", "1\n999999999999\n1\n" + String(repeating: "\0", count: 495) + "x")
  },
  HostileArchive("same file twice", .duplicateEntry, says: "stands twice") {
    $0.file("compose.yaml", "first")
    $0.file("./compose.yaml", "second")
  },
  HostileArchive("file over a folder", .duplicateEntry, says: "both a file and a folder") {
    $0.file("a/b")
    $0.file("a")
  },
  HostileArchive("folder over a file", .duplicateEntry, says: "both a file and a folder") {
    $0.file("a")
    $0.file("a/b")
  },
  HostileArchive("upper and lower case", .duplicateEntry, says: "\"compose.yaml\"") {
    $0.file("compose.yaml")
    $0.file("Compose.yaml")
  },
  HostileArchive("upper and lower case of a folder", .duplicateEntry, says: "upper and lower case") {
    $0.file("a/b")
    $0.file("A/c")
  },
  HostileArchive("two spellings of one letter", .duplicateEntry, says: "spelling of letters") {
    $0.file("caf\u{E9}")
    $0.file("cafe\u{301}")
  },
]

let hostileSizes: [HostileArchive] = [
  HostileArchive("too many entries", .tooManyEntries, says: "more than 3", limits: ArchiveLimits(maximumEntries: 3)) {
    for number in 0..<4 { $0.file("file\(number)") }
  },
  HostileArchive(
    "too many folders on the way", .tooManyEntries, says: "more than 3", limits: ArchiveLimits(maximumEntries: 3)
  ) { $0.file("a/b/c/d") },
  HostileArchive(
    "one large file", .entryTooLarge, says: "more than 3 bytes", limits: ArchiveLimits(maximumEntryBytes: 3)
  ) { $0.file("file", "four") },
  HostileArchive(
    "many small files", .tooLarge, says: "more than 10 bytes", limits: ArchiveLimits(maximumTotalBytes: 10)
  ) { for number in 0..<3 { $0.file("file\(number)", "four") } },
  HostileArchive("a size beyond all bounds", .entryTooLarge, says: "more than") {
    $0.extendedHeader([("size", "4611686018427387904")])
    $0.file("file")
  },
]

let notArchives: [HostileArchive] = [
  HostileArchive("empty file", .notGzip, says: "gzip", bytes: []),
  HostileArchive("tar without gzip", .notGzip, says: "tar -czf", bytes: goodTar),
  HostileArchive("zip", .notGzip, says: "gzip", bytes: Array("PK\u{3}\u{4}".utf8) + goodTar),
  HostileArchive("gzip of text", .notTar, says: "tar", bytes: GzipWriter.stored(Array("hello, world".utf8))),
  HostileArchive(
    "gzip inside gzip", .notTar, says: "tar", bytes: GzipWriter.stored(GzipWriter.stored(goodTar))),
  HostileArchive("gzip of nothing", .empty, says: "no files", bytes: GzipWriter.stored(TarWriter().finished)),
  HostileArchive("folders alone", .empty, says: "no files") { $0.folder("a") },
  HostileArchive(
    "cut off in the header of gzip", .notTar, says: "cut off", bytes: Array(GzipWriter.stored(goodTar).prefix(8))),
  HostileArchive(
    "cut off in the first file", .notTar, says: "cut off", bytes: Array(GzipWriter.stored(goodTar).prefix(5000))),
  HostileArchive(
    "cut off in a later file", .damaged, says: "cut off",
    bytes: TarWriter.archive {
      for number in 0..<20 { $0.file("file\(number)", String(repeating: "text\n", count: 10_000)) }
    }.dropLast(300_000)),
  HostileArchive(
    "tar cut off in a file", .damaged, says: "cut off", bytes: GzipWriter.stored(Array(goodTar.prefix(5000)))),
  HostileArchive(
    "tar without its end", .damaged, says: "end marker", bytes: GzipWriter.stored(Array(goodTar.dropLast(1024)))),
  HostileArchive(
    "bytes changed in a header", .damaged, says: "damaged",
    bytes: GzipWriter.stored(goodTar.dropLast(1024) + Array(repeating: 7, count: 1024))),
]

struct ArchiveUnpackerTests {
  @Test func filesAndFoldersAppearWithTheirModesButNoOtherUsersRights() async throws {
    let bench = try Bench(
      TarWriter.archive {
        $0.folder("./", mode: 0o2775)
        $0.folder("./scripts/", mode: 0o2755)
        $0.file("./compose.yaml", "services: {}", mode: 0o666)
        $0.file("./scripts/start.sh", "#!/bin/sh", mode: 0o4777)
        $0.file("./scripts/setgid", "", mode: 0o2755)
        $0.file("./acme.json", "", mode: 0o600)
        $0.file("./locked", "", mode: 0)
        $0.folder("./spool/", mode: 0o1777)
        $0.folder("./closed/", mode: 0o555)
        $0.file("./closed/in", "")
        $0.file("deep/er/ünïcode ☃.txt", "")
        $0.extendedHeader([("path", String(repeating: "long/", count: 25) + "naïve")])
        $0.file("short", "long")
      })
    let summary = try await bench.unpack()
    #expect(summary == ArchiveUnpacker.Summary(files: 8, bytes: 25))
    #expect(try bench.text("compose.yaml") == "services: {}")
    #expect(try bench.text("deep/er/ünïcode ☃.txt").isEmpty)
    #expect(try bench.text(String(repeating: "long/", count: 25) + "naïve") == "long")
    let paths = [
      "", "compose.yaml", "scripts", "scripts/start.sh", "scripts/setgid", "acme.json", "locked", "spool", "closed",
      "deep/er",
    ]
    #expect(
      try paths.map(bench.mode) == [
        0o700, 0o666, 0o755, 0o777, 0o755, 0o600, 0o400, 0o1777, 0o755, 0o755,
      ])
    #expect(try bench.leftovers == ["bundle"])
  }

  @Test(arguments: hostilePaths + hostileEntries + hostileSizes + notArchives)
  func hostileArchiveIsRefusedAndLeavesNothing(_ hostile: HostileArchive) async throws {
    let bench = try Bench(hostile.bytes)
    let error = await #expect(throws: ArchiveError.self) { try await bench.unpack(hostile.limits) }
    #expect(error?.code == hostile.code)
    #expect(error?.description.contains(hostile.says) == true, "\(String(describing: error))")
    #expect(error?.description.unicodeScalars.contains { $0.properties.generalCategory == .control } == false)
    #expect(try bench.leftovers.isEmpty)
    // Whoever only looks through it sees the same.
    let seen = await #expect(throws: ArchiveError.self) {
      try await ArchiveInspector.inspect(bench.archive, limits: hostile.limits, maximumKeptBytes: 0) { _ in false }
    }
    #expect(seen == error)
  }

  @Test func anArchiveIsLookedThroughWithoutBeingUnpacked() async throws {
    let bench = try Bench(
      TarWriter.archive {
        $0.folder("wrktalk")
        $0.file("wrktalk/Chart.yaml", "name: wrktalk")
        $0.file("./wrktalk//values.yaml", "a: 1")
      })
    let listing = try await ArchiveInspector.inspect(bench.archive, maximumKeptBytes: 13) { $0.hasSuffix("Chart.yaml") }
    #expect(listing.files == ["wrktalk/Chart.yaml", "wrktalk/values.yaml"])
    #expect(listing.contents == ["wrktalk/Chart.yaml": Array("name: wrktalk".utf8)])
    #expect(try bench.leftovers.isEmpty)
    let error = await #expect(throws: ArchiveError.self) {
      try await ArchiveInspector.inspect(bench.archive, maximumKeptBytes: 12) { $0.hasSuffix("Chart.yaml") }
    }
    #expect(error?.code == .entryTooLarge)
  }

  @Test(arguments: [
    (ArchiveLimits(), ArchiveError.Code.entryTooLarge),
    (ArchiveLimits(maximumEntryBytes: 1 << 40), .tooLarge),
    (ArchiveLimits(maximumTotalBytes: 1 << 40, maximumEntryBytes: 1 << 40), .suspiciousCompression),
  ])
  func tenGigabytesOfZerosAreRefusedAtTheLimit(limits: ArchiveLimits, code: ArchiveError.Code) async throws {
    let size = 8 * (1 << 30) - 1
    var gzip = GzipWriter()
    var tar = TarWriter()
    tar.file("first", "x")
    tar.add(TarWriter.Header(path: Array("zeros".utf8), size: Int64(size)))
    gzip.store(tar.bytes)
    gzip.zeros(10_000_000_000)
    let bench = try Bench(gzip.finish())
    let error = await #expect(throws: ArchiveError.self) { try await bench.unpack(limits) }
    #expect(error?.code == code)
    #expect(error?.entry == "zeros")
    #expect(try bench.leftovers.isEmpty)
  }

  @Test func tenGigabytesOfNothingButZerosHoldNoFiles() async throws {
    var gzip = GzipWriter()
    gzip.zeros(10_000_000_000)
    let bench = try Bench(gzip.finish())
    let error = await #expect(throws: ArchiveError.self) { try await bench.unpack() }
    #expect(error?.code == .empty)
    #expect(try bench.leftovers.isEmpty)
  }

  @Test func whatIsThereAlreadyIsKept() async throws {
    let bench = try Bench(TarWriter.archive { $0.file("compose.yaml", "new") })
    try bench.folder.write("old", to: "bundle/compose.yaml")
    let error = await #expect(throws: ArchiveError.self) { try await bench.unpack() }
    #expect(error?.code == .destinationExists)
    #expect(try bench.text("compose.yaml") == "old")
    #expect(try bench.leftovers == ["bundle"])
  }

  @Test func missingArchiveIsSaidAndMayBeTriedAgain() async throws {
    let folder = try TemporaryFolder()
    let error = await #expect(throws: ArchiveError.self) {
      try await ArchiveUnpacker.unpack(folder.file("none.tgz"), into: folder.file("bundle"))
    }
    #expect(error?.code == .cannotRead)
    #expect(error?.isTransient == true)
    #expect(error?.message == "cannot open the archive: No such file or directory")
  }

  @Test func folderIsNoArchive() async throws {
    let folder = try TemporaryFolder()
    let error = await #expect(throws: ArchiveError.self) {
      try await ArchiveUnpacker.unpack(folder.path, into: folder.file("bundle"))
    }
    #expect(error?.code == .cannotRead)
  }

  @Test func cancelledTaskLeavesNothing() async throws {
    let bench = try Bench(TarWriter.archive { $0.file("compose.yaml") })
    let unpacking = Task { () throws(ArchiveError) in
      unsafe withUnsafeCurrentTask { unsafe $0?.cancel() }
      return try await bench.unpack()
    }
    let error = await #expect(throws: ArchiveError.self) { try await unpacking.value }
    #expect(error?.code == .cancelled)
    #expect(try bench.leftovers.isEmpty)
  }

  /// Whatever bytes arrive: either an error, or a folder, and never a crash or a leftover.
  @Test func randomlyDamagedArchivesAreSurvived() async throws {
    var random = SeededGenerator(seed: 20_261_124)
    let intact = TarWriter.archive {
      $0.extendedHeader([("path", "folder/a name"), ("mtime", "1.5")])
      $0.file("short", String(repeating: "text ", count: 300))
      $0.folder("other")
      $0.file("other/file")
    }
    for round in 0..<300 {
      var bytes = intact
      for _ in 0..<Int.random(in: 1...8, using: &random) {
        bytes[Int.random(in: 10..<bytes.count, using: &random)] = UInt8.random(in: .min ... .max, using: &random)
      }
      if round % 3 == 0 { bytes.removeLast(Int.random(in: 0..<bytes.count - 10, using: &random)) }
      let bench = try Bench(bytes)
      do {
        _ = try await bench.unpack()
        #expect(try bench.leftovers == ["bundle"])
      } catch {
        #expect(try bench.leftovers.isEmpty, "seed 20261124, round \(round): \(error)")
      }
    }
  }
}
