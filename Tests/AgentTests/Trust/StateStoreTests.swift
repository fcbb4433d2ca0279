import Cryptography
import FoundationEssentials
import ResourceModel
import TestSupport
import Testing

@testable import Agent

/// What every store promises, whatever it keeps documents in.
struct StateStoreTests {
  @Test func aFolderKeepsDocuments() async throws {
    let folder = try TemporaryFolder()
    try await keepsDocuments { FolderStateStore(workingDirectory: folder.file("work")) }
    try await theSecondOfTwoReadsAnew(
      FolderStateStore(workingDirectory: folder.file("work")), FolderStateStore(workingDirectory: folder.file("work")))
    let trust = folder.file("work/.agent/trust")
    func mode(_ path: String) throws -> Int {
      try #require(FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int) & 0o777
    }
    #expect(try mode(trust) == 0o700)
    #expect(try mode("\(trust)/a.json") == 0o600)
  }

  @Test func whatWasNotFinishedWasNeverThere() async throws {
    let folder = try TemporaryFolder()
    let store = FolderStateStore(workingDirectory: folder.file("work"))
    try await store.write([("a.json", [1])], leaving: ["a.json": [1]])
    _ = try folder.write("half", to: "work/.agent/trust/.wrktalk-partial-0123456789abcdef")
    #expect(try await store.load() == ["a.json": [1]])
    #expect(!FileManager.default.fileExists(atPath: folder.file("work/.agent/trust/.wrktalk-partial-0123456789abcdef")))
  }

  @Test func aFolderOfSomebodyElseIsNotUsed() async throws {
    let folder = try TemporaryFolder()
    try FileManager.default.createDirectory(atPath: folder.file("work/.agent"), withIntermediateDirectories: true)
    try FileManager.default.createSymbolicLink(
      atPath: folder.file("work/.agent/trust"), withDestinationPath: folder.file("elsewhere"))
    let store = FolderStateStore(workingDirectory: folder.file("work"))
    await #expect(throws: RuntimeFailure.self) { try await store.load() }
  }

  @Test(arguments: HelmEdition.offered.suffix(1))
  func aSecretKeepsDocuments(_ edition: HelmEdition) async throws {
    try await HelmStack.with(edition) { stack in
      let key = ObjectKey(namespace: stack.namespace, name: "wrktalk-agent-state")
      try await keepsDocuments { SecretStateStore(client: stack.client, secret: key) }
      let first = SecretStateStore(client: stack.client, secret: key)
      let second = SecretStateStore(client: stack.client, secret: key)
      try await theSecondOfTwoReadsAnew(first, second)
      // What repeats itself, as the accounts of many records do, is kept though it has more bytes than a Secret may.
      let many = [UInt8](repeating: 7, count: 4 * SecretStateStore.maximumByteCount)
      try await first.write([("many", many)], leaving: ["many": many])
      #expect(try await second.load() == ["many": many])
      let large = SecureRandom.bytes(count: SecretStateStore.maximumByteCount)
      let refused = await #expect(throws: RuntimeFailure.self) {
        try await first.write([("large", large)], leaving: ["large": large])
      }
      #expect(refused?.reason == "StateTooLarge")
    }
  }

  /// Two that have read the same.
  private func theSecondOfTwoReadsAnew(_ first: any StateStore, _ second: any StateStore) async throws {
    let documents = try await first.load()
    _ = try await second.load()
    try await first.write([("b", [1])], leaving: documents.merging(["b": [1]]) { $1 })
    let changed = await #expect(throws: RuntimeFailure.self) {
      try await second.write([("b", [2])], leaving: documents.merging(["b": [2]]) { $1 })
    }
    #expect(changed?.kind == .transient && changed?.reason == "StateChanged")
    #expect(try await second.load()["b"] == [1])
    try await second.write([("b", [2])], leaving: documents.merging(["b": [2]]) { $1 })
    #expect(try await first.load()["b"] == [2])
  }

  private func keepsDocuments(_ make: () -> any StateStore) async throws {
    #expect(try await make().load() == [:])
    let store = make()
    _ = try await store.load()
    try await store.write([("a.json", [0, 255]), ("b.json", [])], leaving: ["a.json": [0, 255], "b.json": []])
    #expect(try await make().load() == ["a.json": [0, 255], "b.json": []])
    try await store.write([("a.json", [1]), ("b.json", nil), ("c.json", nil)], leaving: ["a.json": [1]])
    #expect(try await make().load() == ["a.json": [1]])
    #expect(try await store.load() == ["a.json": [1]])
  }
}
