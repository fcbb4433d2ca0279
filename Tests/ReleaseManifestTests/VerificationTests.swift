import Cryptography
import ReleaseManifest
import Testing
import WireFormats

/// Whether a release may be deployed, as a table.
@Suite struct VerificationTests {
  static let offers: [(String, String?, TrustError.Reason?)] = [
    ("signed", Vendor.sign(Vendor.manifest()), nil),
    ("nothing", nil, .releaseNotSigned), ("an empty text", "", .malformed),
    ("no signature", sign([]), .signatureInvalid),
    ("an unknown key", sign([99]), .signatureInvalid), ("a root key", sign([1]), .signatureInvalid),
    ("an unknown key beside the right one", sign([99, 11]), nil),
    ("a root", Vendor.sign(Vendor.root()), .malformed),
    ("a manifest with the type of a timestamp", Vendor.sign(.timestamp, Vendor.manifest().payload, [11]), .malformed),
    ("a signed text that is no manifest", Vendor.sign(.release, Array("{}".utf8), [11]), .malformed),
    ("another product", Vendor.sign(Vendor.manifest(product: "other")), .otherProduct),
    ("expired", Vendor.sign(Vendor.manifest(issuedDaysAgo: 90, expiresInDays: -1)), .expired),
    ("issued tomorrow", Vendor.sign(Vendor.manifest(issuedDaysAgo: -1)), nil),
    ("issued in two days", Vendor.sign(Vendor.manifest(issuedDaysAgo: -2)), .notYetValid),
  ]

  private static func sign(_ keys: [UInt8]) -> String { Vendor.sign(Vendor.manifest(), keys) }

  @Test(arguments: offers)
  func onlyWhatTheVendorSignedIsDeployed(_ what: String, _ text: String?, _ reason: TrustError.Reason?) throws {
    #expect(try AgentTrust().refusal(text) == reason, "\(what)")
  }

  static let thresholds: [([UInt8], Bool)] = [
    ([11], false), ([11, 11], false), ([11, 12], true), ([12, 13], true), ([11, 12, 13], true), ([11, 1], false),
    ([11, 99], false), ([], false),
  ]

  @Test(arguments: thresholds)
  func asManyDifferentKeysAsTheThresholdSaysMustSign(_ keys: [UInt8], _ isEnough: Bool) throws {
    let agent = try AgentTrust(Vendor.root(release: [11, 12, 13], releaseThreshold: 2))
    #expect(agent.refusal(Self.sign(keys)) == (isEnough ? nil : .signatureInvalid))
  }

  @Test func oneSignatureUnderManyNamesIsOneSigner() throws {
    let agent = try AgentTrust(Vendor.root(release: [11, 12], releaseThreshold: 2))
    var envelope = Envelope(payloadType: .release, payload: Vendor.manifest().payload)
    envelope.sign(with: Vendor.key(11))
    for name in [Vendor.id(12).text, "", "x"] { envelope.add(.init(keyID: name, bytes: envelope.signatures[0].bytes)) }
    #expect(agent.refusal(envelope.text) == .signatureInvalid)
  }

