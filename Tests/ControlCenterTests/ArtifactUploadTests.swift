import Cryptography
import Database
import FleetPlanning
import FoundationEssentials
import HTTPTransport
import ObjectStorage
import ReleaseManifest
import Synchronization
import TestSupport
import Testing
import WireFormats

@testable import ControlCenter
@testable import HTTPService

@Suite(.postgreSQLServer, .timeLimit(.minutes(5))) struct ArtifactUploadTests {
  @Test(arguments: TestDatabase.available)
  func uploadIsStoredAndAnsweredAsTheSpecificationSays(_ kind: TestDatabase) async throws {
    try await ArtifactFixture.with(kind) { fixture, server in
      let (chart, bundle) = (try TestArchive.chart("2.3.0"), try TestArchive.bundle())
      let helm = try await server.upload(chart, version: "v2.3.0")
      #expect(helm.status == 200, "\(helm.error)")
      #expect(helm.json["bucketPath"] == "charts/helm/wrktalk-2.3.0.tgz")
      #expect(helm.json["sha256"]?.string == SHA256.digest(of: chart).hexadecimal)
      #expect(helm.json["sizeBytes"] == .integer(Int64(chart.count)))
      #expect(Set(helm.json.object?.keys ?? [:].keys) == ["id", "bucketPath", "sha256", "sizeBytes"])
      let compose = try await server.upload(bundle, type: "compose", version: "2.3.0")
      #expect(compose.json["bucketPath"] == "charts/compose/wrktalk-2.3.0-compose.tar.gz")
      #expect(try await fixture.count("gcc_artifact") == 2)
      try await fixture.expectAgreement()
      #expect(try FileManager.default.contentsOfDirectory(atPath: fixture.uploads.path) == [])
    }
  }

  @Test func fieldsComeInAnyOrder() async throws {
    try await ArtifactFixture.with { fixture, server in
      let chart = try TestArchive.chart("1.0.0")
      for order in [["type", "version", "file"], ["version", "file", "type"], ["file", "version", "type"]] {
        var form = TestForm()
        for field in order {
          switch field {
          case "file": form.field("file", chart, fileName: "wrktalk-1.0.0.tgz")
          case "type": form.field("type", "helm")
          default: form.field("version", "1.0.0")
          }
        }
        let answer = try await server.send(
          "POST", "/api/internal/artifacts", bytes: form.body, contentType: TestForm.contentType)
        #expect(answer.status == 200, "\(order): \(answer.error)")
      }
      try await fixture.expectAgreement()
    }
  }

  /// Error 1.1: nobody answers, or the answer is lost; the same upload can be sent again at any time.
  @Test func error1_1_anUploadMayBeSentAgain() async throws {
    let http = HTTPClient(userAgent: "test")
    let error = await #expect(throws: HTTPTransportError.self) {
      try await http.send(HTTPRequest(method: "POST", url: "http://127.0.0.1:1/api/internal/artifacts"))
    }
    #expect(error?.code == .couldNotConnect)
    await http.shutdown()
    try await ArtifactFixture.with { fixture, server in
      let chart = try TestArchive.chart("2.3.0")
      let first = try await server.upload(chart, version: "2.3.0")
      let second = try await server.upload(chart, version: "2.3.0")
      #expect(first.status == 200 && second.status == 200)
      #expect(first.json == second.json)
      _ = try await server.publish("2.3.0", chart: chart)
      let third = try await server.upload(chart, version: "2.3.0")
      #expect(third.status == 200)
      #expect(third.json == first.json)
      try await fixture.expectAgreement()
    }
  }

  /// Error 1.2: the upload succeeds and the release does not; the orphan goes after a day.
  @Test(arguments: TestDatabase.available)
  func error1_2_aChartWithoutAReleaseIsRemovedAfterADay(_ kind: TestDatabase) async throws {
    try await ArtifactFixture.with(kind) { fixture, server in
      _ = try await server.upload(TestArchive.chart("2.3.0"), version: "2.3.0")
      let refused = try await server.send(
        "POST", "/api/internal/releases", ControlCenterTestServer.release("2.3.0") { $0["isForced"] = "yes" })
      #expect(refused.status == 422)
      let job = RetentionJob(store: fixture.store, now: fixture.now, logger: ArtifactFixture.logger)
      fixture.advance(by: .seconds(23 * 3600))
      #expect(try await job.pass().removals.isEmpty)
      fixture.advance(by: .seconds(2 * 3600))
      #expect(try await job.pass().removals.map(\.reason) == [.noRelease])
      try await fixture.expectNothing()
    }
  }

  /// Error 1.3: the same version again.
  @Test(arguments: TestDatabase.available)
  func error1_3_aDraftIsReplacedAndWhatIsPublishedStays(_ kind: TestDatabase) async throws {
    try await ArtifactFixture.with(kind) { fixture, server in
      let (first, second) = (try TestArchive.chart("2.3.0"), try TestArchive.chart("2.3.0", payload: "second"))
      let before = try await server.upload(first, version: "2.3.0")
      let after = try await server.upload(second, version: "2.3.0")
      #expect(after.status == 200)
      #expect(after.json["id"] == before.json["id"])
      #expect(after.json["sha256"] != before.json["sha256"])
      _ = try await server.publish("2.3.0", chart: second)
      let refused = try await server.upload(first, version: "2.3.0")
      #expect(refused.status == 409)
      #expect(refused.error.contains(SHA256.digest(of: second).hexadecimal), "\(refused.error)")
      #expect(refused.error.contains("published on 2027-01-15"), "\(refused.error)")
      #expect(try await server.upload(second, version: "2.3.0").status == 200)
      // It was published without a bundle, and gets none.
      let bundle = try await server.upload(TestArchive.bundle(), type: "compose", version: "2.3.0")
      #expect(bundle.status == 409)
      #expect(bundle.error.contains("without a Compose bundle"))
      #expect(try await fixture.count("gcc_artifact") == 1)
      for verb in ["deprecate", "withdraw"] {
        _ = try await server.send("POST", "/api/internal/releases/2.3.0/\(verb)")
        #expect(try await server.upload(first, version: "2.3.0").status == 409)
      }
      try await fixture.expectAgreement()
    }
  }

  struct Refused: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var type = "helm"
    var version = "1.0.0"
    var status = 422
    var error: String
    var file: @Sendable () throws -> [UInt8]
  }

  private static func archive(_ build: (inout TestArchive) -> Void) throws -> [UInt8] {
    var archive = TestArchive()
    build(&archive)
    return try archive.compressed()
  }

  private static let chartText = "name: wrktalk\nversion: 1.0.0\n"

  static let refused: [Refused] = [
    Refused(testDescription: "other version", error: "the version \"1.0.1\"") { try TestArchive.chart("1.0.1") },
    Refused(testDescription: "other name", error: "the name \"other\"") {
      try TestArchive.chart("1.0.0", name: "other")
    },
    Refused(testDescription: "no Chart.yaml", error: "Chart.yaml is missing") {
      try archive { $0.add("wrktalk/values.yaml", "a: 1") }
    },
    Refused(testDescription: "two folders", error: "one folder") {
      try archive {
        $0.add("wrktalk/Chart.yaml", chartText)
        $0.add("other/Chart.yaml", chartText)
      }
    },
    Refused(testDescription: "chart at the top", error: "one folder") {
      try archive { $0.add("Chart.yaml", chartText) }
    },
    Refused(testDescription: "version is a number", error: "no version that is text") {
      try archive { $0.add("wrktalk/Chart.yaml", "name: wrktalk\nversion: 1.0\n") }
    },
    Refused(testDescription: "broken YAML", error: "Chart.yaml:") {
      try archive { $0.add("wrktalk/Chart.yaml", "name: [wrktalk\nversion: 1.0.0\n") }
    },
    Refused(testDescription: "a list", error: "not one YAML document") {
      try archive { $0.add("wrktalk/Chart.yaml", "- 1\n") }
    },
    Refused(testDescription: "symbolic link", error: "symbolic link") {
      try archive {
        $0.add("wrktalk/Chart.yaml", chartText)
        $0.add("wrktalk/link", kind: .symbolicLink, link: "/etc/passwd")
      }
    },
    Refused(testDescription: "Chart.yaml is a link", error: "hard link") {
      try archive { $0.add("wrktalk/Chart.yaml", kind: .hardLink, link: "/etc/passwd") }
    },
    Refused(testDescription: "path upwards", error: "leads outside") {
      try archive { $0.add("wrktalk/../../Chart.yaml", chartText) }
    },
    Refused(testDescription: "absolute path", error: "absolute") {
      try archive { $0.add("/wrktalk/Chart.yaml", chartText) }
    },
    Refused(testDescription: "a bomb of zeros", error: "grows more than") {
      try archive {
        $0.add("wrktalk/Chart.yaml", chartText)
        $0.add("wrktalk/zeros", [UInt8](repeating: 0, count: 64 << 20))
      }
    },
    Refused(testDescription: "Chart.yaml of 100 MB", error: "more than 4194304 bytes") {
      try archive { $0.add("wrktalk/Chart.yaml", [UInt8](repeating: UInt8(ascii: "#"), count: 100 << 20)) }
    },
    Refused(testDescription: "not an archive", error: "not compressed with gzip") { Array("hello".utf8) },
    Refused(testDescription: "half an archive", error: "cut off") {
      let chart = try TestArchive.chart("1.0.0", payload: Hexadecimal.encode(SecureRandom.bytes(count: 20_000)))
      return Array(chart.prefix(chart.count / 2))
    },
    Refused(testDescription: "empty file", error: "must not be empty") { [] },
    Refused(testDescription: "bundle without Compose file", type: "compose", error: "docker-compose.yaml") {
      try archive { $0.add("wrktalk/readme", "hello") }
    },
    Refused(testDescription: "bundle too deep", type: "compose", error: "-C compose wrktalk") {
      try TestArchive.bundle(folder: "compose/wrktalk/")
    },
    Refused(testDescription: "bundle of two folders", type: "compose", error: "not clear which") {
      try archive {
        $0.add("a/docker-compose.yaml", "services: {}")
        $0.add("b/docker-compose.yaml", "services: {}")
      }
    },
    Refused(testDescription: "Compose file is no mapping", type: "compose", error: "not one YAML document") {
      try archive { $0.add("wrktalk/docker-compose.yaml", "- 1") }
    },
    Refused(testDescription: "bundle without services", type: "compose", error: "docker-compose.yaml names no service")
    {
      try archive { $0.add("wrktalk/docker-compose.yaml", "services: {}") }
    },
    Refused(
      testDescription: "service that needs one that is not there", type: "compose", error: "media depends on nope"
    ) {
      try archive {
        $0.add("wrktalk/docker-compose.yaml", "services: {media: {image: 'x:1', depends_on: {nope: {condition: x}}}}")
      }
    },
    Refused(testDescription: "broken values", error: "values.yaml:") {
      try archive {
        $0.add("wrktalk/Chart.yaml", chartText)
        $0.add("wrktalk/values.yaml", "a: [")
      }
    },
    Refused(testDescription: "values that are a list", error: "values.yaml has no fields") {
      try archive {
        $0.add("wrktalk/Chart.yaml", chartText)
        $0.add("wrktalk/values.yaml", "- 1\n")
      }
    },
    Refused(testDescription: "a chart as a bundle", type: "compose", error: "docker-compose.yaml") {
      try TestArchive.chart("1.0.0")
    },
    Refused(testDescription: "unknown type", type: "rpm", error: "helm or compose") { try TestArchive.chart("1.0.0") },
    Refused(testDescription: "type with NUL", type: "helm\0", error: "NUL") { try TestArchive.chart("1.0.0") },
    Refused(testDescription: "path as version", version: "../../../etc/passwd", error: "semantic version") {
      try TestArchive.chart("1.0.0")
    },
    Refused(testDescription: "build metadata", version: "1.0.0+5", error: "build metadata") {
      try TestArchive.chart("1.0.0+5")
    },
    Refused(testDescription: "version with NUL", version: "1.0.0\0", error: "NUL") { try TestArchive.chart("1.0.0") },
    Refused(
      testDescription: "version that is long", version: String(repeating: "1", count: 5000), error: "at most 256 bytes"
    ) { try TestArchive.chart("1.0.0") },
  ]

  @Test(arguments: refused)
  func whatIsNotAnArtifactIsRefusedAndLeavesNothing(_ refused: Refused) async throws {
    try await ArtifactFixture.with { fixture, server in
      let answer = try await server.upload(try refused.file(), type: refused.type, version: refused.version)
      #expect(answer.status == refused.status)
      #expect(answer.error.contains(refused.error), "\(answer.error)")
      try await fixture.expectNothing()
    }
  }

  @Test(arguments: [
    ("wrktalk/", "docker-compose.yaml"), ("", "docker-compose.yml"), ("anything/", "compose.yaml"),
    ("./a/", "compose.yml"),
  ])
  func bundlesAreTakenWhereAnAgentFindsTheComposeFile(folder: String, file: String) async throws {
    try await ArtifactFixture.with { fixture, server in
      let answer = try await server.upload(
        TestArchive.bundle(folder: folder, file: file), type: "compose", version: "1.0.0")
      #expect(answer.status == 200, "\(answer.error)")
    }
  }

  @Test(arguments: [
    "ключ ☃ übergröße.tgz", "../../etc/passwd", "a/b\\c.tgz", "%00.tgz", String(repeating: "x", count: 4000),
  ])
  func theNameOfTheFileMeansNothing(fileName: String) async throws {
    try await ArtifactFixture.with { fixture, server in
      let answer = try await server.upload(TestArchive.chart("1.0.0"), version: "1.0.0", fileName: fileName)
      #expect(answer.status == 200, "\(answer.error)")
      #expect(try await fixture.objects() == ["charts/helm/wrktalk-1.0.0.tgz"])
    }
  }

  @Test func formsThatAreNoneAreRefused() async throws {
    try await ArtifactFixture.with { fixture, server in
      let chart = try TestArchive.chart("1.0.0")
      func send(_ build: (inout TestForm) -> Void) async throws -> ControlCenterTestServer.Answer {
        var form = TestForm()
        build(&form)
        return try await server.send(
          "POST", "/api/internal/artifacts", bytes: form.body, contentType: TestForm.contentType)
      }
      for (missing, answer) in [
        (
          "file",
          try await send {
            $0.field("type", "helm")
            $0.field("version", "1.0.0")
          }
        ),
        (
          "type",
          try await send {
            $0.field("file", chart)
            $0.field("version", "1.0.0")
          }
        ),
        (
          "version",
          try await send {
            $0.field("file", chart)
            $0.field("type", "helm")
          }
        ),
      ] {
        #expect(answer.status == 400)
        #expect(answer.error == "the form lacks the field \(missing)")
      }
      let twice = try await send {
        $0.field("file", chart)
        $0.field("file", chart)
      }
      #expect(twice.status == 400 && twice.error.contains("twice"))
      let unknown = try await send {
        $0.field("file", chart)
        $0.field("manifset", "x")
      }
      #expect(unknown.status == 400 && unknown.error.contains("manifset"))
      let large = try await send { $0.field("manifest", [UInt8](repeating: 0x20, count: 300_000)) }
      #expect(large.status == 422 && large.error.contains("manifest: must be at most"))
      let other = try await server.send("POST", "/api/internal/artifacts", ["a": 1])
      #expect(other.status == 415)
      // Cut off before its end, the form is not a whole one.
      let whole = TestForm.upload(chart, version: "1.0.0")
      for length in [10, 200, chart.count, whole.count - 3] {
        let answer = try await server.send(
          "POST", "/api/internal/artifacts", bytes: Array(whole.prefix(length)), contentType: TestForm.contentType)
        #expect(answer.status == 400, "\(length): \(answer.error)")
      }
      try await fixture.expectNothing()
    }
  }

  @Test func onlyCIUploads() async throws {
    try await ArtifactFixture.with { fixture, server in
      let chart = try TestArchive.chart("1.0.0")
      #expect(try await server.upload(chart, version: "1.0.0", token: nil).status == 401)
      #expect(try await server.upload(chart, version: "1.0.0", token: "wrong").status == 401)
      #expect(try await server.upload(chart, version: "1.0.0", token: "customer-of-acme").status == 403)
      try await fixture.expectNothing()
      #expect(try await server.upload(chart, version: "1.0.0", token: "admin").status == 200)
    }
  }

  @Test func whatIsTooLargeIsRefusedBeforeItIsStored() async throws {
    try await ArtifactFixture.with(maximumFileBytes: 100_000) { fixture, server in
      let announced = try await server.upload([UInt8](repeating: 1, count: 1_000_000), version: "1.0.0")
      #expect(announced.status == 413)
      // Within the bound of the form, but not of the file.
      let file = try await server.upload([UInt8](repeating: 1, count: 150_000), version: "1.0.0")
      #expect(file.status == 413)
      #expect(file.error.contains("100000 bytes"))
      try await fixture.expectNothing()
    }
  }

  @Test func anUploadThatBreaksOffOrStandsStillLeavesNothing() async throws {
    try await ArtifactFixture.with(timeout: .seconds(3)) { fixture, server in
      let head =
        "POST /api/internal/artifacts HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ci\r\n"
        + "Content-Type: \(TestForm.contentType)\r\nContent-Length: 1000000\r\n\r\n"
        + "--\(TestForm.boundary)\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\nabc"
      // Breaks off: the connection is closed after the first bytes.
      let broken = try await RunningProgram.start(
        "/bin/bash",
        arguments: [
          "-c", "exec 3<>/dev/tcp/127.0.0.1/$1; printf '%s' \"$2\" >&3; sleep 0.2; exec 3>&-", "bash", "\(server.port)",
          head,
        ])
      _ = await broken.termination()
      // Stands still.
      let slow = try await RunningProgram.start(
        "/bin/bash",
        arguments: [
          "-c", "exec 3<>/dev/tcp/127.0.0.1/$1; printf '%s' \"$2\" >&3; cat <&3", "bash", "\(server.port)", head,
        ])
      _ = await slow.termination()
      #expect(slow.output.first?.contains("504") == true, "\(slow.output)")
      try await fixture.expectNothing()
      // A machine that is busy may need more than that time for one.
      let chart = try TestArchive.chart("1.0.0")
      var status = 504
      while status == 504 { status = try await server.upload(chart, version: "1.0.0").status }
      #expect(status == 200)
    }
  }

  @Test(arguments: TestDatabase.available)
  func ofUploadsAtTheSameTimeOneWinsWithItsOwnBytes(_ kind: TestDatabase) async throws {
    try await ArtifactFixture.with(kind, putDelay: .milliseconds(50)) { fixture, server in
      let charts = try (0..<6).map { try TestArchive.chart("2.3.0", payload: "number \($0)") }
      let watching = Task {
        while !Task.isCancelled {
          let rows = try await fixture.rows("SELECT \"bucketPath\", sha256 FROM gcc_artifact")
          if let row = rows.first, let key = row[0].text {
            let bytes = try await FileBucket(path: fixture.bucketFolder.path).get(key, maximumBytes: 1 << 20)
            let again = try await fixture.rows("SELECT \"bucketPath\", sha256 FROM gcc_artifact")
            // Where the row stayed, its object was the row's.
            if again.first?[1] == row[1] { #expect(SHA256.digest(of: bytes).hexadecimal == row[1].text) }
          }
          try await Task.sleep(for: .milliseconds(5))
        }
      }
      let statuses = try await withThrowingTaskGroup(of: Int.self) { group in
        for chart in charts { group.addTask { try await server.upload(chart, version: "2.3.0").status } }
        return try await group.reduce(into: []) { $0.append($1) }
      }
      watching.cancel()
      do { try await watching.value } catch is CancellationError {}
      #expect(statuses == [200, 200, 200, 200, 200, 200])
      #expect(try await fixture.count("gcc_artifact") == 1)
      #expect(try await fixture.count("artifact_claim") == 0)
      try await fixture.expectAgreement()
    }
  }

  @Test(arguments: TestDatabase.available)
  func aKilledUploadHoldsUpTheNextOnlyForAWhile(_ kind: TestDatabase) async throws {
    let fixture = try await ArtifactFixture(kind)
    let key = ArtifactKey(version: try ReleaseVersion("1.0.0"), type: .helm)
    let claims = fixture.store.claims
    let running = Task { try await claims.holding(key) { _ in try await Task.sleep(for: .seconds(120)) } }
    func expiry() async throws -> Int64? {
      try await fixture.rows("SELECT expires_at FROM artifact_claim").first?[0].integer
    }
    var first: Int64?
    repeat { first = try await expiry() } while first == nil
    #expect(try await claims.holding(key, waits: false) { _ in true } == nil)
    // While it lives its claim is renewed.
    while try await expiry() == first { try await Task.sleep(for: .milliseconds(20)) }
    #expect(try await claims.holding(key, waits: false) { _ in true } == nil)
    // A process that is killed renews nothing and releases nothing.
    try await fixture.execute("UPDATE artifact_claim SET token = 'of a killed process', expires_at = 1")
    #expect(try await claims.holding(key) { _ in true } == true)
    // One that only was away gives up when it sees that.
    let error = await #expect(throws: (any Error).self) { try await running.value }
    #expect("\(try #require(error))".contains("overtaken"))
    await fixture.close()
  }

  @Test func aBucketThatFailsLeavesNoRowAndSaysSo() async throws {
    try await ArtifactFixture.with { fixture, server in
      fixture.bucketFails.withLock { $0 = true }
      let answer = try await server.upload(TestArchive.chart("1.0.0"), version: "1.0.0")
      #expect(answer.status == 503)
      #expect(answer.headers["Retry-After"] != nil)
      try await fixture.expectNothing()
      fixture.bucketFails.withLock { $0 = false }
      #expect(try await server.upload(TestArchive.chart("1.0.0"), version: "1.0.0").status == 200)
      // A draft's artifact is replaced by one that does not arrive: nothing says what is not there.
      fixture.bucketFails.withLock { $0 = true }
      let second = try await server.upload(TestArchive.chart("1.0.0", payload: "second"), version: "1.0.0")
      #expect(second.status == 503)
      #expect(try await fixture.count("gcc_artifact") == 0)
      #expect(try await fixture.count("artifact_claim") == 0)
    }
  }

  @Test func whatAKilledProcessLeftIsRemovedAtTheStart() async throws {
    let fixture = try await ArtifactFixture()
    try fixture.uploads.write("", to: "\(UploadFile.prefix)0011")
    try fixture.uploads.write("another's", to: "keep")
    try await fixture.execute(
      "INSERT INTO artifact_claim (version, type, token, expires_at) VALUES ('1.0.0', 'helm', 'x', 9000000000000)")
    try await fixture.endpoints.prepare()
    #expect(try FileManager.default.contentsOfDirectory(atPath: fixture.uploads.path) == ["keep"])
    #expect(try await fixture.count("artifact_claim") == 0)
    await fixture.close()
  }

  @Test func theFolderOfUploadsIsMadeWhereItIsMissing() throws {
    let folder = try TemporaryFolder()
    for _ in 0..<2 { try UploadFile.prepare(folder.file("uploads")) }
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["uploads"])
    #expect(throws: (any Error).self) { try UploadFile.prepare(folder.file("no/such/folder")) }
  }

  @Test func onlySoManyUploadsComeAtTheSameTime() {
    let places = UploadPlaces(2)
    var taken = [places.take(), places.take()]
    #expect(taken.allSatisfy { $0 != nil })
    #expect(places.take() == nil)
    taken.removeLast()
    #expect(places.take() != nil)
  }

  /// What is kept of an upload in memory does not grow with it: the file goes to the disk a piece at a time.
  @Test func anUploadIsHashedAsItIsWritten() async throws {
    let folder = try TemporaryFolder()
    var form = UploadForm(folder: folder.path, maximumFileBytes: 64 << 20)
    let piece = SecureRandom.bytes(count: 700_000)
    var whole: [UInt8] = []
    try await form.take(.began(MultipartPart(name: "file", fileName: "a", contentType: nil)))
    for _ in 0..<20 {
      try await form.take(.content(piece[...]))
      whole += piece
    }
    try await form.take(.ended)
    for (name, value) in [("type", "helm"), ("version", "1.0.0")] {
      try await form.take(.began(MultipartPart(name: name, fileName: nil, contentType: nil)))
      try await form.take(.content(Array(value.utf8)[...]))
      try await form.take(.ended)
    }
    let upload = try form.finish()
    #expect(upload.sha256 == SHA256.digest(of: whole).hexadecimal)
    #expect(try SHA256.digest(ofFile: upload.file.path).hexadecimal == upload.sha256)
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == [])
  }

  @Test func artifactsAreListedInPages() async throws {
    try await ArtifactFixture.with { fixture, server in
      for version in ["1.0.0", "1.1.0", "1.2.0"] {
        _ = try await server.upload(TestArchive.chart(version), version: version)
        _ = try await server.upload(TestArchive.bundle(), type: "compose", version: version)
      }
      var listed: [String] = []
      var token: String?
      repeat {
        let page = try await server.send(
          "GET", "/api/internal/artifacts?limit=2" + (token.map { "&continue=\($0)" } ?? ""))
        let artifacts = page.json["artifacts"]?.array ?? []
        #expect(artifacts.count <= 2)
        listed += artifacts.map { "\($0["version"]?.string ?? "")/\($0["type"]?.string ?? "")" }
        token = page.json["continue"]?.string
      } while token != nil
      #expect(
        listed == ["1.0.0/compose", "1.0.0/helm", "1.1.0/compose", "1.1.0/helm", "1.2.0/compose", "1.2.0/helm"])
      for query in ["limit=0", "limit=501", "limit=x", "continue=x", "continue=1.0.0/rpm"] {
        #expect(try await server.send("GET", "/api/internal/artifacts?\(query)").status == 400, "\(query)")
      }
    }
  }
}
