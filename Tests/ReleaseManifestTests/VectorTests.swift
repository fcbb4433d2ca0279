import Cryptography
import FoundationEssentials
import Processes
import ReleaseManifest
import TestSupport
import Testing
import WireFormats

/// Signed releases as another implementation, `vectors.py`, makes and checks them.
@Suite struct VectorTests {
  struct Vector: Decodable, Sendable, CustomTestStringConvertible {
    var name: String
    var root: String
    var successors: [String]
    var release: String
    var refusal: String?
    var testDescription: String { name }
  }

  private struct File: Decodable {
    var now: Timestamp
    var cases: [Vector]
  }

  private static let file: Result<File, any Error> = Result {
    let path = "\(Testbed.repository)/Tests/Fixtures/trust/vectors.json"
    return try JSONValue(parsing: Array(try Data(contentsOf: URL(filePath: path)))).decoded(as: File.self)
  }

  @Test func thereAreVectors() throws { #expect(try Self.file.get().cases.count == 20) }

  @Test(arguments: (try? file.get().cases) ?? []) func whatTheOtherImplementationSignedIsJudgedAlike(_ vector: Vector)
    throws
  {
    var memory = try TrustMemory(firstRoot: vector.root)
    if !vector.successors.isEmpty { #expect(try memory.takeIn(roots: vector.successors)) }
    let verification = try ReleaseVerification(memory: memory, now: try Self.file.get().now)
    do throws(TrustError) {
      let release = try verification.check(vector.release, for: AgentTrust.target, .deployment)
      #expect(vector.refusal == nil)
      #expect(release.manifest.settings == [.init(key: "GREETING", value: "Grüß Gott 😀 / \\ \"")])
    } catch {
      #expect(error.reason.rawValue == vector.refusal, "\(error)")
    }
  }

  @Test(.needs(.pythonClients), .timeLimit(.minutes(2)))
  func whatIsSignedHereTheOtherImplementationAccepts() async throws {
    let folder = try TemporaryFolder()
    var manifest = Vendor.manifest()
    manifest.settings = [.init(key: "GREETING", value: "Grüß Gott 😀 / \\ \"")]
    let statement = TimestampStatement(
      product: "wrktalk", issuedAt: Vendor.now, expires: Vendor.now + .seconds(60), rootVersion: 1, sequence: 1)
    let documents: [(String, Envelope.PayloadType, [UInt8], [UInt8])] = [
      ("release.json", .release, manifest.payload, [11, 12]), ("root.json", .root, Vendor.root().payload, [1]),
      ("timestamp.json", .timestamp, statement.payload, [21]), ("unsigned.json", .release, manifest.payload, []),
    ]
    var keys: JSONValue = .object([:])
    let encoded = { (number: UInt8) in JSONValue.string(Base64.encode(Vendor.key(number).publicKey.rawRepresentation)) }
    for (name, type, payload, signers) in documents {
      try folder.write(Vendor.sign(type, payload, signers), to: name)
      keys[name] = [
        "candidates": .array(([1, 11, 12, 21, 99] as [UInt8]).map(encoded)), "signers": .array(signers.map(encoded)),
        "payloadType": .string(type.rawValue), "payload": try JSONValue(parsing: payload),
      ]
    }
    try folder.write(keys.text, to: "keys.json")
    let result = try await ChildProcess.run(
      executable: try Testbed.location(of: .pythonClients),
      arguments: ["\(Testbed.repository)/Tests/ReleaseManifestTests/vectors.py", "check", folder.path],
      environment: ["PATH": "/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1"], timeout: .seconds(60))
    #expect(result.status.isSuccess, "\(result.standardError.text)")
    #expect(result.standardOutput.text == "4 envelopes are right\n")
  }

  /// The script that made the vectors still makes them: nobody has changed one by hand.
  @Test(.needs(.pythonClients), .timeLimit(.minutes(2))) func theVectorsAreWhatTheScriptMakes() async throws {
    let folder = try TemporaryFolder()
    let result = try await ChildProcess.run(
      executable: try Testbed.location(of: .pythonClients),
      arguments: ["\(Testbed.repository)/Tests/ReleaseManifestTests/vectors.py", "make", folder.path],
      environment: ["PATH": "/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1"], timeout: .seconds(60))
    #expect(result.status.isSuccess, "\(result.standardError.text)")
    let kept = try Data(contentsOf: URL(filePath: "\(Testbed.repository)/Tests/Fixtures/trust/vectors.json"))
    #expect(try Data(contentsOf: URL(filePath: folder.file("vectors.json"))) == kept)
  }
}
