import FoundationEssentials
import Mail
import OfferPlanning
import Testing
import WireFormats

@testable import Backend

/// What notices say (spec §5.3 to §5.6, §8.3 to §8.5, §10, §11.2), and that nothing in them is more than text.
@Suite struct NoticeTextTests {
  private static let night = Timestamp("2024-12-15T02:00:00Z")
  private static let noon = Timestamp(seconds: 1_734_000_000)
  private static let writer = NoticeWriter(NoticeContext(organization: "customer-x"))

  private static func document(_ notice: AdminNotice, _ writer: NoticeWriter = writer) -> NoticeDocument {
    NoticeDocument([writer.text(notice, createdAt: noon)], link: "https://tower.example.com/?a=1&b=2")
  }

  @Test(
    arguments: [
      (.releaseAvailable, "New release v2.3.0 available. Please schedule deployment."),
      (.forcedUpdate, "FORCED UPDATE: v2.3.0 must be deployed within 24 hours"),
      (.forcedReminder, "12 hours remaining to deploy v2.3.0"),
      (.forcedUrgentReminder, "⚠️ 4 hours remaining to deploy v2.3.0"),
      (.deadlineExceeded, "CRITICAL: Forced update deadline exceeded"),
      (.missedSchedule, "Scheduled deployment missed, please reschedule"),
      (.deploymentScheduled, "Deployment v2.3.0 scheduled for 2024-12-15 02:00 UTC"),
      (.deploymentSucceeded, "Deployment v2.3.0 completed successfully"),
      (.deploymentFailed, "⚠️ Deployment v2.3.0 FAILED: no such image"),
      (.composeFailed, "CRITICAL: Compose failed - manual intervention"),
      (.deploymentTimedOut, "Deployment timed out - check Agent status"),
      (.agentOffline, "Agent may be down"), (.downloadFailed, "Cannot download chart"),
      (.bucketUnavailable, "Check bucket credentials"), (.licenseExpired, "License expired"),
      (.versionUnavailable, "Version not available"), (.licenseExpiring, "License expires in 3 days"),
    ] as [(AdminNotice.Kind, String)])
  func subjectsAreTheSpecificationsWords(kind: AdminNotice.Kind, subject: String) {
    let time = kind == .licenseExpiring ? Self.noon + .seconds(3 * 86_400) : Self.night
    let notice = AdminNotice(kind, fact: "d", version: "2.3.0", time: time, detail: "\nno such image\nat line 2")
    #expect(Self.document(notice).subject == subject)
  }

  /// Only the network is an admin's to look at; a release that is wrong is the vendor's to mend.
  @Test(arguments: [
    (nil, true, "Cannot download bundle", "network"), ("DownloadFailed", false, "Cannot download chart", "network"),
    ("Unauthorized", false, "Cannot download chart", "another key"),
    ("ReleaseNotSigned", true, "Release v2.3.0 cannot be deployed as the vendor offers it", "Tell the vendor"),
    ("TooManyOffers", false, "Too many releases wait: v2.3.0 is not taken in", "cancel those"),
  ])
  func whatCannotBeDownloadedIsSaidByItsCause(reason: String?, isCompose: Bool, subject: String, step: String) {
    let text = NoticeWriter(NoticeContext(isCompose: isCompose)).text(
      AdminNotice(.downloadFailed, fact: "d", version: "2.3.0", reason: reason), createdAt: Self.noon)
    #expect(text.subject == subject && text.nextSteps[0].contains(step))
  }

  @Test(arguments: AdminNotice.Kind.allCases)
  func everyNoticeSaysWhatToDoAndWhere(kind: AdminNotice.Kind) {
    for isCompose in [true, false] {
      let writer = NoticeWriter(NoticeContext(isCompose: isCompose))
      let document = Self.document(AdminNotice(kind, fact: "d", version: "v2.3.0", time: Self.night), writer)
      #expect(document.texts[0].nextSteps.allSatisfy { !$0.isEmpty } && !document.texts[0].nextSteps.isEmpty)
      #expect(!document.texts[0].statement.isEmpty)
      #expect(document.text.contains("What to do next:\n- "))
      #expect(document.text.contains("Control Tower: https://tower.example.com/?a=1&b=2"))
      #expect(document.html.contains("href=\"https://tower.example.com/?a=1&amp;b=2\""))
      #expect(!document.text.contains("vv2.3.0"))
    }
  }