  @Test func theMessageSaysWhichKeysAreMissing() throws {
    let agent = try AgentTrust()
    do throws(TrustError) {
      _ = try ReleaseVerification(memory: agent.memory, now: Vendor.now).check(Self.sign([99]), for: "x", .deployment)
    } catch {
      #expect(
        error.message
          == "it needs valid signatures of 1 of the keys \(Vendor.id(11).short) (release), 0 are valid, and it bears those of \(Vendor.id(99).short)"
      )
    }
  }

  // MARK: Time

  static let clocks: [(Int64, TrustError.Reason?)] = [
    (0, nil), (1, nil), (-1, nil), (-2, nil), (-3, .notYetValid), (-365, .notYetValid), (89, nil), (90, .expired),
    (365, .rootExpired), (36_500, .rootExpired),
  ]

  /// The manifest was issued a day ago, and the clock may be 26 hours behind.
  @Test(arguments: clocks) func aClockThatIsWrongIsNoticed(_ days: Int64, _ reason: TrustError.Reason?) throws {
    let agent = try AgentTrust()
    let text = Vendor.sign(Vendor.manifest())
    let now = Vendor.now + .seconds(days * Vendor.day)
    #expect(agent.refusal(text, at: now) == reason)
    // What ran here may run again, whatever the clock says.
    #expect(agent.refusal(text, .rollback, at: now) == nil)
  }

  @Test func aClockBehindWhatWasSignedIsNamed() throws {
    var agent = try AgentTrust()
    #expect(try agent.staleness(at: Vendor.now + .seconds(-32 * Vendor.day)) == "ClockBehind")
    #expect(try agent.staleness() == nil)
    try agent.accept(Vendor.sign(Vendor.manifest(issuedDaysAgo: 0)))
    #expect(try agent.staleness(at: Vendor.now + .seconds(-Vendor.day)) == nil)
    #expect(try agent.staleness(at: Vendor.now + .seconds(-2 * Vendor.day)) == "ClockBehind")
  }

  @Test func theEndsOfTimeTrapNowhere() throws {
    let agent = try AgentTrust(Vendor.root(timestamp: [21]))
    for now in [Timestamp(microseconds: .min), Timestamp(microseconds: .max)] {
      #expect(agent.refusal(Vendor.sign(Vendor.manifest()), at: now) != nil)
      #expect(try agent.staleness(at: now) != nil)
    }
  }

  // MARK: Freshness

  @Test func withoutAStatementThatIsValidNothingNewIsDeployed() throws {
    var agent = try AgentTrust(Vendor.root(timestamp: [21]))
    #expect(try agent.staleness() == "TimestampMissing")
    for refused in [
      Vendor.statement(keys: []), Vendor.statement(keys: [11]), Vendor.statement(product: "other"), "{}",
      Vendor.sign(Vendor.manifest(), [21]),
    ] {
      #expect(throws: TrustError.self) { try agent.memory.takeIn(timestamp: refused) }
    }
    #expect(try agent.memory.takeIn(timestamp: Vendor.statement()))
    #expect(try agent.staleness() == nil)
    // Frozen: no newer one comes, and the older one does not count as news.
    #expect(try !agent.memory.takeIn(timestamp: Vendor.statement()))
    #expect(try !agent.memory.takeIn(timestamp: Vendor.statement(issuedDaysAgo: 5, expiresInDays: 900)))
    #expect(try agent.staleness(at: Vendor.now + .seconds(7 * Vendor.day)) == "TimestampExpired")
    #expect(try agent.memory.takeIn(timestamp: Vendor.statement(issuedDaysAgo: 0, rootVersion: 2)))
    #expect(try agent.staleness() == "TrustRootBehind")
    _ = try agent.memory.takeIn(roots: [Vendor.sign(Vendor.root(version: 2, timestamp: [21]))])
    #expect(try agent.staleness() == nil)
  }

  @Test func aRootWithoutTimestampKeysTakesNoStatement() throws {
    var agent = try AgentTrust()
    #expect(throws: TrustError.self) { try agent.memory.takeIn(timestamp: Vendor.statement()) }
    #expect(try agent.staleness() == nil)
  }

  // MARK: Order

  @Test func releasesGoUpwardsAndTheSameOneMayComeAgain() throws {
    var agent = try AgentTrust()
    let tenth = Vendor.sign(Vendor.manifest(sequence: 10))
    try agent.accept(tenth)
    #expect(agent.refusal(tenth) == nil)
    #expect(agent.refusal(Vendor.sign(Vendor.manifest(sequence: 9))) == .sequenceTooLow)
    // Another manifest under the same number.
    #expect(agent.refusal(Vendor.sign(Vendor.manifest(sequence: 10, expiresInDays: 91))) == .sequenceTooLow)
    #expect(agent.refusal(Vendor.sign(Vendor.manifest(sequence: 11))) == nil)
    // Back to what ran here only as a return.
    try agent.accept(Vendor.sign(Vendor.manifest(sequence: 11)))
    #expect(agent.refusal(tenth) == .sequenceTooLow)
    #expect(agent.refusal(tenth, .rollback) == nil)
  }

  @Test func eachTargetHasASequenceOfItsOwn() throws {
    var agent = try AgentTrust()
    try agent.accept(Vendor.sign(Vendor.manifest(sequence: 10)))
    #expect(agent.refusal(Vendor.sign(Vendor.manifest(sequence: 9))) == .sequenceTooLow)
    // A new one begins where the others are: a new name is no way back.
    #expect(agent.refusal(Vendor.sign(Vendor.manifest(sequence: 9)), target: "Helm/wrktalk") == .sequenceTooLow)
    let tenth = Vendor.sign(Vendor.manifest(sequence: 10))
    try agent.accept(tenth, target: "Helm/wrktalk")
    try agent.accept(Vendor.sign(Vendor.manifest(sequence: 12)))
    #expect(agent.refusal(Vendor.sign(Vendor.manifest(sequence: 11)), target: "Helm/wrktalk") == nil)
  }

  enum Source: CaseIterable { case root, timestamp, acceptedManifest }

  @Test(arguments: Source.allCases) func whatTheVendorWithdrewNobodyReturnsTo(_ source: Source) throws {
    var root = Vendor.root(timestamp: [21])
    if source == .root { root.minimumSequence = 11 }
    var agent = try AgentTrust(root)
    if source == .timestamp {
      _ = try agent.memory.takeIn(timestamp: Vendor.statement(sequence: 11, minimumSequence: 11))
    }
    if source == .acceptedManifest {
      try agent.accept(Vendor.sign(Vendor.manifest(sequence: 20, minimumSequence: 11)))
    }
    for (sequence, reason) in [(10, .sequenceTooLow), (11, nil)] as [(Int64, TrustError.Reason?)] {
      #expect(agent.refusal(Vendor.sign(Vendor.manifest(sequence: sequence)), .rollback) == reason, "\(sequence)")
    }
    #expect(agent.refusal(Vendor.sign(Vendor.manifest(sequence: 10))) == .sequenceTooLow)
  }

  // MARK: What is remembered stays small, and nothing that counts is forgotten

  @Test func aThousandReleasesAreRememberedInFewEntries() throws {
    var agent = try AgentTrust(Vendor.root(release: [11, 12]))
    try agent.accept(Vendor.sign(Vendor.manifest(sequence: 1, minimumSequence: 1), [12]))
    for sequence in 2...200 as ClosedRange<Int64> {
      try agent.accept(Vendor.sign(Vendor.manifest(sequence: sequence, minimumSequence: sequence == 5 ? 5 : 0)))
    }
    let entries = try #require(agent.memory.accepted[AgentTrust.target])
    #expect(entries.count == 32)
    #expect(entries.contains { $0.sequence == 1 }, "what the other key signed was pushed out")
    let root = try agent.memory.trustRoot()
    #expect(agent.memory.highest(for: AgentTrust.target, under: root)?.sequence == 200)
    #expect(agent.memory.minimumSequence(for: AgentTrust.target, under: root) == 5)
  }

  @Test func manySetsOfSignersDoNotPushOutTheHighest() throws {
    let keys: [UInt8] = [11, 12, 13, 14, 15, 16]
    var agent = try AgentTrust(Vendor.root(release: keys))
    for subset in 1..<64 {
      let signers = keys.indices.filter { subset >> $0 & 1 == 1 }.map { keys[$0] }
      try agent.accept(Vendor.sign(Vendor.manifest(sequence: Int64(subset)), signers))
    }
    #expect(agent.memory.accepted[AgentTrust.target]?.count == 32)
    #expect(agent.memory.highest(for: AgentTrust.target, under: try agent.memory.trustRoot())?.sequence == 63)
  }

  @Test func noMoreTargetsThanTheBoundAreRemembered() throws {
    var agent = try AgentTrust()
    let text = Vendor.sign(Vendor.manifest())
    let release = try ReleaseVerification(memory: agent.memory, now: Vendor.now).check(text, for: "x", .deployment)
    for number in 0..<TrustMemory.maximumTargetCount { agent.memory.accept(release, for: "Compose/\(number)") }
    #expect(agent.refusal(text, target: "Compose/0") == nil)
    #expect(agent.refusal(text, target: "Compose/new") == .tooManyTargets)
    agent.memory.accept(release, for: "Compose/new")
    #expect(agent.memory.accepted.count == TrustMemory.maximumTargetCount)
  }

  @Test func theMemoryIsKeptAsJSONAndReadBack() throws {
    var agent = try AgentTrust(Vendor.root(timestamp: [21]))
    _ = try agent.memory.takeIn(timestamp: Vendor.statement())
    try agent.accept(Vendor.sign(Vendor.manifest()))
    let kept = try JSONValue(encoding: agent.memory).serialized()
    #expect(try JSONValue(parsing: kept).decoded(as: TrustMemory.self) == agent.memory)
  }
}
