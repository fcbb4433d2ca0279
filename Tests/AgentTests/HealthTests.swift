import DeploymentKinds
import FoundationEssentials
import Logging
import TestSupport
import Testing
import WireFormats

@testable import Agent

struct HealthTests {
  private static let now = Timestamp(seconds: 1_800_000_000)

  private static func text(age seconds: Int64, process: Int32 = 7) -> String {
    HealthRecord(processIdentifier: process, at: Timestamp(seconds: 1_800_000_000 - seconds)).text
  }

  private static let files: [(text: String?, complaint: String?)] = [
    (text(age: 0), nil), (text(age: 60), nil), (text(age: -60), nil),
    (text(age: 61), "have not turned for more than 1m"), (text(age: -61), "have not turned"),
    (text(age: 0, process: 8), "process 8, is not there any more"), ("", "is not one of an Agent"),
    ("7\n", "is not one of an Agent"), ("0 2027-01-15T08:00:00Z", "is not one of an Agent"),
    (nil, "There is no health file"),
  ]

  @Test(arguments: files)
  func theFileSaysWhetherTheAgentIsWell(text: String?, complaint: String?) {
    let verdict = HealthVerdict(text, now: Self.now, maximumAge: .seconds(60)) { $0 == 7 }
    switch (verdict, complaint) {
    case (.well, nil): break
    case (.unwell(let sentence), let complaint?): #expect(sentence.contains(complaint))
    default: Issue.record("\(verdict)")
    }
  }

  @Test func aRecordIsReadAsItWasWritten() {
    let record = HealthRecord(processIdentifier: 42, at: Self.now)
    #expect(record.text == "42 2027-01-15T08:00:00Z\n")
    #expect(HealthRecord(record.text) == record)
  }

  @Test(arguments: [(Duration.seconds(3600), true), (.zero, false)])
  func anAgentWhoseLoopIsStuckLeavesNoSign(limit: Duration, leavesOne: Bool) throws {
    let folder = try TemporaryFolder()
    let file = HealthFile(path: folder.file("a/b/health"))
    let heartbeat = Heartbeat(
      file: file, limit: limit, now: { Self.now }, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    try heartbeat.beat()
    let own = HealthRecord(processIdentifier: ProcessInfo.processInfo.processIdentifier, at: Self.now)
    #expect(file.read() == (leavesOne ? own.text : nil))
  }

  @Test func theFileIsReplacedAndRemovedAsAWhole() throws {
    let folder = try TemporaryFolder()
    let file = HealthFile(path: folder.file("health"))
    for process in [Int32(1), 22] {
      let record = HealthRecord(processIdentifier: process, at: Self.now)
      try file.write(record)
      #expect(file.read() == record.text)
    }
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["health"])
    file.remove()
    #expect(file.read() == nil)
  }
}
