import FleetPlanning
import Testing
import WireFormats

@Suite struct FailureGroupsTests {
  @Test(arguments: [
    ("Back-off pulling image \"ghcr.io/wrktalk/media:sha-0a1b2c3d\"", "Back-off pulling image <name>"),
    ("pod media-7d4b9c6f5-x8k2p is not ready", "pod media-<id>-<id> is not ready"),
    ("2026-12-15T02:00:00.123Z timeout after 30s", "<time> timeout after <n>s"),
    ("at 2026-12-15 02:00:00+05:30, or 02:00:00", "at <time>, or <time>"),
    ("task 3F2504E0-4f89-11d3-9A0C-0305E82C3301 failed", "task <id> failed"),
    ("digest sha256:\(String(repeating: "0a", count: 32)) differs", "digest sha<n>:<id> differs"),
    ("listen tcp 10.0.3.17:5432: connection refused", "listen tcp <n>.<n>.<n>.<n>:<n>: connection refused"),
    ("customer's database won't start", "customer's database won't start"),
    ("container 'media' and `db`  exited\n with\t137", "container <name> and <name> exited with <n>"),
    ("http2 error, v2.3.0", "http<n> error, v<n>.<n>.<n>"),
    ("", ""), ("\"", "\""), ("Größe 🎉 عربي", "Größe 🎉 عربي"),
  ])
  func whatDiffersFromCustomerToCustomerIsReplaced(_ message: String, _ normalized: String) {
    #expect(FailureMessage.normalized(message) == normalized)
    #expect(FailureMessage.normalized(normalized) == normalized || normalized.contains("<"))
  }

  @Test func longMessagesAreCut() {
    let text = FailureMessage.normalized(String(repeating: "word ", count: 100_000))
    #expect(text.count <= FailureMessage.maximumCharacters + 5)
    #expect(text.hasSuffix("…"))
  }

  @Test func theLargestGroupComesFirstWithItsCustomers() throws {
    var groups = FailureGroups()
    for index in 0..<37 {
      groups.add(
        organization: "org-\(index + 100)", reason: "ImagePullFailed", component: "media",
        message: "Back-off pulling image \"registry-\(index)/media\" (attempt \(index))")
    }
    groups.add(organization: "b", reason: nil, component: nil, message: nil)
    groups.add(organization: "a", reason: "", component: nil, message: "")
    groups.add(organization: "c", reason: "ImagePullFailed", component: "backend", message: "no")
    #expect(groups.failed == 40 && groups.count == 3)
    let largest = groups.largest()
    #expect(largest.map(\.count) == [37, 2, 1])
    let first = try #require(largest.first)
    #expect(first.message == "Back-off pulling image <name> (attempt <n>)")
    #expect(first.organizations == (100..<120).map { "org-\($0)" })
    #expect(first.more == 17)
    #expect(first.json["more"] == 17)
    #expect(largest[1].reason == "Unknown")
    #expect(largest[1].organizations == ["a", "b"])
    #expect(groups.largest(1).count == 1)
  }

  /// Also where there are so many messages that some are put together, the group that is named is the one that is counted.
  @Test func whoeverIsAddedIsCountedInTheGroupThatIsNamed() {
    var groups = FailureGroups(maximumGroups: 2)
    var named: [FailureGroups.Key: Int] = [:]
    for (index, (reason, message)) in [
      ("A", "one"), ("B", "two"), ("A", "three"), ("A", "one"), ("C", "four"), ("D", "five"), ("A", "six"),
    ].enumerated() {
      named[
        groups.add(organization: "o\(index)", reason: reason, component: nil, message: message), default: 0] += 1
    }
    let counted = Dictionary(uniqueKeysWithValues: groups.largest().map { ($0.key, $0.count) })
    #expect(named == counted && groups.failed == 7)
    #expect(named.first { $0.key.reason == "Other" }?.value == 1)
  }

  @Test func neverMoreGroupsThanAreKept() {
    var groups = FailureGroups(maximumGroups: 10)
    let words = (0..<5_000).map {
      String($0, radix: 26).map { String(Character(Unicode.Scalar(UInt8(97) + UInt8($0.wholeNumberValue ?? 10)))) }
        .joined()
    }
    for word in words { groups.add(organization: word, reason: "Failed", component: "x", message: "no \(word)") }
    for word in words { groups.add(organization: word, reason: "R\(word)", component: word, message: "no \(word)") }
    #expect(groups.largest(1_000).count <= 21)
    #expect(groups.largest(1_000).reduce(0) { $0 + $1.count } == 10_000)
  }
}
