import Cryptography
import DeploymentKinds
import DeploymentPlanning
import FoundationEssentials
import ObjectStorage
import Processes
import Synchronization
import TestSupport
import Testing

@testable import Agent

/// From the bucket to a folder, with a real bucket folder and real archives.
struct ReleasePreparationTests {
  private let folder: TemporaryFolder
  private let bucket: FileBucket

  init() throws {
    folder = try TemporaryFolder()
    try FileManager.default.createDirectory(atPath: folder.file("bucket"), withIntermediateDirectories: false)
    bucket = FileBucket(path: folder.file("bucket"))
  }

  private var workingDirectory: String { folder.file("agent") }

  private func preparation() -> ReleasePreparation {
    ReleasePreparation(bucket: bucket, workingDirectory: workingDirectory)
  }

  /// Puts a bundle with one Compose file into the bucket.
  private func publish(_ version: String) async throws -> ReleasePlan {
    try FileManager.default.createDirectory(
      atPath: folder.file("bundle/wrktalk"), withIntermediateDirectories: true)
    _ = try folder.write("services: {} # \(version)\n", to: "bundle/wrktalk/docker-compose.yaml")
    let archive = folder.file("\(version).tar.gz")
    let program = try await RunningProgram.start(
      "/usr/bin/env", arguments: ["tar", "-C", folder.file("bundle"), "-czf", archive, "wrktalk"], environment: [:])
    _ = await program.termination()
    let digest = try SHA256.digest(ofFile: archive).hexadecimal
    let key = "artifacts/compose/wrktalk-\(version).tar.gz"
    try await bucket.put(key, .file(path: archive))
    return ReleasePlan(
      release: .init(
        version: version, artifact: .init(path: key, sha256: digest), configPath: "config/.env"))
  }

  private func setSettings(_ text: String) async throws {
    try await bucket.put("config/.env", .bytes(Array(text.utf8)))
  }

  private func prepare(_ plan: ReleasePlan) async throws(RuntimeFailure) -> PreparedArtifact {
    try await preparation().prepare(plan, manifest: nil) { _ in }
  }

  private func permissions(_ path: String) throws -> Int {
    try #require(FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int) & 0o777
  }

  @Test func aReleaseIsUnpackedAndItsSecretsAreKeptFromOthers() async throws {
    try await setSettings("PASSWORD=geheim\n")
    let prepared = try await prepare(try await publish("1.0.0"))
    let config = try #require(prepared.release.configFile)
    #expect(FileManager.default.fileExists(atPath: "\(prepared.release.folder)/wrktalk/docker-compose.yaml"))
    #expect(try permissions(workingDirectory) == 0o700)
    #expect(try permissions(prepared.release.folder) == 0o700)
    #expect(try permissions(config) == 0o600)
    await preparation().discard(prepared)
    #expect(!FileManager.default.fileExists(atPath: prepared.release.folder))
    #expect(!FileManager.default.fileExists(atPath: config))
  }

  @Test func secretsAreOverwrittenBeforeTheyAreRemoved() throws {
    let path = folder.file("secret")
    try SecretFile.write(Array("PASSWORD=geheim".utf8), to: path)
    // A second name of the same file shows what is left in it.
    try FileManager.default.linkItem(atPath: path, toPath: folder.file("again"))
    SecretFile.erase(path)
    #expect(!FileManager.default.fileExists(atPath: path))
    let left = try #require(FileManager.default.contents(atPath: folder.file("again")))
    #expect(left.count == 15)
    #expect(left.allSatisfy { $0 == 0 })
  }

  @Test func whatAKilledAgentLeftIsRemovedAtTheNextStart() async throws {
    try await setSettings("PASSWORD=geheim\n")
    let prepared = try await prepare(try await publish("1.0.0"))
    let verified = prepared.release.release.artifact.sha256
    let artifacts = "\(workingDirectory)/.agent/artifacts"
    try Data("half a download".utf8).write(to: URL(filePath: "\(artifacts)/\(verified).0123456789abcdef"))
    await preparation().removeLeftovers()
    #expect(!FileManager.default.fileExists(atPath: prepared.release.folder))
    #expect(try FileManager.default.contentsOfDirectory(atPath: "\(workingDirectory)/.agent/work").isEmpty)
    #expect(try FileManager.default.contentsOfDirectory(atPath: artifacts) == [verified])
  }

  @Test func aVerifiedArchiveIsNotDownloadedAgain() async throws {
    try await setSettings("")
    let plan = try await publish("1.0.0")
    let first = try await prepare(plan)
    await preparation().discard(first)
    try await bucket.delete(plan.release.artifact.path)
    _ = try await prepare(plan)
  }

  @Test func aKeptArchiveThatWasTamperedWithIsDownloadedAgain() async throws {
    try await setSettings("")
    let plan = try await publish("1.0.0")
    _ = try await prepare(plan)
    let kept = "\(workingDirectory)/.agent/artifacts/\(plan.release.artifact.sha256)"
    try Data("something else".utf8).write(to: URL(filePath: kept))
    _ = try await prepare(plan)
  }

