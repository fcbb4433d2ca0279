import Archives
import ComposeBundles
import DeploymentPlanning
import FoundationEssentials
import Glibc
import ReleaseManifest
import WireFormats

@testable import Agent
@testable import HTTPTransport

extension FuzzTarget {
  private static let limits = ArchiveLimits(
    maximumEntries: 64, maximumTotalBytes: 256 << 10, maximumEntryBytes: 128 << 10, maximumDepth: 8)

  /// A tar archive, compressed or not: either nothing appears, or files and folders within the limits, under the folder.
  static let archive = FuzzTarget(name: "archive", maximumByteCount: 16 << 10) { bytes in
    let files = FileManager.default
    let base = files.temporaryDirectory.appending(path: "fuzz-\(UInt64.random(in: 0 ... .max))")
    try files.createDirectory(at: base, withIntermediateDirectories: false)
    defer { try? files.removeItem(at: base) }
    let packed = bytes.starts(with: [0x1F, 0x8B]) ? bytes : try Gzip.compress(bytes)
    try Data(packed).write(to: base.appending(path: "archive"))
    let unpacked: ArchiveUnpacker.Summary?
    do throws(ArchiveError) {
      unpacked = try await ArchiveUnpacker.unpack(
        base.appending(path: "archive").path, into: base.appending(path: "folder").path, limits: limits)
    } catch {
      unpacked = nil
    }
    let left = try files.contentsOfDirectory(atPath: base.path).sorted()
    guard let unpacked else {
      try require(left == ["archive"], "a refused archive left \(left)")
      return
    }
    try require(left == ["archive", "folder"], "an archive left \(left)")
    var total: Int64 = 0
    for path in try files.subpathsOfDirectory(atPath: base.appending(path: "folder").path) {
      var status = stat()
      try require(unsafe lstat(base.appending(path: "folder/\(path)").path, &status) == 0, "\(path) is gone")
      let type = status.st_mode & S_IFMT
      try require(type == S_IFREG || type == S_IFDIR, "\(path) is neither a file nor a folder")
      if type == S_IFREG { total += Int64(status.st_size) }
      try require(status.st_mode & 0o6000 == 0, "\(path) has the mode \(String(status.st_mode, radix: 8))")
    }
    try require(total <= limits.maximumTotalBytes && total == unpacked.bytes, "\(total) bytes are there")
  }

  /// Compressed data: never more than the limit, and what was compressed comes back.
  static let gzip = FuzzTarget(name: "gzip", maximumByteCount: 8 << 10) { bytes in
    let limit = 64 << 10
    if let plain = try? Gzip.decompress(bytes, limit: limit) {
      try require(plain.count <= limit, "\(plain.count) bytes where \(limit) are the limit")
    }
    try require(try Gzip.decompress(Gzip.compress(bytes), limit: limit) == bytes, "other bytes come back")
  }

  /// An `.env` file and what a program printed: no value of it is left in there.
  static let settings = FuzzTarget(name: "settings", maximumByteCount: 4 << 10) { bytes in
    let parts = bytes.parts(2).map(\.asText)
    let values = EnvironmentFile(parts[0]).secrets
    let mask = SecretMask(values: values)
    let masked = mask.masked(parts[1])
    try require(mask.masked(masked).contains(masked) || !masked.contains("***"), "what was masked is masked again")
  }

  /// A Helm release in its Secret, from the JSON inside; and its manifest as it came.
  static let revision = FuzzTarget(name: "revision", maximumByteCount: 16 << 10) { bytes in
    let text = bytes.asText
    if let manifest = try? RenderedManifest(text, namespace: "wrktalk") {
      _ = manifest.secretTexts
      for workload in manifest.workloads { _ = workload.desired }
    }
    _ = try? HelmReleaseRecord(secret: ["data": ["release": .string(text)]])
    guard let json = try? JSONValue(parsing: bytes), let record = try? HelmReleaseRecord(json: json) else { return }
    let secret: JSONValue = ["metadata": ["name": "sh.helm.release.v1.wrktalk.v1"], "data": ["release": ""]]
    guard let marked = try? record.marked(.failed, "left by a helm that was killed", in: secret) else { return }
    let again = try HelmReleaseRecord(secret: marked)
    try require(again.revision.number == record.revision.number, "the revision's number changed")
    try require(again.manifest == record.manifest, "the manifest changed")
  }

  /// What programs print and engines send: log frames, terminal text, image references, amounts, response heads.
  static let output = FuzzTarget(name: "output", maximumByteCount: 4 << 10) { bytes in
    let plain = EngineLog.demultiplexed(bytes)
    try require(plain.count <= bytes.count, "a log grew while its frames were taken away")
    let tail = EngineLog.tail(plain, lines: 8, characters: 400)
    try require(tail.count <= 401, "a tail of \(tail.count) characters")
    let text = bytes.asText
    try require(!TerminalText.plain(text).unicodeScalars.contains("\u{1B}"), "an escape sequence is left")
    _ = ImageReference(text).familiarRepository
    _ = Quantity(text)
    let mask = SecretMask(values: [])
    _ = HelmFault.failure(text, mask: mask)
    var head = ResponseHeadParser()
    for line in bytes.split(separator: 0x0A, omittingEmptySubsequences: false) {
      unsafe (Array(line) + [0x0A]).withUnsafeBytes { _ = unsafe head.receive(line: $0) }
    }
  }
}
