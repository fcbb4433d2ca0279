import AuditChain
import Testing
import WireFormats

@Suite struct AuditVerificationTests {
  /// A chain as the server writes it.
  static func chain(_ count: Int) -> [AuditRecord] {
    var records: [AuditRecord] = []
    for number in 1...count {
      records.append(
        AuditRecord(
          sequence: Int64(number), at: "2027-01-15T08:00:0\(number % 10).000000Z", actor: "ann@example.com",
          roles: "admin", address: "192.0.2.1", action: "SettingChanged", object: "KEY_\(number)",
          detail: ["from": .null, "to": .string("value \(number)"), "count": 3],
          previous: records.last?.digest ?? AuditRecord.beginning))
    }
    return records
  }

  private static func fault(_ records: [AuditRecord], head: String? = nil, setCount: Int = 4) -> AuditFault? {
    var verification = AuditVerification(remembered: head)
    do throws(AuditFault) {
      for start in stride(from: 0, to: records.count, by: setCount) {
        try verification.check(records[start..<min(start + setCount, records.count)])
      }
      try verification.finish()
      return nil
    } catch {
      return error
    }
  }

  @Test(arguments: [1, 2, 3, 10, 25]) func aChainThatNobodyTouchedIsWhole(count: Int) {
    let records = Self.chain(count)
    for head in [nil, records[0].digest, records[count - 1].digest, records[count - 1].digest.uppercased()] {
      #expect(Self.fault(records, head: head) == nil)
    }
    #expect(Self.fault([], head: AuditRecord.beginning) == nil)
  }

  struct Tampering: Sendable, CustomTestStringConvertible {
    var title: String
    var expected: AuditFault
    var change: @Sendable (inout [AuditRecord]) -> Void
    var testDescription: String { title }
  }

  /// Of ten entries.
  static let tamperings: [Tampering] = [
    Tampering(title: "time", expected: .changed(sequence: 5)) { $0[4].at = "2027-01-15T08:00:05.000001Z" },
    Tampering(title: "actor", expected: .changed(sequence: 5)) { $0[4].actor = "bob@example.com" },
    Tampering(title: "roles", expected: .changed(sequence: 5)) { $0[4].roles = "viewer" },
    Tampering(title: "address", expected: .changed(sequence: 5)) { $0[4].address = "192.0.2.2" },
    Tampering(title: "action", expected: .changed(sequence: 5)) { $0[4].action = "SettingRemoved" },
    Tampering(title: "object", expected: .changed(sequence: 5)) { $0[4].object = "OTHER" },
    Tampering(title: "detail", expected: .changed(sequence: 5)) { $0[4].detail["to"] = "another" },
    Tampering(title: "type in the detail", expected: .changed(sequence: 5)) { $0[4].detail["count"] = "3" },
    Tampering(title: "text between two fields", expected: .changed(sequence: 5)) {
      $0[4].actor += "adm"
      $0[4].roles = "in"
    },
    Tampering(title: "the same letter otherwise composed", expected: .changed(sequence: 5)) {
      $0[4].object = "KEY_5e\u{301}"
      $0[4].digest = $0[4].computedDigest
      $0[4].object = "KEY_5\u{E9}"
    },
    Tampering(title: "digest", expected: .changed(sequence: 5)) { $0[4].digest = $0[3].digest },
    Tampering(title: "changed, with its digest", expected: .unlinked(sequence: 6)) {
      $0[4].object = "OTHER"
      $0[4].digest = $0[4].computedDigest
    },
    Tampering(title: "first removed", expected: .missing(from: 1, to: 1)) { $0.removeFirst() },
    Tampering(title: "one removed", expected: .missing(from: 5, to: 5)) { $0.remove(at: 4) },
    Tampering(title: "three removed", expected: .missing(from: 4, to: 6)) { $0.removeSubrange(3...5) },
    Tampering(title: "removed, the rest numbered anew", expected: .changed(sequence: 5)) {
      $0.remove(at: 4)
      for index in 4..<9 { $0[index].sequence -= 1 }
    },
    Tampering(title: "removed, the rest numbered and digested anew", expected: .unlinked(sequence: 5)) {
      $0.remove(at: 4)
      for index in 4..<9 {
        $0[index].sequence -= 1
        $0[index].digest = $0[index].computedDigest
      }
    },
    Tampering(title: "repeated", expected: .repeated(sequence: 5)) { $0.insert($0[4], at: 5) },
    Tampering(title: "inserted", expected: .repeated(sequence: 5)) {
      var record = $0[4]
      record.object = "OTHER"
      record.previous = $0[4].digest
      record.digest = record.computedDigest
      $0.insert(record, at: 5)
    },
    Tampering(title: "forked", expected: .unlinked(sequence: 8)) {
      // Another seventh entry after the same sixth, in the place of the first one.
      $0[6].object = "OTHER"
      $0[6].digest = $0[6].computedDigest
    },
    Tampering(title: "two exchanged", expected: .missing(from: 5, to: 5)) { $0.swapAt(4, 5) },
    Tampering(title: "moved to the end", expected: .missing(from: 2, to: 2)) { $0.append($0.remove(at: 1)) },
    Tampering(title: "an early one again at the end", expected: .outOfOrder(sequence: 3, after: 10)) {
      $0.append($0[2])
    },
    Tampering(title: "numbered from zero", expected: .repeated(sequence: 0)) { $0[0].sequence = 0 },
  ]