  @Test func aWrongDigestIsRefusedAndNothingIsKept() async throws {
    try await setSettings("")
    var plan = try await publish("1.0.0")
    plan.release.artifact.sha256 = String(repeating: "0", count: 64)
    let failure = await #expect(throws: RuntimeFailure.self) { try await prepare(plan) }
    #expect(failure?.reason == "ArtifactDigestMismatch")
    #expect(failure?.kind == .permanent)
    #expect(try FileManager.default.contentsOfDirectory(atPath: "\(workingDirectory)/.agent/artifacts").isEmpty)
    #expect(try FileManager.default.contentsOfDirectory(atPath: "\(workingDirectory)/.agent/work").isEmpty)
  }

  @Test func whatIsMissingIsSaidByName() async throws {
    let plan = try await publish("1.0.0")
    let noSettings = await #expect(throws: RuntimeFailure.self) { try await prepare(plan) }
    #expect(noSettings?.reason == "ConfigNotFound")
    #expect(noSettings?.message.contains("config/.env") == true)
    #expect(noSettings?.message.contains("or correct spec.compose.envPath") == true)
    var missing = plan
    missing.release.artifact.path = "artifacts/compose/none.tar.gz"
    missing.release.artifact.sha256 = String(repeating: "1", count: 64)
    let failure = await #expect(throws: RuntimeFailure.self) { try await prepare(missing) }
    #expect(failure?.reason == "ArtifactNotFound")
    #expect(failure?.message.contains("none.tar.gz") == true)
  }

  @Test func anArchiveThatIsNoneIsRefused() async throws {
    try await setSettings("")
    let bytes = Array("no archive".utf8)
    try await bucket.put("artifacts/bad.tar.gz", .bytes(bytes))
    let plan = ReleasePlan(
      release: .init(
        version: "1.0.0",
        artifact: .init(path: "artifacts/bad.tar.gz", sha256: SHA256.digest(of: bytes).hexadecimal)))
    let failure = await #expect(throws: RuntimeFailure.self) { try await prepare(plan) }
    #expect(failure?.reason == "ArtifactRefused")
    #expect(failure?.kind == .permanent)
  }

  @Test func theSettingsOfAVersionAreKeptForItsRollback() async throws {
    try await setSettings("A=1\n")
    let plan = try await publish("1.0.0")
    let first = try await prepare(plan)
    #expect(try await preparation().keepConfiguration(of: first, revision: 1) == "config/.env.v1.0.0")
    #expect(try await preparation().keepConfiguration(of: first, revision: 2) == "config/.env.v1.0.0")
    try await setSettings("A=2\n")
    let second = try await prepare(plan)
    #expect(try await preparation().keepConfiguration(of: second, revision: 3) == "config/.env.v1.0.0.r3")
    #expect(try await bucket.get("config/.env.v1.0.0", maximumBytes: 100) == Array("A=1\n".utf8))
    #expect(try await bucket.get("config/.env.v1.0.0.r3", maximumBytes: 100) == Array("A=2\n".utf8))
  }

  @Test func anArchiveThatSeveralWantAtOnceIsDownloadedOnce() async throws {
    try await setSettings("")
    let plan = try await publish("1.0.0")
    let preparation = preparation()
    let downloads = Count()
    let prepared = try await withThrowingTaskGroup(of: PreparedArtifact.self) { group in
      for _ in 0..<8 {
        group.addTask { [preparation, plan, downloads] in
          try await preparation.prepare(plan, manifest: nil) { progress in
            if progress.step == .downloading { downloads.value.withLock { $0 += 1 } }
          }
        }
      }
      return try await group.reduce(into: [PreparedArtifact]()) { $0.append($1) }
    }
    #expect(downloads.value.withLock { $0 } == 1)
    #expect(Set(prepared.map(\.release.folder)).count == 8)
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: WorkingDirectory(path: workingDirectory).artifacts)
        == [plan.release.artifact.sha256])
  }

  @Test func whatIsStillDownloadedIsNoArchiveYet() throws {
    let directory = WorkingDirectory(path: workingDirectory)
    try directory.create()
    for name in ["a", "b", "c.part"] { try folder.write("x", to: "agent/.agent/artifacts/\(name)") }
    directory.pruneArtifacts(to: 2)
    #expect(Set(try FileManager.default.contentsOfDirectory(atPath: directory.artifacts)) == ["a", "b", "c.part"])
  }

  @Test func archivesAreRemovedThatAreTooOldOrTooMuch() async throws {
    try await setSettings("")
    var plans: [ReleasePlan] = []
    for version in 1...5 {
      plans.append(try await publish("1.0.\(version)"))
      await preparation().discard(try await prepare(plans[version - 1]))
    }
    let digests = plans.map(\.release.artifact.sha256)
    let directory = WorkingDirectory(path: workingDirectory)
    func kept() throws -> Set<String> { Set(try FileManager.default.contentsOfDirectory(atPath: directory.artifacts)) }
    #expect(try kept() == Set(digests))
    directory.pruneArtifacts(to: 4)
    #expect(try kept() == Set(digests.dropFirst()))
    // The first of them was used again.
    await preparation().discard(try await prepare(plans[1]))
    let sizes = try digests.dropFirst().map { digest in
      try #require(FileManager.default.contents(atPath: "\(directory.artifacts)/\(digest)")).count
    }
    directory.pruneArtifacts(bytes: sizes[0] + sizes[3])
    #expect(try kept() == [digests[1], digests[4]])
    directory.pruneArtifacts(bytes: 1)
    #expect(try kept() == [digests[1]], "the newest stays")
  }
}

private final class Count: Sendable {
  let value = Mutex(0)
}
