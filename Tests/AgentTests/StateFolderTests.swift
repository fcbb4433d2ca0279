import FoundationEssentials
import Glibc
import TestSupport
import Testing

@testable import Agent

/// The Agent's own folder is used only where nobody else decides what lies in it, and nothing in it leads out of it.
struct StateFolderTests {
  private let folder: TemporaryFolder
  private static let isRoot = geteuid() == 0

  init() throws { folder = try TemporaryFolder() }

  private func make(_ name: String, mode: Int = 0o755) throws {
    try FileManager.default.createDirectory(
      atPath: folder.file(name), withIntermediateDirectories: true, attributes: [.posixPermissions: mode])
    try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: folder.file(name))
  }

  private func link(_ name: String, to target: String) throws {
    try FileManager.default.createSymbolicLink(atPath: folder.file(name), withDestinationPath: target)
  }

  private func giveAway(_ name: String) { #expect(unsafe lchown(folder.file(name), 65534, 65534) == 0) }

  private func refusal(_ name: String) -> String? {
    do throws(RuntimeFailure) {
      _ = try StateFolder(path: folder.file(name)).open()
      return nil
    } catch {
      return error.message
    }
  }

  private func isThere(_ name: String) -> Bool { FileManager.default.fileExists(atPath: folder.file(name)) }

  /// Somebody else made the folder before the Agent started, with links to what is to be removed.
  @Test(.enabled(if: isRoot, "needs root, to give a folder to another user"))
  func whatAnotherUsersFolderLinksToIsNotRemoved() throws {
    for victim in ["victim/ssh", "other"] { try make(victim) }
    try folder.write("key", to: "victim/ssh/id_rsa")
    try folder.write("nameserver", to: "other/resolv.conf")
    try make("agent/.agent")
    try link("agent/.agent/work", to: folder.file("victim"))
    try link("agent/.agent/artifacts", to: folder.file("other"))
    for name in ["agent/.agent/work", "agent/.agent/artifacts", "agent/.agent", "agent"] { giveAway(name) }
    let directory = WorkingDirectory(path: folder.file("agent"))
    directory.scrub()
    #expect(isThere("victim/ssh/id_rsa"))
    #expect(isThere("other/resolv.conf"))
    #expect(throws: RuntimeFailure.self) { try directory.create() }
    let text = try #require(refusal("agent"))
    #expect(text.contains("belongs to user 65534, and the Agent runs as user 0"))
    #expect(text.hasSuffix("name another folder in WRKTALK_AGENT_WORKING_DIR"))
  }

  @Test func linksWithinTheFolderAreRemovedAndNotFollowed() throws {
    try folder.write("key", to: "victim/id_rsa")
    let directory = WorkingDirectory(path: folder.file("agent"))
    try directory.create()
    try link("agent/.agent/work/one", to: folder.file("victim"))
    try make("agent/.agent/work/two")
    try link("agent/.agent/work/two/config", to: folder.file("victim/id_rsa"))
    try link("agent/.agent/work/two/bundle", to: folder.file("victim"))
    try link("agent/.agent/artifacts/a.b", to: folder.file("victim"))
    directory.scrub()
    #expect(try String(contentsOf: URL(filePath: folder.file("victim/id_rsa")), encoding: .utf8) == "key")
    #expect(try FileManager.default.contentsOfDirectory(atPath: directory.work).isEmpty)
    #expect(try FileManager.default.contentsOfDirectory(atPath: directory.artifacts).isEmpty)
  }

  @Test func aFolderThatIsItselfALinkWithinIsNotFollowed() throws {
    try folder.write("key", to: "victim/work/id_rsa")
    try make("agent", mode: 0o700)
    try link("agent/.agent", to: folder.file("victim"))
    let directory = WorkingDirectory(path: folder.file("agent"))
    directory.scrub()
    #expect(isThere("victim/work/id_rsa"))
    #expect(throws: RuntimeFailure.self) { try directory.create() }
  }

  @Test func aMissingFolderIsMadeForItsOwnerOnly() throws {
    #expect(refusal("a/b") == nil)
    let attributes = try FileManager.default.attributesOfItem(atPath: folder.file("a/b"))
    #expect((attributes[.posixPermissions] as? Int).map { $0 & 0o777 } == 0o700)
  }

  @Test func whatOthersCouldReadIsTheOwnersAfterwards() throws {
    try make("agent", mode: 0o755)
    #expect(refusal("agent") == nil)
    let attributes = try FileManager.default.attributesOfItem(atPath: folder.file("agent"))
    #expect((attributes[.posixPermissions] as? Int).map { $0 & 0o777 } == 0o700)
  }

  @Test func whatOthersCouldWriteIsRefused() throws {
    try make("agent", mode: 0o777)
    #expect(refusal("agent")?.contains("could be written by others") == true)
    try make("open", mode: 0o777)
    try make("open/agent", mode: 0o700)
    #expect(refusal("open/agent")?.contains("can be written by others") == true)
  }

  @Test func aStickyFolderAboveIsNoDanger() throws {
    try make("sticky", mode: 0o1777)
    #expect(refusal("sticky/agent") == nil)
  }

  @Test func anOwnLinkAboveIsFollowed() throws {
    try make("disk")
    try link("var", to: "disk")
    #expect(refusal("var/agent") == nil)
    #expect(isThere("disk/agent"))
    try link("round", to: "round")
    #expect(refusal("round/agent")?.contains("too many links") == true)
  }

  @Test(.enabled(if: isRoot, "needs root, to give a folder to another user"))
  func whatAnotherUserCouldReplaceIsRefused() throws {
    try make("disk")
    try link("var", to: "disk")
    giveAway("var")
    #expect(refusal("var/agent")?.contains("the link \(folder.file("var")) belongs to user 65534") == true)
    try make("theirs/agent", mode: 0o700)
    giveAway("theirs")
    #expect(refusal("theirs/agent")?.contains("could put another folder in its place") == true)
  }

  /// A volume of a pod is root's and may be written by everybody; the pod's user works in a folder of its own.
  @Test(.enabled(if: isRoot, "needs root, to act for another user"))
  func rootDecidesWhereAnAgentWithoutItsRightsWorks() throws {
    try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: folder.path)
    try make("volume", mode: 0o777)
    try make("volume/agent", mode: 0o700)
    giveAway("volume/agent")
    let state = StateFolder(path: folder.file("volume/agent"), user: 65534)
    #expect(throws: Never.self) { _ = try state.open() }
  }
}