  @Test(arguments: tamperings) func whatWasDoneToAChainIsFound(_ tampering: Tampering) {
    var records = Self.chain(10)
    tampering.change(&records)
    for setCount in [1, 4, 100] { #expect(Self.fault(records, setCount: setCount) == tampering.expected) }
  }

  @Test func entriesRemovedAtTheEndAreMissedByTheHeadThatIsRemembered() {
    let records = Self.chain(10)
    let cut = Array(records.prefix(7))
    #expect(Self.fault(cut) == nil)
    #expect(Self.fault(cut, head: records[9].digest) == .headMissing(digest: records[9].digest, last: 7))
    #expect(Self.fault(cut, head: records[6].digest) == nil)
  }

  @Test func aChainThatWasWrittenAnewIsNotTheOneThatIsRemembered() {
    let records = Self.chain(10)
    var forged: [AuditRecord] = []
    for record in records {
      var record = record
      if record.sequence == 2 { record.actor = "bob@example.com" }
      record.previous = forged.last?.digest ?? AuditRecord.beginning
      record.digest = record.computedDigest
      forged.append(record)
    }
    #expect(Self.fault(forged) == nil)
    #expect(Self.fault(forged, head: records[9].digest) == .headMissing(digest: records[9].digest, last: 10))
  }

  @Test func theServersOwnHeadIsWhereTheEntriesEnd() throws {
    let records = Self.chain(3)
    var verification = AuditVerification()
    try verification.check(records.prefix(2))
    #expect(throws: AuditFault.ended(at: 2, insteadOf: 3)) {
      try verification.finish(head: (3, records[2].digest))
    }
    try verification.check(records.suffix(1))
    try verification.finish(head: (3, records[2].digest))
    #expect(throws: AuditFault.ended(at: 3, insteadOf: 3)) {
      try verification.finish(head: (3, records[1].digest))
    }
  }

  /// Who writes a verifier of their own finds the same.
  @Test func theDigestIsOverTheBytesThatItsDescriptionNames() {
    let record = AuditRecord(
      sequence: 1, at: "2027-01-15T08:00:00.000000Z", actor: "ann@example.com", roles: "admin", address: "192.0.2.1",
      action: "SignedIn", object: "ann@example.com", detail: ["by": "password", "failuresBefore": 0],
      previous: AuditRecord.beginning)
    // python3 -c 'import hashlib,json,struct; f=[…]; print(hashlib.sha256(b"".join(struct.pack(">Q",len(x))+x for x in f)).hexdigest())'
    #expect(record.digest == "08c5b9ccb3ff379ac973f556d27a8583f611f15b0a6c5367d4963ecd4ec332ec")
  }

  @Test func anEntryIsReadAsItWasWritten() throws {
    for record in Self.chain(3) {
      #expect(AuditRecord(json: try JSONValue(parsing: record.json.text)) == record)
      for name in ["sequence", "detail", "previous"] {
        var json = record.json
        json[name] = nil
        #expect(AuditRecord(json: json) == nil)
      }
      var json = record.json
      json["note"] = "more"
      #expect(AuditRecord(json: json) == nil)
    }
  }
}
