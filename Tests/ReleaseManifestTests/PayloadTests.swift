import Cryptography
import ReleaseManifest
import Testing
import WireFormats

/// What payloads may say: each reads back as itself, and each wrong field is named.
@Suite struct PayloadTests {
  @Test func payloadsReadBackAsThemselves() throws {
    let manifest = Vendor.manifest()
    #expect(try Manifest(payload: manifest.payload) == manifest)
    var root = Vendor.root(root: [1, 2, 3], rootThreshold: 2, release: [11, 12], timestamp: [21])
    root.revokedKeys = [Vendor.id(12), Vendor.id(90)]
    root.revokedReleases = [String(repeating: "e", count: 64)]
    root.minimumSequence = 7
    #expect(try TrustRoot(payload: root.payload) == root)
    let statement = TimestampStatement(
      product: "wrktalk", issuedAt: Vendor.now, expires: Vendor.now + .seconds(60), rootVersion: 2, sequence: 9,
      minimumSequence: 8)
    #expect(try TimestampStatement(payload: statement.payload) == statement)
  }

  private static func changed(_ payload: [UInt8], _ path: [String], to value: JSONValue?) throws -> [UInt8] {
    func set(_ json: JSONValue, _ path: ArraySlice<String>) -> JSONValue? {
      guard let name = path.first else { return value }
      if let index = Int(name), var elements = json.array {
        elements[index] = set(elements[index], path.dropFirst()) ?? .null
        return .array(elements)
      }
      var json = json
      json[name] = set(json[name] ?? .null, path.dropFirst())
      return json
    }
    return try #require(set(JSONValue(parsing: payload), path[...])).serialized()
  }

  private static let digest = String(repeating: "a", count: 64)

  static let wrongManifests: [(String, JSONValue?)] = [
    ("product", nil), ("product", 1), ("product", ""), ("product", "a\u{202E}b"), ("product", "a\nb"),
    ("version", nil), ("version", .string(String(repeating: "1", count: 129))),
    ("sequence", nil), ("sequence", 0), ("sequence", -1), ("sequence", "10"), ("sequence", 10.5),
    ("sequence", .integer((1 << 53) + 1)), ("sequence", .number(1e300)), ("sequence", true), ("sequence", nil),
    ("minimumSequence", 11), ("minimumSequence", -1), ("issuedAt", "yesterday"), ("issuedAt", 1_800_000_000),
    ("issuedAt", "9999-12-31T23:59:60-23:59"), ("issuedAt", "0000-01-01T00:00:00Z"),
    ("expires", "2000-01-01T00:00:00Z"), ("expires", nil),
    ("artifacts", nil), ("artifacts", []), ("artifacts", .object([:])), ("artifacts.0.runtime", "helm"),
    ("artifacts.0.sha256", .string(digest.uppercased())), ("artifacts.0.sha256", "aa"), ("artifacts.0.size", 0),
    ("artifacts.0.size", -1), ("images", .object([:])), ("images.0.service", ""), ("images.0.service", "a=b"),
    ("images.0.service", "-a"),
    ("images.0.repository", "registry.example.com/backend@sha256:1"), ("images.0.repository", "a b"),
    ("images.0.repository", "registry.example.com/backend:v1"), ("images.0.repository", "a//b"),
    ("images.0.repository", "../a"), ("images.0.digest", "sha256:00"), ("images.0.digest", .string(digest)),
    ("images.0.digest", .string("sha256:" + digest.uppercased())),
    ("images.0.contentDigests", "x"), ("images.0.contentDigests.0", .string(String(repeating: "x", count: 71))),
    ("images.0.contentDigests.0", nil), ("images.0.digestValue", "a=b"), ("images.0.digestValue", "a,b.c"),
    ("images.0.digestValue", "a..b"), ("images.0.digestValue", "a.{b}"),
    ("imageTags.backend", ""), ("imageTags.backend", "v1,backend.image.repository=evil"), ("imageTags.backend", ".v1"),
    ("imageTags.backend", 1), ("imageTags.back end", "v1"), ("imageTags", []),
    ("settings.0.key", "LD PRELOAD"), ("settings.0.key", "1A"), ("settings.0.key", ""), ("settings.0.value", nil),
    ("settings", .array([["key": "A", "value": "1"], ["key": "A", "value": "2"]])), ("ruleset", []),
    ("ruleset.forced", "yes"), ("ruleset.minimumVersion", ""),
  ]

  @Test(arguments: wrongManifests) func aWrongFieldOfAManifestIsNamed(_ path: String, _ value: JSONValue?) throws {
    let names = path.split(separator: ".").map(String.init)
    let payload = try Self.changed(Vendor.manifest().payload, names, to: value)
    do throws(TrustError) {
      _ = try Manifest(payload: payload)
      Issue.record("\(path) may be \(value?.text ?? "missing")")
    } catch {
      #expect(error.reason == .malformed)
      #expect(error.message.contains(names[0]), "\(error.message)")
    }
  }

