import ReleaseManifest
import TestSupport
import Testing
import WireFormats

@testable import ControlCommands

/// `wrktalkctl trust …`, as a person runs it.
@Suite(.timeLimit(.minutes(5))) struct TrustCommandTests {
  private static func root(_ desk: SigningDesk, _ name: String) throws -> TrustRoot {
    try TrustFile.signedRoot(desk.folder.file(name))
  }

  @Test func initMakesKeysThatOnlyTheirOwnerReadsAndARootThatTheySigned() async throws {
    let desk = try SigningDesk()
    let output = try await desk.succeed("trust", "init", "--product", "wrktalk", "--dir", "trust", "--timestamp")
    #expect(
      try desk.names == ["trust", "trust/release.key", "trust/root.json", "trust/root.key", "trust/timestamp.key"])
    for key in ["release", "root", "timestamp"] { #expect(try desk.mode(of: "trust/\(key).key") == 0o600) }
    #expect(output.hasPrefix("Made version 1 of the trust root of wrktalk, valid until "))
    #expect(output.contains("keep it offline") && output.contains("give it to every customer"))
    let root = try Self.root(desk, "trust/root.json")
    #expect(root.roles.mapValues(\.threshold) == [.root: 1, .release: 1, .timestamp: 1])
    #expect(root.keys.count == 3)
    #expect(root.expires == root.issuedAt + .seconds(365 * 86_400))
    #expect(!output.contains("PRIVATE"))
  }

  @Test func initOverwritesNothing() async throws {
    let desk = try SigningDesk()
    try desk.folder.write("mine", to: "trust/notes.txt")
    try await desk.fail("is not empty", "trust", "init", "--product", "wrktalk", "--dir", "trust")
    #expect(try desk.names == ["trust", "trust/notes.txt"])
    try desk.folder.write("mine", to: "file")
    try await desk.fail("is not a folder", "trust", "init", "--product", "wrktalk", "--dir", "file")
    try await desk.fail("cannot be made", "trust", "init", "--product", "wrktalk", "--dir", "missing/trust")
    try await desk.fail("from 1 to 100 bytes", "trust", "init", "--product", "", "--dir", "new")
    try await desk.fail(
      "threshold", "trust", "init", "--product", "x", "--dir", "new", "--root-threshold", "2")
    #expect(try desk.names == ["file", "trust", "trust/notes.txt"])
  }

  /// A shell that is in it goes on seeing it, and whoever made it has said who may read it.
  @Test func initFillsAFolderThatIsThereAndEmpty() async throws {
    let desk = try SigningDesk()
    #expect(try await desk.shell("mkdir -m 750 there"))
    try await desk.succeed("trust", "init", "--product", "wrktalk", "--dir", "there/")
    #expect(try desk.names == ["there", "there/release.key", "there/root.json", "there/root.key"])
    #expect(try desk.mode(of: "there") == 0o750)
    #expect(
      try await desk.shell("mkdir here && cd here && '\(Testbed.program("wrktalkctl"))' trust init --product a --dir .")
    )
    #expect(try desk.names.filter { $0.hasPrefix("here/") } == ["here/release.key", "here/root.json", "here/root.key"])
    #expect(try desk.mode(of: "here/release.key") == 0o600)
  }

  @Test func aDashIsStandardOutput() async throws {
    let desk = try SigningDesk()
    try await desk.succeed("trust", "init", "--product", "wrktalk", "--dir", "trust", "--timestamp")
    try desk.writeManifest()
    let root = ["--root", "trust/root.json"]
    let rotated = try await desk.run(
      ["trust", "rotate", "-o", "-", "--new", "release=new.key", "--key", "trust/root.key"] + root)
    #expect(rotated.code == 0 && rotated.errors.contains("Made version 2 of the trust root of wrktalk, valid until"))
    #expect(rotated.errors.contains(" in new.key."))
    #expect(try TrustRoot.first(Array(rotated.output.utf8)).version == 2)
    let signed = try await desk.run(
      ["release", "sign", "release.json", "--key", "trust/release.key", "-o", "-"] + root)
    #expect(try Envelope(parsing: Array(signed.output.utf8), expecting: .release).signatures.count == 1)
    try desk.folder.write(signed.output, to: "signed.json")
    let again = try await desk.run(["release", "sign", "signed.json", "--key", "trust/release.key", "-o", "-"] + root)
    #expect(again.output == signed.output)
    let statement = try await desk.run(
      ["trust", "timestamp", "--sequence", "7", "--key", "trust/timestamp.key", "-o", "-"] + root)
    #expect(try Envelope(parsing: Array(statement.output.utf8), expecting: .timestamp).signatures.count == 1)
    try await desk.fail(
      "a private key is not printed", code: 64, "trust", "rotate", "--new", "release=-", "--root", "trust/root.json",
      "--key", "trust/root.key")
    #expect(try !desk.names.contains("-"))
  }

  @Test func anEncryptedKeyNeedsItsPassphrase() async throws {
    let desk = try SigningDesk()
    try desk.folder.write("correct horse\n", to: "right")
    try desk.folder.write("battery staple\n", to: "wrong")
    try desk.folder.write("\n", to: "empty")
    try await desk.succeed(
      "trust", "init", "--product", "wrktalk", "--dir", "trust", "--passphrase-file", "right")
    #expect(try desk.text("trust/release.key").hasPrefix("-----BEGIN ENCRYPTED PRIVATE KEY-----"))
    try desk.writeManifest()
    let sign = ["release", "sign", "release.json", "--key", "trust/release.key"]
    #expect(try await desk.run(sign + ["--passphrase-file", "right"]).code == 0)
    for (arguments, reason) in [
      (["--passphrase-file", "wrong"], "the passphrase is wrong"), (["--passphrase-file", "empty"], "no passphrase"),
      (["--passphrase-file", "none"], "none cannot be read"), ([], "there is no terminal to ask for it"),
      (["--passphrase-fd", "77"], "descriptor 77"),
    ] {
      let answer = try await desk.run(sign + arguments)
      #expect(answer.code == 1 && answer.errors.contains(reason), "\(arguments): \(answer.errors)")
      #expect(!answer.errors.contains("battery") && answer.output.isEmpty)
    }
  }

  @Test func rotationGoesStepByStepAndEachVersionFollowsTheOneBefore() async throws {
    let desk = try SigningDesk()
    try await desk.succeed("trust", "init", "--product", "wrktalk", "--dir", "trust")
    let first = try Self.root(desk, "trust/root.json")
    let old = try #require(first.roles[.release]?.keys.first)
    try await desk.succeed(
      "trust", "rotate", "--root", "trust/root.json", "--key", "trust/root.key", "--new", "release=trust/release-2.key",
      "--remove", "release=\(old.text.prefix(8))", "--new", "root=trust/root-b.key")
    let second = try Self.root(desk, "trust/root-2.json")
    #expect(second.version == 2 && second.roles[.root]?.keys.count == 2 && second.roles[.release]?.keys.count == 1)
    #expect(second.keys[old] == nil)
    #expect(try desk.mode(of: "trust/release-2.key") == 0o600)
    try await desk.fail(
      "exists already", "trust", "rotate", "--root", "trust/root.json", "--key", "trust/root.key")
    let output = try await desk.succeed("trust", "show", "trust/root.json", "trust/root-2.json")
    #expect(output.contains("Trust root of wrktalk, version 2") && output.contains("1 of 2 keys have to sign"))
    try await desk.fail("roots follow each other", "trust", "show", "trust/root-2.json", "trust/root-2.json")
    let json = try await desk.succeed("trust", "show", "trust/root-2.json", "-o", "json")
    #expect(json.contains(#""signedBy""#) && json.contains(#""version": 2"#))
    #expect(try await desk.succeed("trust", "show", "trust/root-2.json", "-o", "yaml").contains("version: 2\n"))
    // The old release key signs nothing for the new root.
    try desk.writeManifest()
    try await desk.fail(
      "is not a release key of the trust root", "release", "sign", "release.json", "--root", "trust/root-2.json",
      "--key",
      "trust/release.key")
  }

  @Test func severalPersonsSignOneRoot() async throws {
    let desk = try SigningDesk()
    try await desk.succeed(
      "trust", "init", "--product", "wrktalk", "--dir", "trust", "--root-keys", "3", "--root-threshold", "2")
    // The third key is lost: two of three replace it.
    let lost = try KeyFile.readPublic(desk.folder.file("trust/root-3.key")).id
    let made = try await desk.run([
      "trust", "rotate", "--root", "trust/root.json", "--key", "trust/root-1.key", "--remove",
      "root=\(lost.text)", "--new", "root=trust/root-4.key",
    ])
    #expect(made.code == 0 && made.errors.contains("It needs 1 more of the present trust root's root keys"))
    try await desk.fail("is not signed", "trust", "show", "trust/root.json", "trust/root-2.json")
    try await desk.fail(
      "is not a root key", "trust", "sign", "trust/root-2.json", "--root", "trust/root.json", "--key",
      "trust/release.key")
    let signed = try await desk.run([
      "trust", "sign", "trust/root-2.json", "--root", "trust/root.json", "--key", "trust/root-2.key",
    ])
    #expect(signed.code == 0 && signed.errors.isEmpty)
    try await desk.succeed("trust", "show", "trust/root.json", "trust/root-2.json")
  }

  @Test func revokedKeysAndReleasesAreOver() async throws {
    let desk = try SigningDesk()
    try await desk.succeed("trust", "init", "--product", "wrktalk", "--dir", "trust")
    try desk.writeManifest()
    try await desk.succeed("release", "sign", "release.json", "--key", "trust/release.key", "-o", "signed.json")
    try await desk.succeed("release", "verify", "signed.json", "--root", "trust/root.json")
    let key = try KeyFile.readPublic(desk.folder.file("trust/release.key")).id
    try await desk.fail(
      "--new release=FILE", "trust", "revoke", "--key-id", key.short, "--root",
      "trust/root.json", "--key", "trust/root.key")
    try await desk.succeed(
      "trust", "revoke", "--key-id", key.short, "--new", "release=trust/new.key", "--root", "trust/root.json", "--key",
      "trust/root.key")
    try await desk.fail(
      "ReleaseRevoked", "release", "verify", "signed.json", "--root", "trust/root.json", "--root", "trust/root-2.json")
    try await desk.fail(
      "is revoked by version 2 of the trust root", "release", "sign", "release.json", "--root", "trust/root-2.json",
      "--key",
      "trust/release.key")
    let envelope = try TrustFile.envelope(desk.folder.file("signed.json"), .release)
    try await desk.succeed(
      "trust", "revoke", "--release", envelope.payloadSHA256, "--root", "trust/root.json", "--key", "trust/root.key",
      "-o",
      "other.json")
    try await desk.fail(
      "ReleaseRevoked", "release", "verify", "signed.json", "--root", "trust/root.json", "--root", "other.json")
    try await desk.succeed(
      "trust", "revoke", "--minimum-sequence", "8", "--root", "trust/root.json", "--key", "trust/root.key", "-o",
      "third.json")
    try await desk.fail(
      "SequenceTooLow", "release", "verify", "signed.json", "--root", "trust/root.json", "--root", "third.json")
    try await desk.fail(
      "nothing to revoke", code: 64, "trust", "revoke", "--root", "trust/root.json", "--key", "trust/root.key")
    try await desk.fail(
      "64 lower-case", code: 64, "trust", "revoke", "--release", "abc", "--root", "trust/root.json", "--key",
      "trust/root.key", "-o", "fourth.json")
  }

  @Test func aTimestampStatementIsSignedByItsOwnKey() async throws {
    let desk = try SigningDesk()
    try await desk.succeed("trust", "init", "--product", "wrktalk", "--dir", "trust", "--timestamp")
    try desk.writeManifest()
    try await desk.succeed("release", "sign", "release.json", "--key", "trust/release.key", "-o", "signed.json")
    try await desk.fail("TimestampMissing", "release", "verify", "signed.json", "--root", "trust/root.json")
    try await desk.fail(
      "is not a timestamp key", "trust", "timestamp", "--root", "trust/root.json", "--sequence", "7", "--key",
      "trust/release.key")
    try await desk.succeed(
      "trust", "timestamp", "--root", "trust/root.json", "--sequence", "7", "--key", "trust/timestamp.key", "-o",
      "ts.json")
    try await desk.succeed(
      "release", "verify", "signed.json", "--root", "trust/root.json", "--timestamp", "ts.json")
    try await desk.fail(
      "minimumSequence must not be above sequence", "trust", "timestamp", "--root", "trust/root.json", "--sequence",
      "7",
      "--minimum-sequence", "8", "--key", "trust/timestamp.key")
  }

  @Test func whatIsWrongWithATrustRootIsSaid() async throws {
    let desk = try SigningDesk()
    try await desk.fail("missing.json cannot be read", "trust", "show", "missing.json")
    try desk.folder.write("no JSON", to: "text")
    try await desk.fail("is not valid JSON", "trust", "show", "text")
    try desk.writeManifest()
    try await desk.fail("payloadType is missing", "trust", "show", "release.json")
    try await desk.fail("a key is needed to sign with", code: 64, "trust", "rotate", "--root", "x")
  }
}
