import Cryptography
import ReleaseManifest
import WireFormats

/// A vendor with keys that are the same in every run, and an Agent's view of what it signs.
struct Vendor {
  /// 2027-01-15T08:00:00Z
  static let now = Timestamp(seconds: 1_800_000_000)
  static let day: Int64 = 86_400

  /// Key number `number`.
  static func key(_ number: UInt8) -> Ed25519.PrivateKey {
    do {
      return try Ed25519.PrivateKey(seed: [UInt8](repeating: number, count: 32))
    } catch {
      preconditionFailure("\(error)")
    }
  }

  static func id(_ number: UInt8) -> KeyID { key(number).publicKey.id }

  static func authority(_ keys: [UInt8], _ threshold: Int = 1) -> TrustRoot.Authority {
    TrustRoot.Authority(keys: Set(keys.map(id)), threshold: threshold)
  }

  /// A root with root keys 1…, release keys 11… and, where asked for, timestamp keys 21….
  static func root(
    version: Int64 = 1, root: [UInt8] = [1], rootThreshold: Int = 1, release: [UInt8] = [11], releaseThreshold: Int = 1,
    timestamp: [UInt8] = [], expiresInDays: Int64 = 365, issuedDaysAgo: Int64 = 30
  ) -> TrustRoot {
    var roles: [TrustRoot.Role: TrustRoot.Authority] = [
      .root: authority(root, rootThreshold), .release: authority(release, releaseThreshold),
    ]
    if !timestamp.isEmpty { roles[.timestamp] = authority(timestamp) }
    return TrustRoot(
      product: "wrktalk", version: version, issuedAt: now + .seconds(-issuedDaysAgo * day),
      expires: now + .seconds(expiresInDays * day), keys: (root + release + timestamp).map { key($0).publicKey },
      roles: roles)
  }

  static func sign(_ type: Envelope.PayloadType, _ payload: [UInt8], _ keys: [UInt8]) -> String {
    var envelope = Envelope(payloadType: type, payload: payload)
    for number in keys { envelope.sign(with: key(number)) }
    return envelope.text
  }

  static func sign(_ root: TrustRoot, _ keys: [UInt8] = [1]) -> String { sign(.root, root.payload, keys) }

  static func manifest(
    sequence: Int64 = 10, minimumSequence: Int64 = 0, product: String = "wrktalk", issuedDaysAgo: Int64 = 1,
    expiresInDays: Int64 = 90
  ) -> Manifest {
    Manifest(
      product: product, version: "1.0.\(sequence)", sequence: sequence, minimumSequence: minimumSequence,
      issuedAt: now + .seconds(-issuedDaysAgo * day), expires: now + .seconds(expiresInDays * day),
      artifacts: [Manifest.Artifact(runtime: .compose, sha256: String(repeating: "a", count: 64), size: 1000)],
      images: [
        Manifest.Image(
          service: "backend", repository: "registry.example.com/wrktalk/backend",
          digest: "sha256:" + String(repeating: "b", count: 64),
          contentDigests: ["sha256:" + String(repeating: "c", count: 64)], digestValue: "backend.image.digest")
      ],
      imageTags: ["backend": "v\(sequence)"], settings: [Manifest.Setting(key: "MODE", value: "fast")],
      ruleset: Manifest.Ruleset(forced: true, migration: false, minimumVersion: "1.0.0"))
  }

  static func sign(_ manifest: Manifest, _ keys: [UInt8] = [11]) -> String { sign(.release, manifest.payload, keys) }

  static func statement(
    issuedDaysAgo: Int64 = 1, expiresInDays: Int64 = 7, rootVersion: Int64 = 1, sequence: Int64 = 10,
    minimumSequence: Int64 = 0, product: String = "wrktalk", keys: [UInt8] = [21]
  ) -> String {
    let statement = TimestampStatement(
      product: product, issuedAt: now + .seconds(-issuedDaysAgo * day), expires: now + .seconds(expiresInDays * day),
      rootVersion: rootVersion, sequence: sequence, minimumSequence: minimumSequence)
    return sign(.timestamp, statement.payload, keys)
  }
}

/// What an Agent has come to know.
struct AgentTrust {
  static let target = "Compose/wrktalk"
  var memory: TrustMemory

  init(_ root: TrustRoot = Vendor.root(), signedBy keys: [UInt8] = [1]) throws {
    memory = try TrustMemory(firstRoot: Vendor.sign(root, keys))
  }

  /// The reason why a release is refused; nil where it is not.
  func refusal(
    _ text: String?, _ purpose: ReleaseVerification.Purpose = .deployment, target: String = target,
    at now: Timestamp = Vendor.now
  ) -> TrustError.Reason? {
    do throws(TrustError) {
      _ = try ReleaseVerification(memory: memory, now: now).check(text, for: target, purpose)
      return nil
    } catch {
      return error.reason
    }
  }

  func staleness(at now: Timestamp = Vendor.now) throws -> String? {
    try ReleaseVerification(memory: memory, now: now).staleness()?.reason
  }

  /// Deploys a release that has to be accepted.
  mutating func accept(_ text: String, target: String = target) throws {
    memory.accept(
      try ReleaseVerification(memory: memory, now: Vendor.now).check(text, for: target, .deployment), for: target)
  }

  mutating func takeIn(_ roots: [String]) -> TrustError.Reason? {
    do throws(TrustError) {
      _ = try memory.takeIn(roots: roots)
      return nil
    } catch {
      return error.reason
    }
  }

  var rootVersion: Int64 {
    get throws { try memory.trustRoot().version }
  }
}
