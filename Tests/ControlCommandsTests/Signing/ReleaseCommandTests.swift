import Cryptography
import ReleaseManifest
import TestSupport
import Testing
import WireFormats

@testable import ControlCommands

/// `wrktalkctl release sign` and `release verify`, as a person or a pipeline runs them.
@Suite(.timeLimit(.minutes(5))) struct ReleaseCommandTests {
  private static func desk(_ arguments: String...) async throws -> SigningDesk {
    let desk = try SigningDesk()
    let made = try await desk.run(["trust", "init", "--product", "wrktalk", "--dir", "trust"] + arguments)
    #expect(made.code == 0, "\(made.errors)")
    try desk.writeManifest()
    return desk
  }

  @Test func whatIsSignedIsVerifiedAndShown() async throws {
    let desk = try await Self.desk()
    try await desk.succeed("release", "sign", "release.json", "--key", "trust/release.key", "-o", "signed.json")
    let output = try await desk.succeed("release", "verify", "signed.json", "--root", "trust/root.json")
    let key = try KeyFile.readPublic(desk.folder.file("trust/release.key")).id
    let digest = try TrustFile.envelope(desk.folder.file("signed.json"), .release).payloadSHA256
    #expect(
      output == """
        wrktalk 1.0.0, sequence 7
        Manifest:  \(digest)
        Signed by: \(key.short)
        Issued:    2020-01-01T00:00:00Z
        Expires:   2999-01-01T00:00:00Z
        ARTIFACT   SHA256                                                             BYTES
        Compose    aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa   5
        Good: version 1 of the trust root believes it.

        """)
    let json = try await desk.succeed("release", "verify", "signed.json", "--root", "trust/root.json", "-o", "json")
    #expect(json.contains(#""problems": []"#) && json.contains(key.text))
    // The bytes that were read are the bytes that were signed.
    let envelope = try TrustFile.envelope(desk.folder.file("signed.json"), .release)
    #expect(try String(decoding: envelope.payload, as: UTF8.self) == desk.text("release.json"))
  }

  @Test func nothingIsOverwritten() async throws {
    let desk = try await Self.desk()
    try desk.folder.write("mine", to: "signed.json")
    try await desk.fail(
      "exists already", "release", "sign", "release.json", "--key", "trust/release.key", "-o", "signed.json")
    try await desk.fail(
      "exists already", "release", "sign", "release.json", "--key", "trust/release.key", "-o", "release.json")
    #expect(try desk.text("signed.json") == "mine")
  }

  @Test func severalKeysSignOneAfterTheOther() async throws {
    let desk = try await Self.desk("--release-keys", "2", "--release-threshold", "2")
    let first = try await desk.run([
      "release", "sign", "release.json", "--key", "trust/release-1.key", "-o", "signed.json",
    ])
    #expect(first.code == 0 && first.errors.contains("It needs 1 more release key"))
    try await desk.fail("SignatureInvalid", "release", "verify", "signed.json", "--root", "trust/root.json")
    try await desk.succeed("release", "sign", "signed.json", "--key", "trust/release-2.key", "-o", "signed.json")
    try await desk.succeed("release", "verify", "signed.json", "--root", "trust/root.json")
  }

  @Test func aCommandSignsInsteadOfAKey() async throws {
    let desk = try await Self.desk()
    let openssl = "openssl pkeyutl -sign -rawin -in /dev/stdin -inkey trust/release.key"
    let sign = ["release", "sign", "release.json", "--root", "trust/root.json", "--sign-with"]
    for (index, command) in [openssl, "\(openssl) | base64 -w0", "\(openssl) | base64 -w 20"].enumerated() {
      let answer = try await desk.run(sign + [command, "-o", "signed-\(index).json"])
      #expect(answer.code == 0, "\(answer.errors)")
      try await desk.succeed("release", "verify", "signed-\(index).json", "--root", "trust/root.json")
    }
    for (command, reason) in [
      ("exit 3", "failed, exit code 3"), ("echo no token >&2; exit 1", "no token"), ("echo hello", "no signature"),
      ("true", "answered 0 bytes"), ("head -c 64 /dev/zero", "is not a signature by a release key"),
      (openssl.replacing("release.key", with: "root.key"), "is not a signature by a release key"),
    ] {
      let answer = try await desk.run(sign + [command, "-o", "bad.json"])
      #expect(answer.code == 1 && answer.errors.contains(reason), "\(command): \(answer.errors)")
    }
    #expect(try !desk.names.contains("bad.json"))
  }

  @Test func whatCannotBeSignedIsRefused() async throws {
    let desk = try await Self.desk()
    let key = ["--key", "trust/release.key"]
    try desk.folder.write("no JSON", to: "text")
    try desk.writeManifest("other.json", product: "other")
    try desk.writeManifest("old.json", expires: "2021-01-01")
    try desk.writeManifest("abc.json", version: "abc")
    try desk.folder.write("{}", to: "empty.json")
    for (file, reason) in [
      ("missing", "missing cannot be read"), ("text", "is not valid JSON"), ("empty.json", "product is missing"),
      ("other.json", "is for the product other"), ("old.json", "has expired"),
      ("abc.json", "is not a semantic version"),
      ("trust/root.json", "payloadType"),
    ] {
      let answer = try await desk.run(["release", "sign", file] + key)
      #expect(answer.code == 1 && answer.errors.contains(reason), "\(file): \(answer.errors)")
    }
    try await desk.fail(
      "there it is a key of root", "release", "sign", "release.json", "--key", "trust/root.key")
    try await desk.fail("a key is needed to sign with", code: 64, "release", "sign", "release.json")
    try await desk.fail(
      "text: the private key cannot be used", "release", "sign", "release.json", "--key", "text", "--root",
      "trust/root.json")
    try await desk.fail(
      "no trust root is named", code: 64, "release", "sign", "release.json", "--sign-with", "true")
  }

  @Test func aFieldThatAgentsDoNotKnowIsNotSigned() async throws {
    let desk = try await Self.desk()
    try desk.folder.write(
      try desk.text("release.json").replacing("\"sequence\"", with: "\"minimumsequence\": 6, \"sequence\"")
        .replacing("\"runtime\"", with: "\"digest\": \"x\", \"runtime\""), to: "more.json")
    try await desk.fail(
      "more.json: artifacts[0].digest, minimumsequence are not fields of a release manifest", "release", "sign",
      "more.json", "--key", "trust/release.key", "-o", "signed.json")
    #expect(try !desk.names.contains("signed.json"))
  }

  /// A field that is added to manifests is added here.
  @Test func theFieldsOfAManifestAreThoseThatItWrites() throws {
    let manifest = ReleaseManifest.Manifest(
      product: "wrktalk", version: "1.0.0", sequence: 2, minimumSequence: 1, issuedAt: Timestamp(seconds: 0),
      expires: Timestamp(seconds: 1), artifacts: [.init(runtime: .helm, sha256: "a", size: 1)],
      images: [.init(service: "a", repository: "b", digest: "c", contentDigests: ["d"], digestValue: "e")],
      imageTags: ["a": "b"], settings: [.init(key: "a", value: "b")],
      ruleset: .init(forced: true, migration: true, minimumVersion: "1.0.0"))
    let value = try JSONValue(parsing: manifest.payload)
    #expect(ManifestFields.unknown(in: value).isEmpty)
    for (field, names) in ManifestFields.known {
      let written = field.isEmpty ? value : value[field]?.array?.first ?? value[field]
      #expect(written?.object.map { Set($0.keys) } == names, "\(field)")
    }
  }

  @Test func verifyNamesEveryProblem() async throws {
    let desk = try await Self.desk()
    try await desk.fail("ReleaseNotSigned", "release", "verify", "release.json", "--root", "trust/root.json")
    try await desk.succeed("release", "sign", "release.json", "--key", "trust/release.key", "-o", "signed.json")
    try desk.folder.write("hello", to: "wrong.tgz")
    let answer = try await desk.run([
      "release", "verify", "signed.json", "--root", "trust/root.json", "--artifact", "wrong.tgz",
    ])
    let digest = SHA256.digest(of: "hello").hexadecimal
    #expect(answer.code == 1)
    #expect(answer.errors.contains("ManifestMismatch: wrong.tgz has the digest \(digest) and 5 bytes"))
    #expect(!answer.output.contains("Good"))
    try await desk.succeed("trust", "init", "--product", "wrktalk", "--dir", "others")
    try await desk.fail("SignatureInvalid", "release", "verify", "signed.json", "--root", "others/root.json")
    try await desk.fail("signed.json: ", "release", "verify", "signed.json", "--root", "signed.json")
  }
}
