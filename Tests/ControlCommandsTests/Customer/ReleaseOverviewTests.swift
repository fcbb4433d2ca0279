import Testing
import WireFormats

@testable import ControlCommands

@Suite struct ReleaseOverviewTests {
  private let overview = ReleaseOverview(answer: [
    "pending": [
      [
        "id": "a", "version": "2.4.0", "status": "pending", "chartDownloaded": false, "totalBytes": 200,
        "downloadedBytes": 50, "receivedAt": "2027-01-15T08:00:00Z",
      ],
      [
        "id": "b", "version": "2.3.1", "status": "failed", "chartDownloaded": true,
        "receivedAt": "2027-01-14T08:00:00Z", "errorMessage": "media: pulling failed\nlog \u{1b}[31m",
      ],
    ],
    "scheduled": [
      [
        "rollback": true,
        "task": ["status": "pending", "requestedBy": "maria", "payload": ["targetVersion": "2.1.0"]],
      ],
      [
        "id": "c", "version": "2.3.0", "status": "inProgress", "scheduledFor": "2027-01-15T09:00:00Z",
        "scheduledBy": "maria", "task": ["progress": ["step": "Pulling", "message": "1 of 3"]],
      ],
    ],
    "history": [
      [
        "version": "2.2.0", "status": "success", "isCurrent": true, "deployedAt": "2027-01-10T08:00:00Z",
        "requestedBy": "ben",
      ]
    ],
  ])

  @Test func oneLineSaysOfEachReleaseWhatAnAdminHasToKnow() throws {
    let now = try #require(Timestamp("2027-01-15T09:00:00Z"))
    let lines = overview.text(now: now).split(separator: "\n").map(String.init)
    #expect(lines.count == 6)
    #expect(lines[1].hasPrefix("(rollback to 2.1.0)"))
    #expect(lines[2].contains("2027-01-15T09:00:00Z") && lines[2].contains("Pulling: 1 of 3"))
    #expect(lines[3].contains("offered 60m ago") && lines[3].contains("downloaded 25 %"))
    #expect(lines[4].contains("media: pulling failed") && !lines[4].contains("\u{1b}"))
    #expect(lines[5].contains("success") && lines[5].contains("runs"))
  }

  @Test func whoCannotGoBackThereLearnsWhereTo() {
    #expect(overview.returnHint == "Versions that ran here: 2.2.0.")
    #expect(ReleaseOverview(answer: [:]).returnHint == "No version ran here yet that one could go back to.")
  }

  @Test(arguments: [("2.4.0", "a"), ("v2.3.0", "c"), ("b", "b")])
  func aDeploymentIsFoundByVersionAndByID(word: String, id: String) throws {
    #expect(try overview.deployment(word)["id"]?.string == id)
  }

  @Test(
    arguments: [
      (["isOnline": true, "lastPoll": "2027-01-15T08:59:00Z"], nil),
      (["isOnline": false, "lastPoll": "2027-01-15T08:30:00Z"], "The Agent was last heard of 30m ago: "),
      (["isOnline": false, "lastPoll": .null], "No Agent was ever heard of: "),
    ] as [(JSONValue, String?)])
  func anAgentThatIsNotThereIsSaidWhereSomethingWaitsForIt(agent: JSONValue, beginning: String?) throws {
    let now = try #require(Timestamp("2027-01-15T09:00:00Z"))
    var answer = overview.answer
    answer["agent"] = agent
    let last = try #require(ReleaseOverview(answer: answer).text(now: now).split(separator: "\n").last)
    if let beginning { #expect(last.hasPrefix(beginning)) } else { #expect(last.contains("runs")) }
    answer["scheduled"] = []
    #expect(!ReleaseOverview(answer: answer).text(now: now).contains("Agent"))
  }

  @Test func whereThereIsNoneItIsSaidWhichThereAre() {
    let failure = #expect(throws: CommandFailure.self) { try overview.deployment("9.9.9") }
    #expect(failure?.hint?.contains("2.3.0, 2.4.0, 2.3.1") == true)
  }
}
