import FleetProtocol
import Testing
import WireFormats

struct ReleaseOfferTests {
  private let offer = ReleaseOffer(
    releaseID: "rel-uuid", version: "2.3.0", chartSha256: "abc123", composeSha256: "def456",
    imageTags: .init(backend: "sha-abc123", media: "sha-def456", controlTower: "sha-ghi789", agent: "sha-jkl012"),
    newNonEssentialEnvs: [.init(key: "NEW_FEATURE", value: "false")], isForced: true, isMigrationRequired: true,
    estimatedDowntime: "10 minutes", minCurrentVersion: "2.0.0", releaseNotes: "Bug fixes ünd 🚀", manifest: "{}")

  /// Spec §5.2, member for member.
  @Test func theBodyIsTheSpecifications() throws {
    let plain = ReleaseOffer(
      releaseID: "rel-uuid", version: "2.3.0", chartSha256: "abc123...",
      imageTags: .init(backend: "sha-abc123", media: "sha-def456", controlTower: "sha-ghi789", agent: "sha-jkl012"),
      newNonEssentialEnvs: [.init(key: "NEW_FEATURE", value: "false")], releaseNotes: "Bug fixes and improvements")
    let wanted = """
      {"eventType": "release.published",
       "release": {"id": "rel-uuid", "version": "2.3.0", "chartVersion": "2.3.0", "chartSha256": "abc123...",
         "imageTags": {"backend": "sha-abc123", "media": "sha-def456", "controlTower": "sha-ghi789", "agent": "sha-jkl012"},
         "newNonEssentialEnvs": [{ "key": "NEW_FEATURE", "value": "false" }]},
       "ruleset": {"isForced": false, "isMigrationRequired": false, "estimatedDowntime": null,
         "releaseNotes": "Bug fixes and improvements"}}
      """
    #expect(try plain.json == JSONValue(parsing: Array(wanted.utf8)))
  }

  @Test func whatIsWrittenIsRead() throws {
    #expect(try ReleaseOffer.reading(JSONValue(parsing: offer.body)) == offer)
    #expect(try ReleaseOffer.reading(ReleaseOffer.nothing) == nil)
  }

