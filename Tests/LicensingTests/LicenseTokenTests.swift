import Cryptography
import Testing
import WireFormats

@testable import Licensing

@Suite struct LicenseTokenTests {
  private func problem(_ token: String, _ keys: LicenseKeys = LicenseSamples.keys) -> String? {
    do throws(LicenseError) {
      _ = try License(token: token, keys: keys)
      return nil
    } catch {
      return error.message
    }
  }

  @Test func aTokenSaysWhatWasSigned() throws {
    var license = License(
      id: "l-1", organization: "acme", installation: "i-1", issuedAt: LicenseSamples.now,
      notBefore: LicenseSamples.days(1), expiresAt: LicenseSamples.days(365), edition: "enterprise ü",
      limits: ["users": 500, "support": "gold", "trial": false])
    let token = try license.token(signedWith: LicenseSamples.vendor)
    license.keyID = LicenseKeys.id(of: LicenseSamples.vendor.publicKey)
    #expect(try License(token: token, keys: LicenseSamples.keys) == license)
    #expect(try License(token: " \(token)\r\n", keys: LicenseSamples.keys) == license)
  }

  /// Tokens of the first version hold two members.
  @Test func oldTokensStayValidAndHaveANameOfTheirOwn() throws {
    let token = LicenseSamples.token("{\"organization\":\"acme\",\"expiresAt\":\"2030-01-01T00:00:00Z\"}")
    let license = try License(token: token, keys: LicenseSamples.keys)
    #expect(license.organization == "acme" && license.expiresAt == Timestamp("2030-01-01T00:00:00Z"))
    #expect(license.installation == nil && license.issuedAt == nil && license.notBefore == nil && license.keyID == nil)
    #expect(license.id.hasPrefix("sha256-") && license.id.utf8.count == 23)
    #expect(try License(token: token, keys: LicenseSamples.keys).id == license.id)
    let other = try License(token: LicenseSamples.token("{\"organization\":\"acme\"}"), keys: LicenseSamples.keys)
    #expect(other.id != license.id && other.expiresAt == nil)
  }

  @Test func membersOfOtherNamesDecideNothing() throws {
    let license = try License(
      token: LicenseSamples.token("{\"organization\":\"acme\",\"valid\":false,\"x\":[1],\"limits\":[1],\"edition\":7}"),
      keys: LicenseSamples.keys)
    #expect(license.period(at: LicenseSamples.now) == .running)
    #expect(license.limits.isEmpty && license.edition == nil)
  }

  @Test(arguments: [
    ("no JSON", "no JSON object"), ("[]", "no JSON object"), ("{\"expiresAt\":null}", "names no organization"),
    ("{\"organization\":\"acme\",\"expiresAt\":\"soon\"}", "expiresAt is not a time"),
    ("{\"organization\":\"acme\",\"notBefore\":12}", "notBefore is not a time"),
    ("{\"organization\":\"acme\",\"expiresAt\":\"1969-12-31T23:59:59Z\"}", "expiresAt is not a time"),
    ("{\"organization\":\"\"}", "organization is not text"),
    ("{\"organization\":\"a\\u0000\"}", "organization is not text"),
    ("{\"organization\":\"acme\",\"installation\":false}", "installation is not text"),
    ("{\"organization\":\"acme\",\"id\":{}}", "id is not text"),
    // Twice: which of them would count?
    ("{\"organization\":\"acme\",\"organization\":\"other\"}", "no JSON object"),
    (
      "{\"organization\":\"acme\",\"notBefore\":\"2030-01-01T00:00:00Z\",\"expiresAt\":\"2029-01-01T00:00:00Z\"}",
      "before it begins"
    ),
    (
      "{\"organization\":\"acme\",\"x\":\(String(repeating: "[", count: 20))\(String(repeating: "]", count: 20))}",
      "no JSON object"
    ),
    (
      "{\"organization\":\"acme\",\"x\":[\(String(repeating: "1,", count: 300))1]}", "no JSON object"
    ),
  ])
  func whatIsSignedAndNotUnderstoodIsRefused(payload: String, message: String) {
    let problem = problem(LicenseSamples.token(payload))
    #expect(problem?.contains(message) == true, "\(problem ?? "it was understood")")
  }

