import FoundationEssentials
import Processes
import TestSupport
import Testing
import WireFormats

@testable import MaintenanceWindows

/// Thousands of random cases against Python's `zoneinfo`, over the zone files of this machine: `calendars.py` tries every quarter
/// of an hour.
@Suite(.needs(.pythonClients), .timeLimit(.minutes(3))) struct CalendarOracleTests {
  private static let seed = 20_261_127
  private static let count = Testbed.isShortRun ? 150 : 600

  @Test func pythonsZoneinfoSaysTheSame() async throws {
    let folder = try TemporaryFolder()
    let result = try await ChildProcess.run(
      executable: try Testbed.location(of: .pythonClients),
      arguments: [
        "\(Testbed.repository)/Tests/MaintenanceWindowsTests/calendars.py", "\(Self.seed)", "\(Self.count)",
        folder.file("cases.json"),
      ],
      environment: [
        "PATH": "/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONTZPATH": "/usr/share/zoneinfo",
      ], timeout: .seconds(150))
    #expect(result.status.isSuccess, "\(result.standardError.text)")
    let answers = try JSONValue(parsing: Array(try Data(contentsOf: URL(filePath: folder.file("cases.json")))))

    let offsets = try #require(answers["offsets"]?.object)
    #expect(offsets.count > 300)
    for (name, cases) in offsets {
      let rules = try ZoneFolder.rules(name)
      for pair in cases.array ?? [] {
        let numbers = (pair.array ?? []).compactMap(\.integer)
        #expect(rules.offset(at: numbers[0]) == numbers[1], "\(name) at \(numbers[0])")
      }
    }

    let cases = try #require(answers["cases"]?.array)
    #expect(cases.count == Self.count)
    for entry in cases { try check(entry) }
  }

  private func check(_ entry: JSONValue) throws {
    let calendar = try ZoneFolder.calendar(try #require(entry["calendar"]))
    for pair in entry["moments"]?.array ?? [] {
      guard let second = pair.array?.first?.integer, let isOpen = pair.array?.last?.bool else { continue }
      let moment = Timestamp(seconds: second)
      #expect(calendar.contains(moment) == isOpen, "at \(moment), seed \(Self.seed): \(entry.text)")
      #expect((calendar.opening(at: moment) != nil) == isOpen || calendar == .always)
    }
    let expected = (entry["starts"]?.array ?? []).compactMap(\.integer)
    let (after, until) = (try #require(entry["after"]?.integer), try #require(entry["until"]?.integer))
    let found = calendar.next(after: Timestamp(seconds: after), count: expected.count + 1).map(\.start.floorSeconds)
    #expect(found.filter { $0 < until } == expected, "seed \(Self.seed): \(entry.text)")
  }
}
