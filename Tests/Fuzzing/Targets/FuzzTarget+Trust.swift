import ReleaseManifest
import WireFormats

extension FuzzTarget {
  /// A signed envelope of each type, the payload of each type, and what an Agent remembers: what is understood is written and
  /// understood as the same, and no input is believed that nobody signed.
  static let envelope = FuzzTarget(name: "envelope", maximumByteCount: 8 << 10) { bytes in
    for type in Envelope.PayloadType.allCases {
      guard let envelope = try? Envelope(parsing: bytes, expecting: type) else { continue }
      try require(
        (try? Envelope(parsing: Array(envelope.text.utf8), expecting: type)) == envelope,
        "the envelope reads back as another one: \(envelope.text)")
      try payloads(envelope.payload)
    }
    try payloads(bytes)
    try memory(bytes)
  }

  private static func payloads(_ bytes: [UInt8]) throws {
    if let manifest = try? Manifest(payload: bytes) {
      try require((try? Manifest(payload: manifest.payload)) == manifest, "the manifest reads back as another one")
    }
    if let root = try? TrustRoot(payload: bytes) {
      try require((try? TrustRoot(payload: root.payload)) == root, "the trust root reads back as another one")
      for role in TrustRoot.Role.allCases {
        try require(
          (try? root.checkSignatures(of: Envelope(payloadType: .release, payload: bytes), as: role)) == nil,
          "the role \(role.rawValue) needs no signature")
      }
    }
    if let statement = try? TimestampStatement(payload: bytes) {
      try require(
        (try? TimestampStatement(payload: statement.payload)) == statement, "the statement reads back as another one")
    }
  }

  /// Where the memory was damaged, decisions are refused or made, and trap nowhere.
  private static func memory(_ bytes: [UInt8]) throws {
    guard let value = try? JSONValue(parsing: bytes), var memory = try? value.decoded(as: TrustMemory.self) else {
      return
    }
    let written = try JSONValue(encoding: memory)
    try require((try? written.decoded(as: TrustMemory.self)) == memory, "the memory reads back as another one")
    for now in [Timestamp(microseconds: .min), Timestamp(seconds: 1_800_000_000), Timestamp(microseconds: .max)] {
      guard let verification = try? ReleaseVerification(memory: memory, now: now) else { break }
      _ = try? verification.staleness()
      for target in memory.accepted.keys { _ = try? verification.check(memory.root, for: target, .deployment) }
    }
    let before = memory
    _ = try? memory.takeIn(roots: [memory.root, memory.timestamp ?? ""])
    try require(memory.root == before.root, "a memory's own root follows it")
    _ = try? memory.takeIn(timestamp: memory.timestamp ?? "")
  }
}
