import Cryptography
import Testing
import WireFormats

@testable import Backend

@Suite struct LicenseTests {
  static let vendor = Ed25519.PrivateKey()
  static let now = Timestamp(seconds: 1_800_000_000)

  static func token(_ payload: String, key: Ed25519.PrivateKey = vendor) -> String {
    let first = Base64.encode(Array(payload.utf8), alphabet: .urlSafe)
    return "\(first).\(Base64.encode(key.signature(for: Array(first.utf8)), alphabet: .urlSafe))"
  }

  private func answer(_ license: LicenseSource.Value?, key: LicenseSource.Value? = .text(vendor.publicKey.pem))
    -> JSONValue
  {
    LicenseSource(license: license, vendorKey: key, read: { $0 == "/there" ? Self.token("{}") + "\n" : nil })
      .state().json(at: Self.now)
  }

  @Test func withoutALicenceNothingIsChecked() {
    #expect(answer(nil) == ["valid": true, "configured": false, "expiresAt": .null])
  }

  @Test(arguments: [
    ("{\"organization\":\"acme\",\"expiresAt\":\"2030-01-01T00:00:00Z\"}", true),
    ("{\"organization\":\"acme\",\"expiresAt\":\"2027-01-15T08:00:00Z\"}", false),
    ("{\"organization\":\"acme\",\"expiresAt\":null}", true), ("{\"organization\":\"acme\"}", true),
    ("{\"organization\":\"acme\",\"expiresAt\":\"soon\"}", false), ("{\"expiresAt\":null}", false), ("no JSON", false),
  ])
  func aLicenceIsValidUntilItsTime(payload: String, isValid: Bool) {
    #expect(answer(.text(Self.token(payload)))["valid"] == .bool(isValid))
  }

  @Test func aForeignSignatureIsRefused() {
    let forged = Self.token("{\"organization\":\"acme\"}", key: Ed25519.PrivateKey())
    let rejected = answer(.text(forged))
    #expect(rejected["valid"] == false)
    #expect(rejected["message"] == "the licence is not signed with the vendor's key")
    #expect(!rejected.text.contains(forged))
  }

  @Test(arguments: ["", "a", "a.b.c", "!.!", "YQ.YQ"])
  func whatIsNoLicenceIsRefused(text: String) {
    #expect(answer(.text(text))["valid"] == false)
  }

  @Test func aFileThatCannotBeReadIsNamed() {
    #expect(answer(.file("/nowhere"))["message"] == "the licence cannot be read from /nowhere")
    #expect(answer(.file("/there"))["message"] == "the licence names no organization")
    #expect(answer(.text("x"), key: nil)["message"]?.string?.contains("WRKTALK_VENDOR_PUBLIC_KEY_FILE") == true)
  }
}