  @Test(
    arguments: [
      ("[]", "the body must be a JSON object"), ("{}", "eventType: is missing"),
      (#"{"eventType":"other"}"#, "eventType: other is not known here"),
      (#"{"eventType":"release.published"}"#, "release: is missing"),
      (#"{"eventType":"release.published","release":3}"#, "release: must be an object"),
      (#"{"eventType":"release.published","release":{"id":"a"}}"#, "version: is missing"),
      (
        #"{"eventType":"release.published","release":{"id":"a","version":"1","newNonEssentialEnvs":{}}}"#,
        "must be an array"
      ),
    ])
  func whatIsNotAnOfferIsRefusedWithTheField(_ text: String, _ problem: String) throws {
    let json = try JSONValue(parsing: Array(text.utf8))
    let error = #expect(throws: ProtocolError.self) { try ReleaseOffer.reading(json) }
    #expect(error?.message.contains(problem) == true, "\(String(describing: error))")
  }
}

struct WebhookSignatureTests {
  /// Test case 2 of RFC 4231.
  @Test func signaturesAreThoseOfThePublishedExample() {
    let body = Array("what do ya want for nothing?".utf8)
    let signature = WebhookSignature.signature(of: body, secret: "Jefe")
    #expect(signature == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
    #expect(WebhookSignature.isValid(signature, of: body, secret: "Jefe"))
    #expect(WebhookSignature.isValid("sha256=" + signature.uppercased(), of: body, secret: "Jefe"))
    for wrong in [
      "", "sha256=", "zz", String(signature.dropLast(2)), signature + "00", String(repeating: "0", count: 64),
    ] {
      #expect(!WebhookSignature.isValid(wrong, of: body, secret: "Jefe"), "\(wrong)")
    }
    #expect(!WebhookSignature.isValid(signature, of: body, secret: "jefe"))
  }
}

struct ReportBodyTests {
  @Test func whatIsWrittenIsRead() throws {
    let status = StatusReport(
      organizationName: "acme", releaseID: "rel", status: .rolledBack, deployedAt: Timestamp(seconds: 1_800_000_000),
      helmRevision: 5, currentVersion: "2.2.0", errorMessage: "why", reason: "ImagePullFailed", component: "media",
      attemptID: "a", attempt: 3)
    #expect(try StatusReport(reading: status.json) == status)
    let scheduled = ScheduledReport(
      organizationName: "acme", releaseID: "rel", scheduledFor: Timestamp(seconds: 1_800_000_000), attemptID: "a",
      attempt: 3)
    #expect(try ScheduledReport(reading: scheduled.json) == scheduled)
    let heartbeat = Heartbeat(
      version: "2.2.0", status: "healthy", agentLastPoll: Timestamp(seconds: 1), pendingReports: 2,
      timestamp: Timestamp(seconds: 2))
    #expect(try Heartbeat(reading: heartbeat.json) == heartbeat)
  }

  @Test func fieldsThatThisVersionDoesNotKnowAreLeftAlone() throws {
    #expect(try Heartbeat(reading: ["version": "1.0.0", "ofTheFuture": ["a": 1]]).version == "1.0.0")
    #expect(try Heartbeat(reading: ["version": .null]).version == nil)
  }

  /// A report must not be lost for what somebody's log had in it.
  @Test func longAndUnprintableMessagesAreCutAndNeverRefused() throws {
    let log = String(repeating: "x", count: 100_000) + "\u{1B}[31m the end \u{202E}"
    let report = try StatusReport(
      reading: [
        "organizationName": "acme", "releaseId": "r", "status": "failed", "errorMessage": .string(log),
      ])
    let kept = try #require(report.errorMessage)
    #expect(kept.unicodeScalars.count == ReportText.maximumCharacters + 1 && kept.hasPrefix("…x"))
    #expect(kept.hasSuffix("[31m the end \u{FFFD}") && !kept.contains("\u{1B}"))
  }

  /// What a container or a program called itself is no reason to lose what it reported.
  @Test func hostileTextIsCleanedInEveryFieldForPeople() throws {
    let hostile = "\u{0}\u{1B}[31méא\u{202E}🙂" + String(repeating: "x", count: 300)
    let report = try StatusReport(reading: [
      "organizationName": "acme", "releaseId": "r", "status": "failed", "reason": .string(hostile),
      "component": .string(hostile), "errorMessage": .string(hostile), "currentVersion": "v2.3.0",
    ])
    for (text, most) in [(report.reason, 128), (report.component, 253), (report.errorMessage, 4_000)] {
      let text = try #require(text)
      #expect(text.unicodeScalars.count <= most + 1 && text.hasSuffix("x"))
      #expect(!text.unicodeScalars.contains { $0.value < 0x20 || $0.value == 0x202E })
    }
    #expect(report.errorMessage?.contains("é") == true && report.errorMessage?.contains("🙂") == true)
    #expect(report.currentVersion == "2.3.0")
    let heartbeat = try Heartbeat(reading: ["version": "v2.3.0-rc.1", "status": .string(hostile)])
    #expect(heartbeat.version == "2.3.0-rc.1" && heartbeat.status?.unicodeScalars.count == 65)
    #expect(try Heartbeat(reading: ["version": "vnext\u{7}"]).version == "vnext\u{FFFD}")
  }

  @Test(
    arguments: [
      ("status", "done" as JSONValue, "must be one of downloadFailed, scheduled"),
      ("deployedAt", "now", "must be a time"),
      ("helmRevision", -1, "must be from 0"), ("organizationName", "", "is missing"), ("attempt", "1", "whole number"),
      ("releaseId", .string(String(repeating: "r", count: 200)), "at most 128 bytes"),
      ("attemptId", "a\u{0}b", "must not hold the character NUL"),
    ])
  func wrongFieldsAreNamed(_ field: String, _ value: JSONValue, _ problem: String) {
    var json: JSONValue = ["organizationName": "acme", "releaseId": "r", "status": "success"]
    json[field] = value
    let error = #expect(throws: ProtocolError.self) { try StatusReport(reading: json) }
    #expect(
      error?.message.hasPrefix(field) == true && error?.message.contains(problem) == true,
      "\(String(describing: error))")
  }
}
