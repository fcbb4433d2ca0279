import Cryptography
import DeploymentKinds
import DeploymentPlanning
import HTTPTransport
import Licensing
import ProgramConfiguration
import ResourceClient
import TestSupport
import Testing
import WireFormats

@testable import Agent

/// What the Agent makes of a Backend's word, and of what the vendor signed.
@Suite struct LicenseCheckTests {
  typealias Verdict = DeploymentFacts.License
  static let vendor = Ed25519.PrivateKey()
  static let now = Timestamp(seconds: 1_800_000_000)
  static let (past, future) = (now + .seconds(-60), now + .seconds(86_400))

  static func token(
    organization: String = "acme", installation: String? = nil, until end: Timestamp? = future,
    key: Ed25519.PrivateKey = vendor
  ) -> String {
    let license = License(
      id: "l", organization: organization, installation: installation, issuedAt: now + .seconds(-600), expiresAt: end)
    return (try? license.token(signedWith: key)) ?? ""
  }

  /// In words: the verdict, without its message.
  private func word(_ verdict: Verdict) -> String {
    switch verdict {
    case .notChecked: "notChecked"
    case .valid: "valid"
    case .notOffered: "notOffered"
    case .notConfigured: "notConfigured"
    case .expired: "expired"
    case .rejected: "rejected"
    case .unavailable: "unavailable"
    }
  }

  // MARK: A Backend that is believed

  /// Answers of this version, of earlier ones and of the specification.
  @Test(
    arguments: [
      (["valid": true, "expiresAt": "2025-12-31T23:59:59Z"], .valid),
      (["valid": false, "expiresAt": "2025-12-31T23:59:59Z"], .expired(at: Timestamp("2025-12-31T23:59:59Z"))),
      (["valid": true, "configured": false, "expiresAt": .null], .notConfigured),
      (["valid": true, "configured": false, "state": "NotConfigured", "expiresAt": .null], .notConfigured),
      (["valid": true, "state": "NotConfigured"], .notConfigured),
      (["valid": true, "state": "Valid", "message": "the licence is valid"], .valid),
      (["valid": false, "expiresAt": .null, "message": "it is forged"], .rejected(message: "it is forged")),
      (["valid": false, "state": "WrongInstallation", "message": "not yours"], .rejected(message: "not yours")),
      (["valid": false, "state": "Expired", "message": "it is over"], .expired(at: nil)),
      (["valid": false], .expired(at: nil)),
      (["ok": 1], .unavailable(message: "The Backend's answer about the licence has no member \"valid\"")),
    ] as [(JSONValue, Verdict)])
  func withoutAKeyTheBackendIsBelieved(answer: JSONValue, verdict: Verdict) {
    #expect(LicenseStatement(answer).claim == verdict)
  }

  // MARK: The vendor's key

  /// What the Backend claims, the token that it gives, the one in the Agent's file, and the verdict.
  @Test(
    arguments: [
      // A claim alone is nothing.
      (.valid, nil, nil, "rejected"), (.notConfigured, nil, nil, "rejected"), (.notOffered, nil, nil, "rejected"),
      (.expired(at: nil), nil, nil, "expired"), (.rejected(message: "forged"), nil, nil, "rejected"),
      (.unavailable(message: "away"), nil, nil, "unavailable"),
      // What was signed counts, whatever is claimed.
      (.valid, token(), nil, "valid"), (.expired(at: nil), token(), nil, "valid"),
      (.valid, token(until: past), nil, "expired"), (.valid, token(until: nil), nil, "valid"),
      (.valid, token(key: Ed25519.PrivateKey()), nil, "rejected"), (.valid, "x", nil, "rejected"),
      (.valid, token(organization: "other"), nil, "rejected"), (.valid, token(installation: "i-2"), nil, "rejected"),
      (.valid, token(installation: "i-1"), nil, "valid"),
      // The file of the Agent.
      (.notOffered, nil, token(), "valid"), (.unavailable(message: "away"), nil, token(), "valid"),
      (.notOffered, nil, token(until: past), "expired"),
      (.unavailable(message: "away"), nil, token(until: past), "unavailable"),
      (.valid, token(), token(until: past), "valid"), (.valid, token(until: past), token(), "valid"),
      (.valid, "x", token(), "valid"), (.valid, nil, "x", "rejected"),
    ] as [(Verdict, String?, String?, String)])
  func withAKeyOnlyWhatTheVendorSignedCounts(claim: Verdict, token: String?, own: String?, verdict: String) {
    let check = LicenseCheck(keys: LicenseKeys([Self.vendor.publicKey]), organization: "acme")
    let said = LicenseStatement(claim: claim, token: token, installation: "i-1")
    #expect(word(check.verdict(on: said, own: own.map { .success($0) }, at: Self.now)) == verdict)
  }

