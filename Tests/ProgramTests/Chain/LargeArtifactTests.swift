import FoundationEssentials
import TestSupport
import Testing
import WireFormats

/// An artifact larger than anybody would keep in memory, from CI's `curl` to the customer's bucket: 1 GB, and in a short run an eighth of
/// it.
@Suite(.timeLimit(.minutes(10))) struct LargeArtifactTests {
  private static let mebibytes = Testbed.isShortRun ? 128 : 1024
  /// In KB. What goes through is many times as much.
  private static let growth = 64 << 10

  @Test func itGoesThroughBothServersWithoutStayingInTheirMemory() async throws {
    try await ReleaseChain.use { chain in
      // The first of its kind: what a program needs for any upload and download is in what it uses before.
      try await chain.publish("1.0.0", tag: "v1")
      _ = try await chain.waitForOffer(of: "1.0.0")
      let servers = [chain.vendor, chain.backend]
      let before = try servers.map(Self.peak)

      let (bundle, _) = try await chain.place.pack("2.0.0", chain.folder)
      let folder = chain.folder.file("bundle-2.0.0")
      // Nothing that could be packed.
      try await CustomerEnvironment.command(
        "sh", "-c",
        """
        cd '\(folder)' && head -c \(Self.mebibytes)M /dev/urandom > wrktalk/models.bin
        tar --mtime=@0 -I 'gzip -1' -cf '\(bundle)' wrktalk
        """)
      try await chain.publish("2.0.0", tag: "v2", archive: (bundle, "compose"))
      _ = try await chain.waitForOffer(of: "2.0.0")
      for (server, before) in zip(servers, before) {
        let after = try Self.peak(server)
        #expect(after - before < Self.growth, "\(server.url) had \(before) KB at most, and then \(after) KB")
      }
      let digest = try await CustomerEnvironment.command("sha256sum", bundle).prefix(64)
      let copy = chain.folder.file("bucket/artifacts/compose/wrktalk-2.0.0-compose.tar.gz")
      #expect(try await CustomerEnvironment.command("sha256sum", copy).prefix(64) == digest)
    }
  }

  /// The most memory that the server's process ever had, in KB.
  private static func peak(_ server: ServerProcess) throws -> Int {
    let status = try #require(FileManager.default.contents(atPath: "/proc/\(server.program.processIdentifier)/status"))
    let line = String(decoding: status, as: UTF8.self).split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
    return try #require(line?.split(separator: " ").dropFirst().first.flatMap { Int($0) })
  }
}
