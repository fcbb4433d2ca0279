import AuditChain
import FoundationEssentials
import Synchronization
import TestSupport
import Testing
import WireFormats

/// The audit's commands against a server that answers as a test wants it to.
@Suite struct AuditCommandTests {
  private static func chain(_ count: Int) -> [AuditRecord] {
    var records: [AuditRecord] = []
    for number in 1...count {
      records.append(
        AuditRecord(
          sequence: Int64(number), at: "2027-01-15T08:00:00.000000Z", actor: "ann@example.com", roles: "admin",
          address: "192.0.2.1", action: "SettingChanged", object: "KEY_\(number)", detail: ["to": "a\nb"],
          previous: records.last?.digest ?? AuditRecord.beginning))
    }
    return records
  }

  private static func lines(_ records: [AuditRecord]) -> String { records.map { $0.json.text + "\n" }.joined() }

  /// Pages of the chain, as a customer's server gives them.
  private static func server(
    _ records: [AuditRecord], head: AuditRecord, targets: RequestTargets = RequestTargets()
  ) throws -> LoopbackServer {
    try LoopbackServer { request, connection in
      targets.add(request.target)
      let items = request.target.split(separator: "?").last?.split(separator: "&") ?? []
      let after = items.first { $0.hasPrefix("continue=") }.flatMap { Int64($0.dropFirst(9)) } ?? 0
      let left = records.filter { $0.sequence > after }
      var answer: JSONValue = [
        "entries": .array(left.prefix(4).map(\.json)),
        "head": ["sequence": .integer(head.sequence), "digest": .string(head.digest)],
      ]
      if left.count > 4 { answer["continue"] = .string(String(left[3].sequence)) }
      connection.respond(headers: ["Content-Type: application/json"], body: answer.serialized())
    }
  }

  private final class RequestTargets: Sendable {
    private let targets = Mutex<[String]>([])
    func add(_ target: String) { targets.withLock { $0.append(target) } }
    var all: [String] { targets.withLock { $0 } }
  }

  private static func desk(_ server: LoopbackServer) throws -> SigningDesk {
    var desk = try SigningDesk()
    desk.environment["WRKTALK_SERVER"] = server.url
    desk.environment["WRKTALK_TOKEN"] = "token"
    return desk
  }

  @Test func theServersAuditIsExportedAndVerifiedPageByPage() async throws {
    let records = Self.chain(10)
    let targets = RequestTargets()
    let server = try Self.server(records, head: records[9], targets: targets)
    let desk = try Self.desk(server)
    let text = try await desk.succeed("audit", "verify")
    #expect(text.contains("is whole: 10 entries.\nHead: \(records[9].digest)\n"), "\(text)")
    #expect(targets.all.count == 3)
    #expect(
      try await desk.succeed("audit", "export", "--actor", "a&b", "--from", "2027-01-01T00:00:00Z")
        == Self.lines(records))
    #expect(targets.all.last?.contains("&actor=a%26b&from=2027-01-01T00%3A00%3A00Z") == true, "\(targets.all)")
    try await desk.succeed("audit", "export", "-o", "audit.jsonl")
    #expect(try desk.text("audit.jsonl") == Self.lines(records))
    #expect(try desk.mode(of: "audit.jsonl") == 0o600)
    try await desk.fail("exists already", "audit", "export", "-o", "audit.jsonl")
    // Later, without the server, with the head that was noted.
    #expect(
      try await desk.succeed("audit", "verify", "--file", "audit.jsonl", "--head", records[9].digest).contains("10"))
  }

  @Test func whatIsWrongIsSaidWithItsPlace() async throws {
    let records = Self.chain(10)
    var changed = records
    changed[6].actor = "bob@example.com"
    let server = try Self.server(changed, head: records[9])
    let desk = try Self.desk(server)
    try await desk.fail("entry 7 was changed", "audit", "verify")
    let short = try Self.server(Array(records.prefix(8)), head: records[9])
    let shortDesk = try Self.desk(short)
    try await shortDesk.fail("the entries end with 8, where 10 was the last one written", "audit", "verify")

    try desk.folder.write(Self.lines(Array(records.prefix(8))), to: "short.jsonl")
    try await desk.fail(
      "no entry up to 8, the last one, has the digest \(records[9].digest)", "audit", "verify", "--file", "short.jsonl",
      "--head", records[9].digest)
    try desk.folder.write(Self.lines(Array(records.dropFirst(2))), to: "cut.jsonl")
    try await desk.fail("entries 1 to 2 are missing", "audit", "verify", "--file", "cut.jsonl")
    for (text, reason) in [
      ("{}\n", "line 1 of x.jsonl is not an entry"), ("not JSON\n", "line 1 of x.jsonl"),
      (Self.lines(records) + "{\"a\":1}", "line 11 of x.jsonl"),
      (String(repeating: "x", count: 200_000), "line 1 of x.jsonl is too long"),
    ] {
      try desk.folder.write(text, to: "x.jsonl")
      try await desk.fail(reason, "audit", "verify", "--file", "x.jsonl")
      try FileManager.default.removeItem(atPath: desk.folder.file("x.jsonl"))
    }
    try await desk.fail("cannot be read", "audit", "verify", "--file", "absent.jsonl")
    try desk.folder.write("", to: "empty.jsonl")
    try await desk.fail("empty.jsonl holds no entry of an audit", "audit", "verify", "--file", "empty.jsonl")
    try await desk.fail("--head must be a digest", code: 64, "audit", "verify", "--head", "abc")
  }

  @Test func aLongExportIsReadSetBySet() async throws {
    let records = Self.chain(1_700)
    let desk = try SigningDesk()
    try desk.folder.write(Self.lines(records), to: "long.jsonl")
    #expect(
      try await desk.succeed("audit", "verify", "--file", "long.jsonl").contains("1700 entries"))
  }
}