  @Test func eachRuntimeHasOneArtifact() throws {
    var manifest = Vendor.manifest()
    manifest.artifacts += manifest.artifacts
    #expect(throws: TrustError.self) { try Manifest(payload: manifest.payload) }
    manifest.artifacts[1].runtime = .helm
    #expect(try Manifest(payload: manifest.payload) == manifest)
  }

  @Test func fieldsOfLaterVersionsAreLeftAlone() throws {
    let payload = try Self.changed(Vendor.manifest().payload, ["later"], to: ["a": 1])
    #expect(try Manifest(payload: payload) == Vendor.manifest())
    let root = try Self.changed(
      Vendor.root().payload, ["roles", "auditor"], to: ["keys": .array([.string(Vendor.id(1).text)]), "threshold": 1])
    #expect(try TrustRoot(payload: root) == Vendor.root())
  }

  static let wrongRoots: [(String, JSONValue?)] = [
    ("product", nil), ("version", 0), ("version", 1.5), ("version", .integer(1 << 40)), ("issuedAt", nil),
    ("expires", "2001-01-01T00:00:00Z"), ("keys", nil), ("keys", .object([:])),
    ("keys.\(Vendor.id(1).text).publicKey", .string(Base64.encode(Vendor.key(2).publicKey.rawRepresentation))),
    ("keys.\(Vendor.id(1).text).publicKey", "AAAA"), ("keys.\(Vendor.id(1).text)", nil),
    ("keys.\(Vendor.id(1).text)", "x"), ("keys.name", .object([:])),
    ("roles", nil), ("roles.root", nil), ("roles.release", nil), ("roles.root.keys", []),
    ("roles.root.keys", .array([.string(Vendor.id(1).text.uppercased())])),
    ("roles.root.keys", .array([.string(Vendor.id(1).text), .string(Vendor.id(1).text)])),
    ("roles.root.keys", .array([.string(Vendor.id(9).text)])),
    ("roles.root.threshold", 0), ("roles.root.threshold", 2), ("roles.root.threshold", -1),
    ("roles.root.threshold", "1"), ("roles.root.threshold", .integer(.max)),
    ("revokedKeys", .array([.string(Vendor.id(1).text)])), ("revokedKeys", "x"),
    ("revokedKeys", .array([.string(Vendor.id(12).text.uppercased())])), ("revokedKeys", ["abc"]),
    ("revokedReleases", .array([.string(digest.uppercased())])), ("minimumSequence", -1),
  ]

  @Test(arguments: wrongRoots) func aWrongFieldOfATrustRootIsRefused(_ path: String, _ value: JSONValue?) throws {
    let payload = try Self.changed(Vendor.root().payload, path.split(separator: ".").map(String.init), to: value)
    #expect(throws: TrustError.self, "\(path) may be \(value?.text ?? "missing")") { try TrustRoot(payload: payload) }
  }

  static let wrongStatements: [(String, JSONValue?)] = [
    ("product", nil), ("issuedAt", nil), ("expires", "2001-01-01T00:00:00Z"), ("rootVersion", 0), ("sequence", -1),
    ("sequence", nil), ("minimumSequence", 11),
  ]

  @Test(arguments: wrongStatements)
  func aWrongFieldOfATimestampStatementIsRefused(_ path: String, _ value: JSONValue?) throws {
    let envelope = try Envelope(parsing: Array(Vendor.statement().utf8), expecting: .timestamp)
    _ = try TimestampStatement(payload: envelope.payload)
    let payload = try Self.changed(envelope.payload, [path], to: value)
    #expect(throws: TrustError.self, "\(path)") { try TimestampStatement(payload: payload) }
  }

  @Test func hugeAndDeepPayloadsAreRefusedWithoutATrap() {
    let deep = [UInt8](repeating: UInt8(ascii: "["), count: 100_000)
    let wide = Array("[\(Array(repeating: "1", count: 60_000).joined(separator: ","))]".utf8)
    for payload in [deep, wide, [], [0], Array("\"\\ud800\"".utf8)] {
      #expect(throws: TrustError.self) { try Manifest(payload: payload) }
      #expect(throws: TrustError.self) { try TrustRoot(payload: payload) }
      #expect(throws: TrustError.self) { try TimestampStatement(payload: payload) }
    }
  }

  @Test func aKeyIsNamedByLowerCaseDigitsOnly() {
    #expect(KeyID(Self.digest)?.short == String(repeating: "a", count: 12))
    for text in ["", "aa", Self.digest.uppercased(), Self.digest + "a", String(repeating: "g", count: 64)] {
      #expect(KeyID(text) == nil, "\(text)")
    }
    #expect(!ImageDigest.isValid("sha256:" + Self.digest.uppercased()))
    #expect(ImageDigest.isValid("sha256:" + Self.digest))
  }
}
