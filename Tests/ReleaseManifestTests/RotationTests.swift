import Cryptography
import ReleaseManifest
import Testing
import WireFormats

/// Roots that follow each other, keys that are lost, and keys that are withdrawn.
@Suite struct RotationTests {
  /// Roots 1 to 3: the second has another root key, the third another release key.
  private static let first = Vendor.root()
  private static let second = Vendor.root(version: 2, root: [2])
  private static let third = Vendor.root(version: 3, root: [2], release: [12])
  private static let secondText = Vendor.sign(second, [1, 2])
  private static let thirdText = Vendor.sign(third, [2])

  @Test(arguments: [
    [[secondText, thirdText]], [[thirdText, secondText]], [[secondText], [thirdText]],
    [[secondText, secondText, thirdText, thirdText, secondText]],
    [[Vendor.sign(first), secondText], [secondText, thirdText], [Vendor.sign(first), thirdText, secondText]],
  ])
  func rootsAreTakenInInWhateverOrderAndHoweverOftenTheyCome(_ deliveries: [[String]]) throws {
    var agent = try AgentTrust(Self.first)
    for delivery in deliveries { #expect(agent.takeIn(delivery) == nil) }
    #expect(try agent.rootVersion == 3)
    #expect(agent.memory.rootDigests.count == 3)
    let before = agent.memory
    #expect(try agent.memory.takeIn(roots: [Self.secondText, Self.thirdText]) == false)
    #expect(agent.memory == before)
    #expect(try agent.memory.knows(root: Vendor.sign(Self.first)) && agent.memory.knows(root: Self.thirdText))
  }

  @Test func aNewerRootThatWasTakenInIsReported() throws {
    var agent = try AgentTrust(Self.first)
    #expect(try agent.memory.takeIn(roots: [Self.secondText]))
  }

  static let refused: [(String, String)] = [
    ("nobody", Vendor.sign(second, [])), ("only the old key", Vendor.sign(second, [1])),
    ("only the new key", Vendor.sign(second, [2])), ("a release key", Vendor.sign(second, [11, 2])),
    ("a version left out", Vendor.sign(other(third) { $0.version = 4 }, [1, 2])),
    ("another product", Vendor.sign(other(second) { $0.product = "other" }, [1, 2])),
    ("version 1 again, otherwise", Vendor.sign(other(first) { $0.minimumSequence = 5 }, [1])),
    ("the type of a release", Vendor.sign(.release, second.payload, [1, 2])),
    ("no envelope", "{}"), ("a manifest", Vendor.sign(Vendor.manifest())),
  ]

  private static func other(_ root: TrustRoot, _ change: (inout TrustRoot) -> Void) -> TrustRoot {
    var root = root
    change(&root)
    return root
  }

  @Test(arguments: refused) func aRootThatDoesNotFollowIsRefused(_ what: String, _ text: String) throws {
    var agent = try AgentTrust(Self.first)
    let before = agent.memory
    #expect(agent.takeIn([text]) != nil, "\(what)")
    #expect(agent.memory == before)
    // And it holds nobody up.
    #expect(agent.takeIn([text, Self.secondText]) != nil)
    #expect(try agent.rootVersion == 2, "\(what)")
  }

  @Test func ofTwoRootsOfOneVersionTheFirstStays() throws {
    let branch = Vendor.sign(Self.other(Self.second) { $0.minimumSequence = 9 }, [1, 2])
    var agent = try AgentTrust(Self.first)
    #expect(agent.takeIn([Self.secondText]) == nil)
    #expect(agent.takeIn([branch]) == .rootRefused)
    #expect(agent.takeIn([branch, Self.thirdText]) == .rootRefused)
    #expect(try agent.rootVersion == 3)
    #expect(agent.takeIn([branch]) == .rootRefused)
    #expect(try !agent.memory.knows(root: branch))
  }

  @Test func theFirstRootBearsItsOwnSignatures() {
    for keys: [UInt8] in [[], [2], [11]] {
      #expect(throws: TrustError.self) { try TrustMemory(firstRoot: Vendor.sign(Self.first, keys)) }
    }
  }

  @Test func withTwoOfThreeOneLostKeyIsReplaced() throws {
    let first = Vendor.root(root: [1, 2, 3], rootThreshold: 2)
    // Key 3 is lost; 4 takes its place.
    let second = Vendor.root(version: 2, root: [1, 2, 4], rootThreshold: 2)
    for (keys, isEnough) in [([1, 2], true), ([1, 4], false), ([1], false), ([4], false), ([1, 1], false)]
      as [([UInt8], Bool)]
    {
      var agent = try AgentTrust(first, signedBy: [1, 2])
      #expect((agent.takeIn([Vendor.sign(second, keys)]) == nil) == isEnough, "\(keys)")
    }
    #expect(throws: TrustError.self) { try AgentTrust(first, signedBy: [3]) }
  }

  @Test func aRevokedReleaseKeyEndsItsManifestsAndItsSequenceCountsNoMore() throws {
    var agent = try AgentTrust(Vendor.root(release: [11, 12]))
    try agent.accept(Vendor.sign(Vendor.manifest(sequence: 10), [12]))
    // The stolen key 11 lifts the sequence as high as it goes, and withdraws all that there is.
    let stolen = Vendor.sign(Vendor.manifest(sequence: 1 << 53, minimumSequence: 1 << 53), [11])
    try agent.accept(stolen)
    let good = Vendor.sign(Vendor.manifest(sequence: 11), [12])
    #expect(agent.refusal(good) == .sequenceTooLow)

    var second = Vendor.root(version: 2, release: [11, 12])
    second.revokedKeys = [Vendor.id(11)]
    #expect(agent.takeIn([Vendor.sign(second)]) == nil)
    #expect(agent.refusal(stolen) == .revoked)
    #expect(agent.refusal(stolen, .rollback) == .revoked)
    #expect(agent.refusal(good) == nil)
    #expect(agent.refusal(Vendor.sign(Vendor.manifest(sequence: 9), [12])) == .sequenceTooLow)
  }

  @Test func aRevokedReleaseEndsAndWhatWasAcceptedBeforeItCountsAgain() throws {
    var agent = try AgentTrust()
    try agent.accept(Vendor.sign(Vendor.manifest(sequence: 10)))
    let bad = Vendor.manifest(sequence: 500, minimumSequence: 500)
    try agent.accept(Vendor.sign(bad))
    var second = Vendor.root(version: 2)
    second.revokedReleases = [SHA256.digest(of: bad.payload).hexadecimal]
    #expect(agent.takeIn([Vendor.sign(second)]) == nil)
    #expect(agent.refusal(Vendor.sign(bad)) == .revoked)
    #expect(agent.refusal(Vendor.sign(bad), .rollback) == .revoked)
    #expect(agent.refusal(Vendor.sign(Vendor.manifest(sequence: 11))) == nil)
    #expect(agent.refusal(Vendor.sign(Vendor.manifest(sequence: 9))) == .sequenceTooLow)
  }

  @Test func whatARootWithdrewStaysWithdrawn() throws {
    var second = Vendor.root(version: 2)
    (second.revokedReleases, second.minimumSequence) = ([String(repeating: "a", count: 64)], 7)
    var agent = try AgentTrust()
    #expect(agent.takeIn([Vendor.sign(second)]) == nil)
    for change in [{ $0.revokedReleases = [] }, { $0.minimumSequence = 6 }] as [(inout TrustRoot) -> Void] {
      var third = second
      third.version = 3
      change(&third)
      #expect(agent.takeIn([Vendor.sign(third)]) == .rootRefused)
    }
    second.version = 3
    #expect(agent.takeIn([Vendor.sign(second)]) == nil)
  }

  @Test func aRevokedKeyCannotReturnInOneStepOrInTwo() throws {
    var second = Vendor.root(version: 2, release: [12])
    second.revokedKeys = [Vendor.id(11)]
    var agent = try AgentTrust()
    #expect(agent.takeIn([Vendor.sign(second)]) == nil)
    #expect(agent.takeIn([Vendor.sign(Vendor.root(version: 3, release: [11]))]) == .rootRefused)
    #expect(agent.takeIn([Vendor.sign(Vendor.root(version: 3, release: [12]))]) == .rootRefused)
    #expect(try agent.rootVersion == 2)
    // Named and revoked it may be: it only never counts.
    var third = Vendor.root(version: 3, release: [11, 12])
    third.revokedKeys = [Vendor.id(11)]
    #expect(agent.takeIn([Vendor.sign(third)]) == nil)
    #expect(agent.refusal(Vendor.sign(Vendor.manifest(), [11])) == .revoked)
    #expect(agent.refusal(Vendor.sign(Vendor.manifest(), [12])) == nil)
  }

  @Test func aReplacedReleaseKeyIsNotBelievedAnyMore() throws {
    var agent = try AgentTrust(Self.first)
    #expect(agent.refusal(Vendor.sign(Vendor.manifest(), [11])) == nil)
    #expect(agent.takeIn([Self.secondText, Self.thirdText]) == nil)
    #expect(agent.refusal(Vendor.sign(Vendor.manifest(), [11])) == .signatureInvalid)
    #expect(agent.refusal(Vendor.sign(Vendor.manifest(), [12])) == nil)
    // Signed by both, a release suits the Agents that know the new root and those that do not.
    #expect(agent.refusal(Vendor.sign(Vendor.manifest(), [11, 12])) == nil)
  }

  @Test func aRevokedTimestampKeyTakesItsStatementsAlong() throws {
    var agent = try AgentTrust(Vendor.root(timestamp: [21]))
    // The stolen key: far in the future, and everything is withdrawn.
    _ = try agent.memory.takeIn(
      timestamp: Vendor.statement(
        issuedDaysAgo: -3000, expiresInDays: 9000, sequence: 1 << 53, minimumSequence: 1 << 53))
    #expect(try agent.staleness() == "ClockBehind")
    #expect(agent.refusal(Vendor.sign(Vendor.manifest())) == .sequenceTooLow)
    var second = Vendor.root(version: 2, timestamp: [21, 22])
    second.revokedKeys = [Vendor.id(21)]
    #expect(agent.takeIn([Vendor.sign(second)]) == nil)
    #expect(try agent.staleness() == "TimestampMissing")
    #expect(try agent.memory.takeIn(timestamp: Vendor.statement(keys: [22])))
    #expect(try agent.staleness() == nil)
    #expect(agent.refusal(Vendor.sign(Vendor.manifest())) == nil)
  }

  @Test func thousandRootsLaterTheFirstIsPassedOverStill() throws {
    var agent = try AgentTrust(Self.first)
    agent.memory.rootDigests = (0..<TrustMemory.maximumRootCount).map { String($0) }
    let late = Vendor.root(version: 5000)
    agent.memory.root = Vendor.sign(late)
    #expect(agent.takeIn([Vendor.sign(Self.first)]) == nil)
    #expect(agent.takeIn([Vendor.sign(Vendor.root(version: 4999))]) == .rootRefused)
    #expect(agent.takeIn([Vendor.sign(Vendor.root(version: 5001))]) == nil)
    #expect(agent.memory.rootDigests.count == TrustMemory.maximumRootCount)
  }

  @Test func whatRunsIsNeverForgottenHoweverManyReleasesFollow() throws {
    var agent = try AgentTrust()
    let running = Vendor.manifest(sequence: 1)
    try agent.accept(Vendor.sign(running))
    let digest = SHA256.digest(of: running.payload).hexadecimal
    for sequence in 2...50 as ClosedRange<Int64> {
      let release = try ReleaseVerification(memory: agent.memory, now: Vendor.now)
        .check(Vendor.sign(Vendor.manifest(sequence: sequence)), for: AgentTrust.target, .deployment)
      agent.memory.accept(release, for: AgentTrust.target, keeping: [digest])
    }
    var second = Vendor.root(version: 2)
    second.revokedKeys = [Vendor.id(11)]
    second.keys[Vendor.id(12)] = Vendor.key(12).publicKey
    second.roles[.release] = .init(keys: [Vendor.id(12)])
    let root = second
    #expect(agent.takeIn([Vendor.sign(root)]) == nil)
    #expect(agent.memory.revocation(of: digest, for: AgentTrust.target, under: root) != nil)
  }

  @Test func whatATimestampWithdrewStaysWithdrawnWhenItsKeyIsReplaced() throws {
    var agent = try AgentTrust(Vendor.root(timestamp: [21]))
    try agent.accept(Vendor.sign(Vendor.manifest(sequence: 3)))
    #expect(try agent.memory.takeIn(timestamp: Vendor.statement(minimumSequence: 5)))
    for revoked in [false, true] {
      var next = Vendor.root(version: try agent.rootVersion + 1, timestamp: [22])
      if revoked { next.revokedKeys = [Vendor.id(21)] }
      #expect(agent.takeIn([Vendor.sign(next)]) == nil)
      #expect(agent.refusal(Vendor.sign(Vendor.manifest(sequence: 3)), .rollback) == (revoked ? nil : .sequenceTooLow))
    }
  }

  /// The two keys signed side by side for a while.
  @Test func anOlderStatementOfTheNewKeyTakesNoPlaceAfterARotation() throws {
    var agent = try AgentTrust(Vendor.root(timestamp: [21]))
    try agent.accept(Vendor.sign(Vendor.manifest(sequence: 3)))
    #expect(try agent.memory.takeIn(timestamp: Vendor.statement(issuedDaysAgo: 1, minimumSequence: 5)))
    agent.memory.timestampSigners = nil  // As an earlier version left it.
    #expect(agent.takeIn([Vendor.sign(Vendor.root(version: 2, timestamp: [22]))]) == nil)
    #expect(try !agent.memory.takeIn(timestamp: Vendor.statement(issuedDaysAgo: 2, keys: [22])))
    #expect(agent.refusal(Vendor.sign(Vendor.manifest(sequence: 3)), .rollback) == .sequenceTooLow)
    // The same news under the new key is fresh again.
    #expect(try agent.staleness() == "TimestampMissing")
    #expect(try agent.memory.takeIn(timestamp: Vendor.statement(issuedDaysAgo: 1, minimumSequence: 5, keys: [22])))
    #expect(try agent.staleness() == nil)
  }

  @Test func aMemoryThatWasDamagedIsReportedAndTrapsNowhere() throws {
    let good = try AgentTrust(Vendor.root(timestamp: [21])).memory
    var damaged = good
    damaged.root = String(good.root.dropLast(9))
    #expect(throws: TrustError.self) { try ReleaseVerification(memory: damaged, now: Vendor.now) }
    damaged = good
    var changed = try Envelope(parsing: Array(good.root.utf8), expecting: .root)
    changed.payload[changed.payload.count - 3] = UInt8(ascii: "2")
    damaged.root = changed.text
    #expect(throws: TrustError.self) { try ReleaseVerification(memory: damaged, now: Vendor.now) }
    damaged = good
    damaged.rootDigests = []
    damaged.timestamp = "{"
    damaged.accepted = [
      AgentTrust.target: [
        .init(sequence: .min, minimumSequence: .min, manifest: "", signers: [""]),
        .init(sequence: .max, minimumSequence: .max, manifest: "", signers: ["", ""]),
      ]
    ]
    var agent = AgentTrust(memory: damaged)
    #expect(try agent.staleness() == "TimestampMissing")
    #expect(try agent.memory.takeIn(timestamp: Vendor.statement()))
    try agent.accept(Vendor.sign(Vendor.manifest()))
    #expect(try agent.memory.takeIn(roots: [Vendor.sign(Vendor.root(version: 2, timestamp: [21]))]))
  }
}

extension AgentTrust {
  init(memory: TrustMemory) { self.memory = memory }
}