  @Test func itIsSaidWhatToDoWhereThereIsNothingToCheck() {
    let check = LicenseCheck(keys: LicenseKeys([Self.vendor.publicKey]))
    guard case .rejected(let message) = check.verdict(on: LicenseStatement(claim: .valid), own: nil, at: Self.now)
    else {
      Issue.record("a claim was believed")
      return
    }
    #expect(message.contains("does not show it") && message.contains("WRKTALK_AGENT_LICENSE_FILE"))
  }

  @Test func theTokenComesWithTheBackendsAnswerAndTheFileIsReadAnew() async throws {
    let answer: JSONValue = ["valid": false, "state": "Expired", "token": .string(Self.token(until: Self.past))]
    let server = try LoopbackServer { _, connection in
      connection.respond(headers: ["Content-Type: application/json"], body: answer.serialized())
    }
    let http = HTTPClient(userAgent: "test")
    let client = ResourceClient(
      endpoint: APIEndpoint(server.url, token: .fixed("token")), http: http, timeout: .seconds(10))
    let folder = try TemporaryFolder()
    let backend = LicensedBackend(
      services: client,
      check: LicenseCheck(keys: LicenseKeys([Self.vendor.publicKey]), file: folder.file("license")),
      statement: { await client.licenseStatement() }, now: { Self.now })
    #expect(await backend.license() == .expired(at: Self.past))
    try folder.write(Self.token() + "\n", to: "license")
    #expect(await backend.license() == .valid)
    #expect(await client.license() == .expired(at: nil))
    await http.shutdown()
  }

  // MARK: Settings

  private func configuration(_ variables: [String: String]) throws(ConfigurationError) -> AgentConfiguration {
    var environment = ["WRKTALK_AGENT_DEPLOYMENT_TYPE": "docker", "WRKTALK_AGENT_TOKEN_FILE": "/run/agent.token"]
    environment.merge(variables) { $1 }
    return try AgentConfiguration(environment: environment, isRoot: true) {
      $0 == "/vendor.pem" ? Self.vendor.publicKey.pem : $0 == "/empty.pem" ? "" : nil
    }
  }

  @Test func theVendorsKeyIsASettingOfTheAgents() throws {
    #expect(try configuration([:]).license == nil)
    let check = LicenseCheck(
      keys: LicenseKeys([Self.vendor.publicKey]), organization: "acme", file: "/license")
    #expect(
      try configuration([
        "WRKTALK_AGENT_VENDOR_PUBLIC_KEY_FILE": "/vendor.pem", "WRKTALK_AGENT_LICENSE_FILE": "/license",
        "WRKTALK_AGENT_ORGANIZATION_NAME": "acme",
      ]).license == check)
    #expect(
      try configuration(["WRKTALK_AGENT_VENDOR_PUBLIC_KEY": Self.vendor.publicKey.pem]).license?.keys == check.keys)
  }

  @Test(arguments: [
    (["VENDOR_PUBLIC_KEY_FILE": "/none"], "VENDOR_PUBLIC_KEY_FILE"),
    (["VENDOR_PUBLIC_KEY_FILE": "/empty.pem"], "VENDOR_PUBLIC_KEY_FILE"),
    (["VENDOR_PUBLIC_KEY": "x"], "VENDOR_PUBLIC_KEY"),
    (["VENDOR_PUBLIC_KEY": "x", "VENDOR_PUBLIC_KEY_FILE": "/vendor.pem"], "VENDOR_PUBLIC_KEY"),
    // Without a key nothing could be checked, and nobody would notice.
    (["LICENSE_FILE": "/license"], "LICENSE_FILE"), (["ORGANIZATION_NAME": "acme"], "ORGANIZATION_NAME"),
    (["VENDOR_PUBLIC_KEY_FILE": "/vendor.pem", "LICENSE_FILE": "license"], "LICENSE_FILE"),
  ])
  func aWrongSettingIsNamed(variables: [String: String], name: String) {
    let error = #expect(throws: ConfigurationError.self) {
      try configuration(Dictionary(uniqueKeysWithValues: variables.map { ("WRKTALK_AGENT_\($0.key)", $0.value) }))
    }
    #expect(error?.setting == "WRKTALK_AGENT_\(name)")
  }
}