  @Test func timesStandInUTCAndInTheCustomersZone() {
    let context = NoticeContext { _ in "2024-12-15 03:00 CET" }
    let notice = AdminNotice(.deploymentScheduled, fact: "d", version: "2.3.0", time: Self.night)
    let text = NoticeWriter(context).text(notice, createdAt: Self.noon)
    #expect(
      text.facts.contains {
        $0.label == "Scheduled for" && $0.value == "2024-12-15 02:00 UTC (2024-12-15 03:00 CET)"
      })
  }

  @Test func theCauseOfAFailureLeadsToWhatToLookAt() {
    func steps(_ reason: String, isCompose: Bool) -> String {
      NoticeWriter(NoticeContext(isCompose: isCompose)).text(
        AdminNotice(.deploymentFailed, fact: "d", version: "2.3.0", reason: reason), createdAt: Self.noon
      ).nextSteps[0]
    }
    #expect(steps("ImagePullFailed", isCompose: false).contains("imagePullSecrets"))
    #expect(steps("ImagePullFailed", isCompose: true).contains("docker login"))
    #expect(steps("PortInUse", isCompose: true).contains("port"))
    #expect(steps("BucketAccessDenied", isCompose: true).contains("bucket"))
  }

  @Test func whatTheReleasesChecksSaidIsToldWhereItIsKnown() {
    let text = Self.writer.text(
      AdminNotice(.releaseAvailable, fact: "d", version: "2.3.0"), createdAt: Self.noon,
      preflight: ["Ports failed: 8080 is taken", "4 of 5 checks passed"])
    #expect(text.facts.contains { $0.value == "Ports failed: 8080 is taken; 4 of 5 checks passed" })
  }

  private static let hostile =
    "<script>alert('x')</script>\r\nBcc: victim@example.com\u{0}\u{1B}[31m\u{202E}txt\u{2066}\u{200F}\u{2028}.\r\n\"&"

  @Test(arguments: AdminNotice.Kind.allCases)
  func whatComesFromOutsideIsTextAndNothingElse(kind: AdminNotice.Kind) throws {
    let notice = AdminNotice(
      kind, fact: Self.hostile, version: Self.hostile, time: Self.night, detail: Self.hostile, reason: Self.hostile)
    let context = NoticeContext(organization: Self.hostile) { _ in Self.hostile }
    let document = Self.document(notice, NoticeWriter(context))
    #expect(!document.html.contains("<script"))
    #expect(!document.html.contains("alert('x')"))
    for text in [document.subject, document.text, document.html] {
      #expect(
        text.unicodeScalars.allSatisfy { scalar in
          switch scalar.value {
          case 0x0A: true
          case 0..<0x20, 0x7F..<0xA0, 0x200E...0x200F, 0x2028...0x202E, 0x2066...0x2069: false
          default: true
          }
        })
    }
    #expect(!document.subject.contains("\n"))
    #expect(document.subject.unicodeScalars.count < 300)
    let sender = try #require(MailAddress("wrktalk@example.com"))
    let mail = NoticeMessages(writer: Self.writer, publicURL: nil).mail(
      document, id: "id", at: Self.noon, from: sender, to: sender)
    let bytes = String(decoding: try mail.encoded(), as: UTF8.self)
    let head = bytes.components(separatedBy: "\r\n\r\n")[0]
    #expect(!head.lowercased().contains("\r\nbcc:"))
    #expect(bytes.contains("multipart/alternative"))
  }

  @Test func nothingIsLongerThanAnybodyReads() {
    let long = String(repeating: "<&\n", count: 100_000)
    let notice = AdminNotice(.deploymentFailed, fact: "d", version: long, detail: long, reason: long)
    let document = Self.document(notice)
    #expect(document.text.utf8.count < 20_000)
    #expect(document.html.utf8.count < 60_000)
    #expect(document.subject.utf8.count < 1_000)
  }

  @Test func severalAreOneMessageThatNamesEach() {
    let texts = [AdminNotice.Kind.agentOffline, .deploymentFailed].map {
      Self.writer.text(AdminNotice($0, fact: "d", version: "2.3.0"), createdAt: Self.noon)
    }
    let document = NoticeDocument(texts)
    #expect(document.subject == "⚠️ 2 notices, 1 of them critical")
    #expect(document.text.contains("- Agent may be down\n- ⚠️ Deployment v2.3.0 FAILED"))
  }

  @Test func aChatServiceSeesNoCallAndNoLink() throws {
    let kept = KeptNotice(
      AdminNotice(
        .deploymentFailed, fact: "d/1", version: "2.3.0", time: Self.night, detail: "<!channel> <http://evil|x>"),
      id: "n1", createdAt: Self.noon)
    let messages = NoticeMessages(writer: Self.writer, publicURL: "https://tower.example.com")
    let body = messages.webhook(messages.document([kept]), [kept], id: "delivery")
    let text = try #require(body["text"]?.string)
    #expect(text.contains("&lt;!channel&gt;") && !text.contains("<"))
    #expect(body["id"] == "delivery" && body["kind"] == "deploymentFailed" && body["fact"] == "d/1")
    #expect(body["version"] == "2.3.0" && body["time"] == "2024-12-15T02:00:00Z")
    #expect(body["notices"]?.array?.first?["detail"] == "<!channel> <http://evil|x>")
  }

  @Test(arguments: [
    (1, 0, 0, NoticeDispatch.each), (5, 0, 0, .each), (2, 3, 0, .each), (1, 5, 10, .wait(until: noon + .seconds(50))),
    (6, 0, 0, .wait(until: noon + .seconds(60))), (6, 0, 60, .together), (1, 5, 61, .together), (6, 0, -5, .together),
  ])
  func aFloodIsGatheredForAMinute(waiting: Int, recent: Int, age: Int, plan: NoticeDispatch) {
    let oldest = Self.noon + .seconds(-age)
    let found = NoticeDispatch.plan(waiting: waiting, oldest: oldest, recent: recent, now: Self.noon)
    #expect(found == plan)
  }
}