  @Test(arguments: ["", "a", "a.b.c", "!.!", "YQ.YQ", ".", "\u{0}.\u{0}", String(repeating: "a", count: 9000)])
  func whatIsNoTokenIsRefused(text: String) {
    #expect(problem(text) != nil)
  }

  @Test func aForeignSignatureIsRefusedAndTheTokenNotShown() throws {
    let payload = "{\"organization\":\"acme\"}"
    let forged = LicenseSamples.token(payload, key: Ed25519.PrivateKey())
    let message = try #require(problem(forged))
    #expect(message.contains("not signed with the vendor's key") && !message.contains(forged.prefix(20)))
    // Signed by the vendor, then changed.
    let signature = LicenseSamples.token(payload).split(separator: ".")[1]
    let changed = Base64.encode(Array("{\"organization\":\"evil\"}".utf8), alphabet: .urlSafe)
    #expect(problem("\(changed).\(signature)") != nil)
  }

  /// The vendor takes a new key into use while licences by the old one still run.
  @Test func severalKeysAreValidAtATime() throws {
    let new = Ed25519.PrivateKey()
    let both = try LicenseKeys(
      parsing: "# the old key\n\(LicenseSamples.vendor.publicKey.pem)\r\n\n\(new.publicKey.pem)")
    #expect(both.ids.count == 2)
    for key in [LicenseSamples.vendor, new] {
      let license = LicenseSamples.license()
      #expect(problem(try license.token(signedWith: key), both) == nil)
      #expect(problem(LicenseSamples.token("{\"organization\":\"acme\"}", key: key), both) == nil)
    }
    let unknown = try #require(problem(try LicenseSamples.license().token(signedWith: new)))
    #expect(unknown.contains(LicenseKeys.id(of: new.publicKey)) && unknown.contains("add the vendor's new public key"))
  }

  /// The id is a hint of which key to try, and nothing that is believed.
  @Test func aTokenThatNamesAnothersKeyIsRefused() throws {
    let other = Ed25519.PrivateKey()
    let payload = "{\"organization\":\"acme\",\"keyId\":\"\(LicenseKeys.id(of: LicenseSamples.vendor.publicKey))\"}"
    #expect(problem(LicenseSamples.token(payload, key: other)) != nil)
    let both = LicenseKeys([other.publicKey, LicenseSamples.vendor.publicKey])
    #expect(problem(LicenseSamples.token(payload, key: other), both) != nil)
  }

  @Test(arguments: [
    ("", "there is no key"), ("# nothing\n", "there is no key"), ("xyz", "cannot be read"),
    ("-----BEGIN PUBLIC KEY-----\nMCow", "was cut off"), (String(repeating: "a", count: 70_000), "no file of keys"),
  ])
  func whatIsNoFileOfKeysIsRefused(text: String, message: String) {
    let error = #expect(throws: LicenseError.self) { try LicenseKeys(parsing: text) }
    #expect(error?.message.contains(message) == true, "\(error?.message ?? "")")
  }

  @Test func keysMayBeWrittenAsBase64() throws {
    let line = Base64.encode(LicenseSamples.vendor.publicKey.rawRepresentation)
    #expect(try LicenseKeys(parsing: "  \(line)\n") == LicenseSamples.keys)
    let many = (0...LicenseKeys.maximumCount).map { _ in
      Base64.encode(Ed25519.PrivateKey().publicKey.rawRepresentation)
    }
    #expect(throws: LicenseError.self) { try LicenseKeys(parsing: many.joined(separator: "\n")) }
  }

  @Test(
    arguments: [
      ["limit": ["a": 1]], ["limit": "a\u{7}"], ["": 1], ["limit": 1.5],
    ] as [[String: JSONValue]])
  func whatCouldNotBeReadAgainIsNotSigned(limits: [String: JSONValue]) {
    var license = LicenseSamples.license()
    license.limits = limits
    #expect(throws: LicenseError.self) { try license.token(signedWith: LicenseSamples.vendor) }
  }
}
