import ReleaseManifest
import TestSupport
import Testing

@testable import ControlCommands

/// Signing while some customers have the old trust root and others the new one.
@Suite(.timeLimit(.minutes(5))) struct RotationTests {
  /// Version 1 with `release.key`, and version 2 with `release-2.key` in its place.
  private static func desk(revoking: Bool = false, _ arguments: String...) async throws -> SigningDesk {
    let desk = try SigningDesk()
    let made = try await desk.run(["trust", "init", "--product", "wrktalk", "--dir", "trust"] + arguments)
    #expect(made.code == 0, "\(made.errors)")
    let key = try KeyFile.readPublic(desk.folder.file("trust/release.key")).id
    let change = revoking ? ["revoke", "--key-id", key.text] : ["rotate", "--remove", "release=\(key)"]
    let rotated = try await desk.run(
      ["trust"] + change + [
        "--new", "release=trust/release-2.key", "--root", "trust/root.json", "--key", "trust/root.key",
      ])
    #expect(rotated.code == 0, "\(rotated.errors)")
    try desk.writeManifest()
    return desk
  }

  private static let bothKeys = ["--key", "trust/release.key", "--key", "trust/release-2.key"]
  private static let bothRoots = ["--root", "trust/root.json", "--root", "trust/root-2.json"]
  private static let sign = ["release", "sign", "release.json"]

  @Test func oneCommandSignsForAgentsWithTheOldRootAndWithTheNewOne() async throws {
    let desk = try await Self.desk()
    for (name, roots) in [("named", Self.bothRoots), ("found", [])] {
      let answer = try await desk.run(Self.sign + roots + Self.bothKeys + ["-o", "\(name).json"])
      #expect(answer.code == 0 && !answer.errors.contains("It needs"), "\(answer.errors)")
      #expect(
        answer.errors.contains("Taking the trust roots trust/root.json, trust/root-2.json, beside the key.")
          == roots.isEmpty)
      try await desk.succeed("release", "verify", "\(name).json", "--root", "trust/root.json")
      try await desk.succeed("release", "verify", "\(name).json", "--root", "trust/root-2.json")
    }
  }

  @Test func whoWillRefuseWhatWasSignedIsSaid() async throws {
    let desk = try await Self.desk()
    let new = try await desk.run(Self.sign + ["--key", "trust/release-2.key", "-o", "new.json"])
    #expect(new.code == 0 && !new.errors.contains("It needs"))
    #expect(
      new.errors.contains(
        "Agents that have only version 1 of the trust root will refuse it: for them it needs 1 more release key of that version."
      ), "\(new.errors)")
    let old = try await desk.run(Self.sign + ["--key", "trust/release.key", "-o", "old.json"])
    #expect(old.code == 0 && !old.errors.contains("Agents that have only"))
    #expect(old.errors.contains("It needs 1 more release key of version 2 of the trust root, the newest"))
    // The other signature is added to the file.
    let added = try await desk.run(["release", "sign", "old.json", "--key", "trust/release-2.key", "-o", "old.json"])
    #expect(added.code == 0 && !added.errors.contains("It needs") && !added.errors.contains("Agents that have only"))
  }

  /// A command that signs with a key of its own is no way around it.
  @Test func aKeyThatTheNewRootRevokesSignsNothingWhateverTheOldOneSays() async throws {
    let desk = try await Self.desk(revoking: true)
    let openssl = "openssl pkeyutl -sign -rawin -in /dev/stdin -inkey trust/release.key"
    for arguments in [
      ["--key", "trust/release.key"], Self.bothRoots + ["--key", "trust/release.key"],
      Self.bothRoots + ["--sign-with", openssl],
    ] {
      let answer = try await desk.run(Self.sign + arguments + ["-o", "signed.json"])
      #expect(
        answer.code == 1 && answer.errors.contains("is revoked by version 2 of the trust root"), "\(answer.errors)")
    }
    #expect(try !desk.names.contains("signed.json"))
    let good = try await desk.run(Self.sign + ["--key", "trust/release-2.key", "-o", "signed.json"])
    #expect(good.code == 0 && good.errors.contains("only version 1 of the trust root will refuse it"))
  }

  @Test func rootsThatDoNotBelongTogetherAreRefused() async throws {
    let desk = try await Self.desk()
    try await desk.succeed("trust", "init", "--product", "other", "--dir", "other")
    try await desk.succeed("trust", "init", "--product", "wrktalk", "--dir", "stranger")
    try await desk.succeed(
      "trust", "rotate", "--root", "stranger/root.json", "--key", "stranger/root.key")
    let key = ["--key", "trust/release.key"]
    for (second, reason) in [
      ("other/root.json", "is for the product wrktalk, and other/root.json for other"),
      ("stranger/root.json", "are different trust roots of one version, 1"),
      ("stranger/root-2.json", "stranger/root-2.json: the trust root that is to follow version 1 is not signed"),
    ] {
      let answer = try await desk.run(Self.sign + key + ["--root", "trust/root.json", "--root", second])
      #expect(answer.code == 1 && answer.errors.contains(reason), "\(second): \(answer.errors)")
    }
    // Twice the same is one.
    let twice = try await desk.run(Self.sign + key + ["--root", "trust/root.json", "--root", "trust/root.json"])
    #expect(twice.code == 0 && !twice.errors.contains("It needs"))
  }

  /// Nobody signs under an older root by oversight; whoever means it, names it.
  @Test func aRootBesideTheKeyThatIsNotSignedYetIsNotPassedOver() async throws {
    let desk = try SigningDesk()
    try await desk.succeed(
      "trust", "init", "--product", "wrktalk", "--dir", "trust", "--root-keys", "2", "--root-threshold", "2")
    try await desk.succeed("trust", "sign", "trust/root.json", "--key", "trust/root-2.key")
    try await desk.succeed("trust", "rotate", "--root", "trust/root.json", "--key", "trust/root-1.key")
    try desk.writeManifest()
    let sign = ["release", "sign", "release.json", "--key", "trust/release.key"]
    let refused = try await desk.run(sign)
    #expect(refused.code == 1 && refused.errors.contains("trust/root-2.json: "), "\(refused.errors)")
    #expect(refused.errors.contains("hint: --root FILE"))
    #expect(try await desk.run(sign + ["--root", "trust/root.json"]).code == 0)
  }

  @Test func aStatementIsMadeForTheNewestRootAndByNoKeyThatItRevokes() async throws {
    let desk = try SigningDesk()
    try await desk.succeed("trust", "init", "--product", "wrktalk", "--dir", "trust", "--timestamp")
    let key = try KeyFile.readPublic(desk.folder.file("trust/timestamp.key")).id
    try await desk.succeed(
      "trust", "revoke", "--key-id", key.text, "--new", "timestamp=trust/timestamp-2.key", "--root", "trust/root.json",
      "--key", "trust/root.key")
    let statement = ["trust", "timestamp", "--sequence", "7"]
    for roots in [[], Self.bothRoots] {
      let answer = try await desk.run(statement + roots + ["--key", "trust/timestamp.key"])
      #expect(answer.code == 1 && answer.errors.contains("is revoked by version 2"), "\(answer.errors)")
    }
    let answer = try await desk.run(statement + ["--key", "trust/timestamp-2.key", "-o", "timestamp.json"])
    #expect(answer.code == 0, "\(answer.errors)")
    let envelope = try TrustFile.envelope(desk.folder.file("timestamp.json"), .timestamp)
    #expect(try TimestampStatement(payload: envelope.payload).rootVersion == 2)
  }

  @Test func aRootIsSignedOnlyForTheOneThatItFollows() async throws {
    let desk = try await Self.desk()
    try await desk.succeed("trust", "rotate", "--root", "trust/root-2.json", "--key", "trust/root.key")
    try await desk.fail(
      "which does not follow version 1", "trust", "sign", "trust/root-3.json", "--root", "trust/root.json", "--key",
      "trust/root.key")
    try await desk.succeed(
      "trust", "sign", "trust/root-3.json", "--root", "trust/root-2.json", "--key", "trust/root.key")
  }
}
