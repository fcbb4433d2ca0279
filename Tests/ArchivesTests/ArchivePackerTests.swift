import Archives
import TestSupport
import Testing

@Suite struct ArchivePackerTests {
  @Test func whatIsPackedIsUnpackedAsItWas() async throws {
    let folder = try TemporaryFolder()
    let long = "bundle/" + String(repeating: "a-long-name-", count: 20) + ".txt"
    let files = [
      ArchivePacker.File(path: "bundle/empty", content: []),
      ArchivePacker.File(path: "bundle/logs/one.log", content: Array(repeating: 7, count: 100_000)),
      ArchivePacker.File(path: long, content: Array("text".utf8)),
    ]
    let packed = try ArchivePacker.pack(files, modifiedAt: 1_800_000_000)
    try folder.write(packed, to: "a.tgz")
    try await ArchiveUnpacker.unpack("\(folder.path)/a.tgz", into: "\(folder.path)/out")
    for file in files { #expect(try folder.bytes(of: "out/\(file.path)") == file.content) }
    #expect(try ArchivePacker.pack(files, modifiedAt: 1_800_000_000) == packed)
  }

  @Test(arguments: ["/etc/passwd", "é", "../x", "a//b", "a/./b", "", "a/"])
  func aPathThatLeadsElsewhereIsRefused(path: String) {
    let error = #expect(throws: ArchiveError.self) {
      try ArchivePacker.pack([ArchivePacker.File(path: path, content: [])], modifiedAt: 0)
    }
    #expect(error?.code == .unsafePath)
  }
}
