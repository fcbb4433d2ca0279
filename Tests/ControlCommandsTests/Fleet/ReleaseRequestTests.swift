import HTTPTransport
import ReleaseManifest
import Testing
import WireFormats

@testable import ControlCommands

@Suite struct ReleaseRequestTests {
  private let sha256 = String(repeating: "a", count: 64)

  private func manifest(version: String = "2.3.0") -> ReleaseManifest.Manifest {
    ReleaseManifest.Manifest(
      product: "wrktalk", version: version, sequence: 7, issuedAt: Timestamp(seconds: 1),
      expires: Timestamp(seconds: 9),
      artifacts: [.init(runtime: .helm, sha256: sha256, size: 5)],
      imageTags: ["backend": "b1", "media": "m1", "control-tower": "c1"],
      settings: [.init(key: "FEATURE", value: "false")],
      ruleset: .init(forced: true, migration: false, minimumVersion: "2.0.0"))
  }

  @Test func theBodyIsThatOfTheSpecification() throws {
    var request = ReleaseRequest(version: "2.3.0", tags: .init(backend: "sha-abc", agent: "sha-jkl"))
    request.isMigrationRequired = true
    request.releaseNotes = "Bug fixes"
    request.settings = [.init(key: "NEW_FEATURE", value: "false")]
    #expect(
      try request.json
        == JSONValue(
          parsing: """
            {"version": "2.3.0",
             "imageTags": {"backend": "sha-abc", "media": "", "controlTower": "", "agent": "sha-jkl"},
             "isForced": false, "isMigrationRequired": true, "estimatedDowntime": null, "releaseNotes": "Bug fixes",
             "newNonEssentialEnvs": [{"key": "NEW_FEATURE", "value": "false"}]}
            """))
  }

  @Test func whatWasSignedIsTakenOver() throws {
    var request = ReleaseRequest(version: "2.3.0", tags: .init(media: "m1", agent: "a1"))
    try request.adopt(manifest(), text: "envelope", file: "m.json")
    #expect(request.tags == .init(backend: "b1", media: "m1", controlTower: "c1", agent: "a1"))
    #expect(request.isForced && !request.isMigrationRequired && request.minCurrentVersion == "2.0.0")
    #expect(request.settings == [.init(key: "FEATURE", value: "false")] && request.manifest == "envelope")
  }

  @Test func whatContradictsWhatWasSignedIsRefused() {
    func refusal(_ change: (inout ReleaseRequest) -> Void) -> CommandFailure? {
      var request = ReleaseRequest(version: "2.3.0")
      change(&request)
      do throws(CommandFailure) {
        try request.adopt(manifest(), text: "envelope", file: "m.json")
        return nil
      } catch {
        return error
      }
    }
    #expect(refusal { _ in } == nil)
    for (change, words) in [
      ({ $0.version = "2.3.1" }, "m.json is for version 2.3.0, and the command line says --version 2.3.1"),
      ({ $0.tags.backend = "b2" }, "m.json has the tag b1, and the command line says --backend-tag b2"),
      ({ $0.isMigrationRequired = true }, "m.json has no migration, and the command line says --migration"),
      (
        { $0.minCurrentVersion = "2.1.0" },
        "m.json has 2.0.0 as the oldest, and the command line says --min-version 2.1.0"
      ),
      (
        { $0.settings = [.init(key: "FEATURE", value: "true")] },
        "m.json does not have this setting with this default, and the command line says --setting FEATURE"
      ),
    ] as [((inout ReleaseRequest) -> Void, String)] {
      let failure = refusal(change)
      #expect(failure?.message == words && failure?.exitCode == 64)
    }
  }

  @Test func anotherFileThanTheSignedOneIsRefused() throws {
    try ReleaseRequest.check(
      .init(runtime: .helm, sha256: sha256, size: 5), path: "c.tgz", against: manifest(), file: "m.json")
    #expect {
      try ReleaseRequest.check(
        .init(runtime: .helm, sha256: sha256, size: 6), path: "c.tgz", against: manifest(), file: "m.json")
    } throws: {
      "\($0)".contains("was signed for another file than c.tgz")
    }
    #expect {
      try ReleaseRequest.check(
        .init(runtime: .compose, sha256: sha256, size: 5), path: "b.tgz", against: manifest(), file: "m.json")
    } throws: {
      "\($0)".contains("names no artifact for Compose")
    }
  }

  @Test func aFormIsTextsAndAFile() {
    let form = MultipartForm(fields: [("type", "helm"), ("version", "2.3.0")], file: "/a/b \"c\".tgz", boundary: "B")
    #expect(form.contentType == "multipart/form-data; boundary=B")
    guard case .bytes(let head) = form.parts.first, case .file("/a/b \"c\".tgz") = form.parts[1],
      case .bytes(let tail) = form.parts.last
    else {
      Issue.record("\(form.parts)")
      return
    }
    #expect(
      String(decoding: head, as: UTF8.self)
        == "--B\r\nContent-Disposition: form-data; name=\"type\"\r\n\r\nhelm\r\n"
        + "--B\r\nContent-Disposition: form-data; name=\"version\"\r\n\r\n2.3.0\r\n"
        + "--B\r\nContent-Disposition: form-data; name=\"file\"; filename=\"b %22c%22.tgz\"\r\n"
        + "Content-Type: application/gzip\r\n\r\n")
    #expect(String(decoding: tail, as: UTF8.self) == "\r\n--B--\r\n")
  }

  @Test(
    arguments: [
      (0, "0 bytes"), (1023, "1023 bytes"), (1024, "1.0 KiB"), (1_610_612_736, "1.5 GiB"),
    ] as [(Int64, String)])
  func bytesAreReadable(count: Int64, text: String) { #expect(ByteCount.text(count) == text) }

  @Test(
    arguments: [
      (0.0, 1, "0.0"), (2.25, 1, "2.3"), (99.95, 1, "100.0"), (-0.01, 1, "0.0"), (-1.5, 1, "-1.5"), (7, 0, "7"),
      (0.005, 2, "0.01"),
    ] as [(Double, Int, String)])
  func decimalsAreRounded(value: Double, decimals: Int, text: String) {
    #expect(Decimals.text(value, decimals) == text)
  }

  @Test(arguments: [("5%", 0.05), ("0.05", 0.05), ("0", 0), ("100%", 1), ("1", 1)])
  func sharesAreRead(text: String, value: Double) { #expect(Share(argument: text)?.value == value) }

  @Test(arguments: ["", "%", "5", "101%", "-1%", "x"])
  func whatIsNoShareIsRefused(text: String) { #expect(Share(argument: text) == nil) }
}
